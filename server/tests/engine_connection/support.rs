//! A server on a port of its own, and small clients that can misbehave.

use std::{future::Future, net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use keepline_server::connection::{
    Acceptor, EngineConfig, Link, LinkSender, ServeOptions, TrySendError, bind, engine_routes, serve,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest, protocol::frame::coding::CloseCode},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Nothing here takes this long, not even a heartbeat in virtual time; a test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for what has to happen.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("it has to happen soon")
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _stop: DropGuard,
}

impl Server {
    pub(crate) fn start(config: EngineConfig, acceptor: impl Acceptor) -> Self {
        Self::start_with(config, ServeOptions::default(), acceptor)
    }

    pub(crate) fn start_with(config: EngineConfig, options: ServeOptions, acceptor: impl Acceptor) -> Self {
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let routes = engine_routes("/engine.io/", config, acceptor);
        tokio::spawn(serve(listener, routes, options, shutdown.clone()));
        Self { address, _stop: shutdown.drop_guard() }
    }

    /// A server whose sessions are played by the test itself.
    pub(crate) fn start_for_test(config: EngineConfig) -> (Self, Links) {
        let (hand, links) = hand();
        (Self::start(config, hand), links)
    }

    pub(crate) fn start_echo(config: EngineConfig) -> Self {
        Self::start(config, Echo)
    }

    pub(crate) fn start_echo_with(config: EngineConfig, options: ServeOptions) -> Self {
        Self::start_with(config, options, Echo)
    }

    /// A request on a connection of its own.
    pub(crate) async fn request(&self, request: Request<'_>) -> Reply {
        let mut stream = self.connect().await;
        stream.write_all(&request.bytes()).await.unwrap();
        read_reply(&mut stream).await
    }

    pub(crate) async fn get(&self, target: &str) -> Reply {
        self.request(Request { target, ..Request::default() }).await
    }

    pub(crate) async fn post(&self, target: &str, body: &str) -> Reply {
        self.request(Request { method: "POST", target, body: body.as_bytes(), ..Request::default() }).await
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Waits until a session is no more.
    pub(crate) async fn gone(&self, session: &str) {
        while self.post(session, "6").await.code() != Some(1) {}
    }

    /// Opens a session over polling and gives the target of its requests.
    pub(crate) async fn open_polling(&self) -> String {
        let reply = self.get("/engine.io/?EIO=4&transport=polling").await;
        assert_eq!(reply.status, 200);
        format!("/engine.io/?EIO=4&transport=polling&sid={}", reply.handshake()["sid"].as_str().unwrap())
    }

    /// Opens a session over a WebSocket, past its handshake.
    pub(crate) async fn open_websocket(&self) -> Client {
        let mut client = self.websocket("/engine.io/?EIO=4&transport=websocket").await.unwrap();
        assert!(client.text().await.starts_with('0'));
        client
    }

    pub(crate) async fn websocket(&self, target: &str) -> Result<Client, tungstenite::Error> {
        self.websocket_with(target, &[]).await
    }

    pub(crate) async fn websocket_with(
        &self,
        target: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Client, tungstenite::Error> {
        let mut request = format!("ws://{}{target}", self.address).into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (socket, _) = client_async(request, self.connect().await).await?;
        Ok(Client(socket))
    }
}

/// The sessions that were opened, in order.
pub(crate) struct Links(mpsc::UnboundedReceiver<Link>);

impl Links {
    pub(crate) async fn next(&mut self) -> Link {
        soon(self.0.recv()).await.unwrap()
    }
}

/// An acceptor that gives each session to the test.
pub(crate) fn hand() -> (Hand, Links) {
    let (links, opened) = mpsc::unbounded_channel();
    (Hand(links), Links(opened))
}

/// Gives each session to the test.
#[derive(Clone)]
pub(crate) struct Hand(mpsc::UnboundedSender<Link>);

impl Acceptor for Hand {
    async fn accept(&self, link: Link) {
        // A test that has ended needs no more sessions.
        let _ = self.0.send(link);
    }
}

/// Sends back what comes.
#[derive(Clone)]
struct Echo;

impl Acceptor for Echo {
    async fn accept(&self, mut link: Link) {
        let sender = link.sender();
        while let Some(message) = link.recv().await {
            if sender.send(message).await.is_err() {
                break;
            }
        }
    }
}

/// An HTTP request, a GET unless said otherwise.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a [u8],
}

impl Default for Request<'_> {
    fn default() -> Self {
        Self { method: "GET", target: "/", headers: &[], body: &[] }
    }
}

