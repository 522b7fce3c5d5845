use std::{io, net::SocketAddr, time::Duration};

use keepline_server::connection::{
    Acceptor, CloseReason, EngineConfig, Listener, Message, QueueLimit, ServeOptions, Socket, SocketConfig,
    SocketEnd, engine_routes, serve,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    sync::mpsc,
    time::{Instant, sleep},
};
use tokio_tungstenite::{client_async, tungstenite::protocol::frame::coding::CloseCode as WireCode};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::support::{Client, Reply, Request, hand, read_reply, soon};

/// A server on streams in memory, so that time passes only while everybody waits.
struct Server {
    connections: mpsc::UnboundedSender<DuplexStream>,
    _stop: DropGuard,
}

struct Streams(mpsc::UnboundedReceiver<DuplexStream>);

impl Listener for Streams {
    type Io = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, SocketAddr)> {
        let stream = self.0.recv().await.ok_or(io::ErrorKind::NotConnected)?;
        Ok((stream, SocketAddr::from(([127, 0, 0, 1], 1))))
    }
}

impl Server {
    fn start(config: EngineConfig, acceptor: impl Acceptor) -> Self {
        let (connections, accepted) = mpsc::unbounded_channel();
        let shutdown = CancellationToken::new();
        let routes = engine_routes("/engine.io/", config, acceptor);
        tokio::spawn(serve(Streams(accepted), routes, ServeOptions::default(), shutdown.clone()));
        Self { connections, _stop: shutdown.drop_guard() }
    }

    fn connect(&self) -> DuplexStream {
        let (near, far) = duplex(16 * 1024);
        self.connections.send(far).unwrap();
        near
    }

    async fn request(&self, method: &str, target: &str, body: &str) -> Reply {
        let mut stream = self.connect();
        let request = Request { method, target, body: body.as_bytes(), ..Request::default() };
        stream.write_all(&request.bytes()).await.unwrap();
        read_reply(&mut stream).await
    }

    async fn open_polling(&self) -> String {
        let reply = self.request("GET", "/engine.io/?EIO=4&transport=polling", "").await;
        format!("/engine.io/?EIO=4&transport=polling&sid={}", reply.handshake()["sid"].as_str().unwrap())
    }

    async fn websocket(&self, target: &str) -> Client<DuplexStream> {
        Client(client_async(format!("ws://localhost{target}"), self.connect()).await.unwrap().0)
    }

    async fn open_websocket(&self) -> Client<DuplexStream> {
        let mut client = self.websocket("/engine.io/?EIO=4&transport=websocket").await;
        assert!(client.text().await.starts_with('0'));
        client
    }
}

/// Time passes in steps of the clock's wheel, a millisecond each.
#[track_caller]
fn assert_about(elapsed: Duration, seconds: u64) {
    let expected = Duration::from_secs(seconds);
    assert!(
        elapsed >= expected && elapsed < expected + Duration::from_millis(50),
        "{elapsed:?}, not {seconds} s"
    );
}

#[tokio::test(start_paused = true)]
async fn a_websocket_is_pinged_after_25_seconds_and_given_up_10_later() {
    let (hand, mut links) = hand();
    let server = Server::start(EngineConfig::default(), hand);
    let mut client = server.open_websocket().await;
    let mut link = links.next().await;
    let start = Instant::now();
    for round in 1..=3 {
        assert_eq!(client.text().await, "2");
        assert_about(start.elapsed(), 25 * round);
        client.send("3").await;
    }
    assert_eq!(client.text().await, "2");
    assert_eq!(soon(link.recv()).await, None);
    assert_about(start.elapsed(), 110);
    assert_eq!(link.close_reason(), Some(CloseReason::PingTimeout));
}

#[tokio::test(start_paused = true)]
async fn polling_is_pinged_after_25_seconds_and_given_up_10_later() {
    let (hand, mut links) = hand();
    let server = Server::start(EngineConfig::default(), hand);
    let session = server.open_polling().await;
    let mut link = links.next().await;
    let start = Instant::now();
    assert_eq!(server.request("GET", &session, "").await.body, "2");
    assert_about(start.elapsed(), 25);
    assert_eq!(server.request("POST", &session, "3").await.body, "ok");
    assert_eq!(server.request("GET", &session, "").await.body, "2");
    assert_about(start.elapsed(), 50);
    assert_eq!(server.request("GET", &session, "").await.body, "1");
    assert_about(start.elapsed(), 60);
    assert_eq!(soon(link.recv()).await, None);
    assert_eq!(link.close_reason(), Some(CloseReason::PingTimeout));
}

