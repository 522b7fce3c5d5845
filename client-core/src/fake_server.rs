//! A server for unit tests that does what the test says, over a real socket.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use keepline_protocol::{
    ActionAck, ActionId, ActionMeta, ConnectAuth, Connected, Epoch, EventMeta, LedgerReady, LedgerStatus,
    Limits, PROTO, Payload, SessionReady, Stream, StreamReady, StreamStatus, Subscribe, Subscribed, Tag,
    engine_io::Handshake,
    names,
    socket_io::{Args, Decoder, EventArgs, Kind, Packet},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Message};

/// Waits for something that has to happen soon; generous, because machines can be slow.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what).await.expect("it did not happen")
}

pub(crate) struct FakeServer {
    listener: TcpListener,
}

impl FakeServer {
    pub(crate) async fn bind() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address())
    }

    /// The next connection, before anything was said on it.
    pub(crate) async fn accept_tcp(&self) -> TcpStream {
        soon(self.listener.accept()).await.unwrap().0
    }

    /// The next connection, up to the engine's first packet.
    pub(crate) async fn accept(&self) -> Peer<TcpStream> {
        Peer::open(self.accept_tcp().await).await
    }

    /// The next connection as a Keepline server with an empty ledger.
    pub(crate) async fn accept_keepline(&self) -> Peer<TcpStream> {
        let mut peer = self.accept().await;
        peer.join_keepline().await;
        peer
    }
}

/// One connection.
pub(crate) struct Peer<T> {
    web: WebSocketStream<T>,
    decoder: Decoder,
    next_position: u64,
}