impl Request<'_> {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut head =
            format!("{} {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", self.method, self.target);
        for (name, value) in self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if self.method == "POST" {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        [head.as_bytes(), b"\r\n", self.body].concat()
    }
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// The first packet of a session.
    pub(crate) fn handshake(&self) -> serde_json::Value {
        serde_json::from_str(self.body.strip_prefix('0').unwrap()).unwrap()
    }

    /// The engine's error code.
    pub(crate) fn code(&self) -> Option<u64> {
        serde_json::from_str::<serde_json::Value>(&self.body).ok()?["code"].as_u64()
    }
}

/// Reads a reply on a connection that is closed after it. A connection that is closed without one has status 0.
pub(crate) async fn read_reply(stream: &mut (impl AsyncRead + Unpin)) -> Reply {
    let mut bytes = Vec::new();
    // A reset after the reply is as good as an end.
    let _ = soon(stream.read_to_end(&mut bytes)).await;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Reply { status, head: head.to_owned(), body: body.to_owned() }
}

/// Sends until neither the queue nor the kernel's buffers take any more, and says how many went.
pub(crate) async fn fill(sender: &LinkSender, text: impl Fn(u32) -> String) -> u32 {
    let mut sent = 0;
    loop {
        match sender.try_send(keepline_server::connection::Message::Text(text(sent))) {
            Ok(()) => sent += 1,
            Err(TrySendError::Closed) => panic!("still open"),
            Err(TrySendError::Full) => {
                // Whether the socket takes any more shows after the other task has had its turns.
                let before = sender.queued();
                for _ in 0..200 {
                    tokio::task::yield_now().await;
                }
                if sender.queued() == before {
                    return sent;
                }
            }
        }
    }
}

/// A WebSocket client that does only what it is told to.
pub(crate) struct Client<S = TcpStream>(pub(crate) WebSocketStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    pub(crate) async fn send_binary(&mut self, bytes: &[u8]) {
        self.0.send(Message::binary(bytes.to_vec())).await.unwrap();
    }

    /// The next text.
    pub(crate) async fn text(&mut self) -> String {
        match soon(self.0.next()).await {
            Some(Ok(Message::Text(text))) => text.as_str().to_owned(),
            other => panic!("a text was due, not {other:?}"),
        }
    }

    pub(crate) async fn binary(&mut self) -> Vec<u8> {
        match soon(self.0.next()).await {
            Some(Ok(Message::Binary(bytes))) => bytes.to_vec(),
            other => panic!("a binary was due, not {other:?}"),
        }
    }

    /// Everything until the connection ends, and the code that it ended with.
    pub(crate) async fn rest(&mut self) -> (Vec<String>, Option<CloseCode>) {
        let (mut texts, mut code) = (Vec::new(), None);
        while let Some(Ok(message)) = soon(self.0.next()).await {
            match message {
                Message::Text(text) => texts.push(text.as_str().to_owned()),
                Message::Close(frame) => code = frame.map(|frame| frame.code),
                _ => {}
            }
        }
        (texts, code)
    }

    /// Whether that text comes before the connection ends.
    pub(crate) async fn rest_until(&mut self, wanted: &str) -> bool {
        while let Some(Ok(message)) = soon(self.0.next()).await {
            if message == Message::text(wanted) {
                return true;
            }
        }
        false
    }

    pub(crate) async fn close_code(&mut self) -> Option<CloseCode> {
        self.rest().await.1
    }
}