#[tokio::test(start_paused = true)]
async fn a_ping_that_no_poll_fetched_moves_to_the_websocket() {
    let (hand, mut links) = hand();
    let server = Server::start(EngineConfig::default(), hand);
    let session = server.open_polling().await;
    let _link = links.next().await;
    sleep(Duration::from_secs(26)).await;
    let mut client = server.websocket(&session.replace("polling", "websocket")).await;
    client.send("2probe").await;
    assert_eq!(client.text().await, "3probe");
    client.send("5").await;
    let start = Instant::now();
    assert_eq!(client.text().await, "2");
    assert_about(start.elapsed(), 0);
}

/// A peer cannot help it if its pong lies behind messages that the application has not taken.
#[tokio::test(start_paused = true)]
async fn a_pong_behind_messages_that_nobody_takes_is_waited_for() {
    let (hand, mut links) = hand();
    let incoming = QueueLimit { items: 2, bytes: 64 * 1024 };
    let server = Server::start(EngineConfig { incoming, ..EngineConfig::default() }, hand);

    let mut client = server.open_websocket().await;
    let mut link = links.next().await;
    assert_eq!(client.text().await, "2");
    for n in 0..5 {
        client.send(&format!("4{n}")).await;
    }
    client.send("3").await;
    sleep(Duration::from_secs(100)).await;
    for n in 0..5 {
        assert_eq!(soon(link.recv()).await, Some(Message::Text(n.to_string())));
    }
    assert_eq!(client.text().await, "2", "the pong was read");

    let session = server.open_polling().await;
    let mut link = links.next().await;
    assert_eq!(server.request("GET", &session, "").await.body, "2");
    let post = server.request("POST", &session, "40\u{1e}41\u{1e}42\u{1e}43\u{1e}44\u{1e}3");
    let take = async {
        sleep(Duration::from_secs(30)).await;
        for n in 0..5 {
            assert_eq!(soon(link.recv()).await, Some(Message::Text(n.to_string())));
        }
    };
    let (reply, ()) = tokio::join!(post, take);
    assert_eq!(reply.body, "ok");
    assert_eq!(server.request("GET", &session, "").await.body, "2", "the pong was read");
}

#[tokio::test(start_paused = true)]
async fn headers_and_connect_have_5_seconds() {
    #[derive(Clone)]
    struct Quiet(mpsc::UnboundedSender<SocketEnd>);

    impl Acceptor for Quiet {
        async fn accept(&self, link: keepline_server::connection::Link) {
            let mut socket = Socket::new(link, SocketConfig::default());
            while socket.recv().await.is_some() {}
            let _ = self.0.send(socket.end().unwrap());
        }
    }

    let (ends, mut ended) = mpsc::unbounded_channel();
    let server = Server::start(EngineConfig::default(), Quiet(ends));
    let start = Instant::now();
    let mut silent = server.connect();
    assert!(matches!(soon(silent.read(&mut [0])).await, Ok(0) | Err(_)));
    assert_about(start.elapsed(), 5);

    let start = Instant::now();
    let mut client = server.open_websocket().await;
    assert_eq!(client.close_code().await, Some(WireCode::Policy));
    assert_about(start.elapsed(), 5);
    assert_eq!(soon(ended.recv()).await, Some(SocketEnd::Silent));
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_has_10_seconds() {
    let (hand, mut links) = hand();
    let server = Server::start(EngineConfig::default(), hand);
    let session = server.open_polling().await;
    let link = links.next().await;
    let start = Instant::now();
    let mut client = server.websocket(&session.replace("polling", "websocket")).await;
    client.send("2probe").await;
    assert_eq!(client.text().await, "3probe");
    client.rest().await;
    assert_about(start.elapsed(), 10);
    link.sender().try_send(Message::Text("still here".into())).unwrap();
    assert_eq!(server.request("GET", &session, "").await.body, "4still here");
}

#[tokio::test(start_paused = true)]
async fn a_closing_session_waits_5_seconds_for_its_peer() {
    let (hand, mut links) = hand();
    let server = Server::start(EngineConfig::default(), hand);
    let _session = server.open_polling().await;
    let client = server.open_websocket().await;
    for _ in 0..2 {
        let mut link = links.next().await;
        // More than the stream takes.
        link.sender().try_send(Message::Text("x".repeat(100_000))).unwrap();
        let start = Instant::now();
        link.sender().close();
        assert_eq!(soon(link.recv()).await, None);
        assert_about(start.elapsed(), 5);
        assert_eq!(link.close_reason(), Some(CloseReason::Server));
    }
    drop(client);
}
