use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use keepline_protocol::{
    Payload,
    socket_io::{Args, Decoder, Kind, Packet},
};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};
use uuid::Uuid;

use crate::server::TestServer;

/// The longest wait for anything; only a failing test meets it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A Socket.IO client that shows every packet.
pub(crate) struct Peer {
    socket: WebSocketStream<TcpStream>,
    decoder: Decoder,
    next_ack: u64,
    events: VecDeque<(String, Vec<Value>)>,
    acks: VecDeque<(u64, Value)>,
}

/// What came.
pub(crate) enum Came {
    Connect(Value),
    Refused(Value),
    Event(String, Vec<Value>),
    Ack(u64, Value),
    Disconnect,
    Closed,
}

impl Peer {
    /// An engine session without a namespace.
    pub(crate) async fn dial(address: SocketAddr) -> Self {
        let tcp = TcpStream::connect(address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let url = format!("ws://{address}/socket.io/?EIO=4&transport=websocket");
        let (mut socket, _) = client_async(url, tcp).await.unwrap();
        let first = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
        assert!(first.to_text().unwrap().starts_with("0{"), "the engine opens");
        Self {
            socket,
            decoder: Decoder::default(),
            next_ack: 0,
            events: VecDeque::new(),
            acks: VecDeque::new(),
        }
    }

    /// Connects with this `auth`; `Err` is the payload of CONNECT_ERROR.
    pub(crate) async fn connect(address: SocketAddr, auth: &Value) -> Result<(Self, Value), Value> {
        let mut peer = Self::dial(address).await;
        peer.send_connect(auth).await;
        match peer.next().await {
            Came::Connect(reply) => Ok((peer, reply)),
            Came::Refused(error) => Err(error),
            _ => panic!("neither CONNECT nor CONNECT_ERROR"),
        }
    }

    pub(crate) async fn send_connect(&mut self, auth: &Value) {
        self.send_packet(Kind::Connect(Some(Payload::new(auth).unwrap()))).await;
    }

    /// A Keepline client and its `session:ready:v1`.
    pub(crate) async fn keepline(server: &TestServer, subject: &str) -> (Self, Value) {
        Self::resume(server, &server.auth(subject)).await
    }

    /// The same with an `auth` of its own.
    pub(crate) async fn resume(server: &TestServer, auth: &Value) -> (Self, Value) {
        let (mut peer, reply) = Self::connect(server.address, auth).await.unwrap();
        assert_eq!(reply["proto"], 1);
        let (name, args) = peer.next_event().await;
        assert_eq!((name.as_str(), args.len()), ("session:ready:v1", 1));
        assert_eq!(args[0]["session"], reply["sid"]);
        (peer, args.into_iter().next().unwrap())
    }

    /// A stock client.
    pub(crate) async fn stock(server: &TestServer, subject: &str) -> Self {
        let (peer, reply) =
            Self::connect(server.address, &json!({ "token": server.token(subject) })).await.unwrap();
        assert_eq!(reply.as_object().unwrap().keys().collect::<Vec<_>>(), ["sid"]);
        peer
    }

    /// Emits without waiting; the number waits for the answer.
    pub(crate) async fn send(&mut self, name: &str, args: &[Value]) -> u64 {
        let id = self.next_ack;
        self.next_ack += 1;
        self.send_packet(Kind::Event { id: Some(id), args: event(name, args) }).await;
        id
    }

    /// Emits without wanting an answer.
    pub(crate) async fn emit(&mut self, name: &str, args: &[Value]) {
        self.send_packet(Kind::Event { id: None, args: event(name, args) }).await;
    }

    /// Emits and waits for the answer. Events that come before it are kept.
    pub(crate) async fn call(&mut self, name: &str, args: &[Value]) -> Value {
        let id = self.send(name, args).await;
        self.answer(id).await
    }

    /// Submits an action under a fresh id.
    pub(crate) async fn act(&mut self, name: &str, payload: Value) -> Value {
        self.call(name, &[payload, json!({ "id": fresh_id() })]).await
    }

    pub(crate) async fn answer(&mut self, id: u64) -> Value {
        loop {
            if let Some(at) = self.acks.iter().position(|(known, _)| *known == id) {
                return self.acks.remove(at).unwrap().1;
            }
            match self.next().await {
                Came::Ack(id, answer) => self.acks.push_back((id, answer)),
                Came::Event(name, args) => self.events.push_back((name, args)),
                _ => panic!("closed while waiting for an answer"),
            }
        }
    }

    /// The next event, whatever its name.
    pub(crate) async fn next_event(&mut self) -> (String, Vec<Value>) {
        if let Some(event) = self.events.pop_front() {
            return event;
        }
        loop {
            match self.next().await {
                Came::Event(name, args) => return (name, args),
                Came::Ack(id, answer) => self.acks.push_back((id, answer)),
                _ => panic!("closed while waiting for an event"),
            }
        }
    }

    /// The next event of that name; others before it are dropped.
    pub(crate) async fn event(&mut self, name: &str) -> Vec<Value> {
        loop {
            let (came, args) = self.next_event().await;
            if came == name {
                return args;
            }
        }
    }

    /// Events of a stream until one of that name, which is the last given.
    pub(crate) async fn events_until(&mut self, stream: &str, name: &str) -> Vec<(String, Vec<Value>)> {
        let mut events = Vec::new();
        loop {
            let event = self.next_event().await;
            if event.1.get(1).is_some_and(|meta| meta["stream"] == stream) {
                let last = event.0 == name;
                events.push(event);
                if last {
                    return events;
                }
            }
        }
    }

    /// Pulls a stream from its beginning, page after page, until it is live. Its events are kept.
    pub(crate) async fn subscribe_from_start(&mut self, stream: &str) {
        let mut after = 0;
        loop {
            let answer =
                self.call("stream:subscribe:v1", &[json!({ "stream": stream, "after": after })]).await;
            if answer["more"] == false {
                return;
            }
            let newest = self
                .events
                .iter()
                .rev()
                .find(|(_, args)| args.get(1).is_some_and(|meta| meta["stream"] == stream));
            after = newest.expect("a page that is not the last has events").1[1]["offset"].as_u64().unwrap();
        }
    }

    /// Everything that has come before the answer to a question asked now. What the server sends at once is there.
    pub(crate) async fn events_so_far(&mut self) -> Vec<(String, Vec<Value>)> {
        self.call("stream:unsubscribe:v1", &[json!({ "stream": "job:none" })]).await;
        std::mem::take(&mut self.events).into()
    }

    /// Reads until the engine has closed. Panics on a DISCONNECT packet, after which a stock client stays away.
    pub(crate) async fn closed(&mut self) {
        loop {
            match self.next().await {
                Came::Closed => {
                    // Answers the other end's close, or says goodbye to nobody.
                    let _ = self.socket.close(None).await;
                    return;
                }
                Came::Disconnect => panic!("a DISCONNECT packet"),
                Came::Event(name, args) => self.events.push_back((name, args)),
                Came::Ack(id, answer) => self.acks.push_back((id, answer)),
                Came::Connect(_) | Came::Refused(_) => {}
            }
        }
    }

    /// What came, in the order it came.
    pub(crate) fn kept_events(&mut self) -> VecDeque<(String, Vec<Value>)> {
        std::mem::take(&mut self.events)
    }

    pub(crate) async fn hang_up(mut self) {
        // The other end may have closed already.
        let _ = self.socket.close(None).await;
    }

    pub(crate) async fn next(&mut self) -> Came {
        // Once for all of it: the server's pings are no progress.
        #[expect(clippy::disallowed_methods, reason = "a test waits by the runtime's clock")]
        let deadline = Instant::now() + PATIENCE;
        loop {
            let next = timeout_at(deadline, self.socket.next()).await.expect("something comes in time");
            let Some(Ok(message)) = next else { return Came::Closed };
            let Message::Text(text) = message else {
                if message.is_close() {
                    return Came::Closed;
                }
                continue;
            };
            let text = text.as_str();
            match text.as_bytes()[0] {
                b'1' => return Came::Closed,
                b'2' => self.socket.send(Message::text("3")).await.unwrap(),
                b'4' => return came(self.decoder.text(&text[1..]).unwrap().unwrap()),
                _ => {}
            }
        }
    }

    async fn send_packet(&mut self, kind: Kind) {
        let text = Packet::root(kind).encode_after("4").text;
        self.socket.send(Message::text(text)).await.unwrap();
    }
}

/// A new action id.
pub(crate) fn fresh_id() -> String {
    #[expect(clippy::disallowed_methods, reason = "a test's client makes ids")]
    Uuid::now_v7().to_string()
}

fn event(name: &str, args: &[Value]) -> Args {
    args.iter().fold(Args::event(name), |args, arg| args.value(arg).unwrap()).build()
}

fn came(packet: Packet) -> Came {
    match packet.kind {
        Kind::Connect(reply) => Came::Connect(reply.map_or(Value::Null, |reply| reply.decode().unwrap())),
        Kind::ConnectError(error) => Came::Refused(error.decode().unwrap()),
        Kind::Disconnect => Came::Disconnect,
        Kind::Event { args, .. } => {
            let event = args.into_event().unwrap();
            Came::Event(event.name, event.args.iter().map(|arg| arg.decode().unwrap()).collect())
        }
        Kind::Ack { id, args } => Came::Ack(id, args.decode(0).unwrap().unwrap_or(Value::Null)),
    }
}