/// An action as it came.
pub(crate) struct Received {
    pub(crate) ack: u64,
    pub(crate) name: String,
    pub(crate) payload: Payload,
    pub(crate) meta: ActionMeta,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Peer<T> {
    pub(crate) async fn open(io: T) -> Self {
        let mut web = soon(accept_async(io)).await.unwrap();
        let handshake = Handshake {
            sid: "engine".to_owned(),
            upgrades: Vec::new(),
            ping_interval: 25_000,
            ping_timeout: 20_000,
            max_payload: Some(1_000_000),
        };
        let text = format!("0{}", serde_json::to_string(&handshake).unwrap());
        soon(web.send(Message::text(text))).await.unwrap();
        Self { web, decoder: Decoder::default(), next_position: 1 }
    }

    pub(crate) async fn send_text(&mut self, text: impl Into<String>) {
        soon(self.web.send(Message::text(text.into()))).await.unwrap();
    }

    pub(crate) async fn send_binary(&mut self, bytes: Vec<u8>) {
        soon(self.web.send(Message::binary(bytes))).await.unwrap();
    }

    pub(crate) async fn send(&mut self, kind: Kind) {
        let encoded = Packet::root(kind).encode_after("4");
        self.send_text(encoded.text).await;
        for bytes in encoded.attachments {
            self.send_binary(bytes.to_vec()).await;
        }
    }

    /// The next frame of any kind; `None` at the end.
    pub(crate) async fn frame(&mut self) -> Option<Message> {
        soon(self.web.next()).await.and_then(Result::ok)
    }

    /// The next Socket.IO packet; `None` at the end.
    pub(crate) async fn packet(&mut self) -> Option<Kind> {
        loop {
            let packet = match self.frame().await? {
                Message::Text(text) => match text.strip_prefix('4') {
                    Some(text) => self.decoder.text(text).unwrap(),
                    None => None,
                },
                Message::Binary(bytes) => self.decoder.binary(bytes).unwrap(),
                _ => None,
            };
            if let Some(packet) = packet {
                return Some(packet.kind);
            }
        }
    }

    pub(crate) async fn connect(&mut self) -> ConnectAuth {
        match self.packet().await {
            Some(Kind::Connect(Some(auth))) => auth.decode().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn join_plain(&mut self) {
        self.connect().await;
        self.send(Kind::Connect(Some(Payload::new(&json!({"sid": "s"})).unwrap()))).await;
    }

    pub(crate) async fn join_keepline(&mut self) -> ConnectAuth {
        let auth = self.connect().await;
        let connected = Connected { sid: "s".to_owned(), proto: Some(PROTO) };
        self.send(Kind::Connect(Some(Payload::new(&connected).unwrap()))).await;
        let epoch = Epoch::new("log").unwrap();
        let mut streams = BTreeMap::new();
        for stream in auth.resume.keys().cloned().chain([Stream::User]) {
            let head = auth.resume.get(&stream).map_or(0, |cursor| cursor.offset);
            let epoch = Some(epoch.clone());
            let ready =
                StreamReady { status: StreamStatus::Ok, epoch, head, tag: Some(Tag::START), reset: None };
            streams.insert(stream, ready);
        }
        let ready = SessionReady {
            proto: PROTO,
            session: "s".to_owned(),
            user: "alice".to_owned(),
            expires_at: "2030-01-01T00:00:00Z".to_owned(),
            limits: Limits {
                action_bytes: 65_536,
                event_bytes: 65_536,
                streams: 256,
                actions_per_second: 1_000,
            },
            ledger: LedgerReady {
                epoch: Epoch::new("ledger").unwrap(),
                position: 0,
                tag: Tag::START,
                floor: 0,
                status: LedgerStatus::Ok,
            },
            streams,
        };
        self.event(names::SESSION_READY, &[&Payload::new(&ready).unwrap()]).await;
        auth
    }

    pub(crate) async fn event(&mut self, name: &str, args: &[&Payload]) {
        let args = args.iter().fold(Args::event(name), |built, arg| built.payload(arg)).build();
        self.send(Kind::Event { id: None, args }).await;
    }

    /// Sends events `from..=to` of a stream.
    pub(crate) async fn events(&mut self, stream: &Stream, from: u64, to: u64) {
        for offset in from..=to {
            let meta = EventMeta {
                stream: Some(stream.clone()),
                epoch: Some(Epoch::new("log").unwrap()),
                offset: Some(offset),
                tag: Some(Tag::START),
                ts: None,
            };
            let payload = Payload::new(&json!({"n": offset})).unwrap();
            self.event("test:recorded:v1", &[&payload, &Payload::new(&meta).unwrap()]).await;
        }
    }

    /// The next event that asks for an acknowledgement: name, arguments, id.
    pub(crate) async fn asked(&mut self) -> (u64, EventArgs) {
        loop {
            match self.packet().await {
                Some(Kind::Event { id: Some(id), args }) => return (id, args.into_event().unwrap()),
                Some(_) => {}
                None => panic!("the connection ended"),
            }
        }
    }

    /// The next subscription, answered as live from where it begins, with `head` events behind it that the caller
    /// sends before.
    pub(crate) async fn subscribe(&mut self, head: u64) -> Subscribe {
        let (id, event) = self.asked().await;
        assert_eq!(event.name, names::STREAM_SUBSCRIBE);
        let subscribe: Subscribe = decode(&event.args[0]);
        let from = subscribe.after.unwrap_or(0);
        self.events(&subscribe.stream, from + 1, head).await;
        let epoch = Some(Epoch::new("log").unwrap());
        let page = Subscribed { status: StreamStatus::Ok, epoch, from, head, more: false, reset: None };
        let mut answer = serde_json::to_value(&page).unwrap();
        answer["ok"] = true.into();
        self.ack(id, &answer).await;
        subscribe
    }

    pub(crate) async fn action(&mut self) -> Received {
        let (ack, event) = self.asked().await;
        let [payload, meta] = &event.args[..] else { panic!("{} arguments", event.args.len()) };
        Received { ack, name: event.name, payload: payload.clone(), meta: decode(meta) }
    }

    pub(crate) async fn ack(&mut self, id: u64, answer: &impl Serialize) {
        let args = Args::ack().value(answer).unwrap().build();
        self.send(Kind::Ack { id, args }).await;
    }

    /// Applies an action: it gets the next position.
    pub(crate) async fn accept_action(&mut self, action: &Received, reply: serde_json::Value) -> ActionId {
        let answer = ActionAck {
            ok: true,
            reply: Some(Payload::new(&reply).unwrap()),
            error: None,
            position: Some(self.next_position),
            tag: Some(Tag::START.next(b"", &self.next_position.to_be_bytes())),
            dup: false,
            forgotten: false,
        };
        self.next_position += 1;
        self.ack(action.ack, &answer).await;
        action.meta.id
    }
}

fn decode<T: DeserializeOwned>(payload: &Payload) -> T {
    payload.decode().unwrap()
}
