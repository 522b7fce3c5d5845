use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use axum::{Router, body::Body, routing::get};
use futures_util::future::join_all;
use keepline_server::connection::{
    Acceptor, Admit, CloseCode, EngineConfig, Link, ServeOptions, Socket, SocketConfig, SocketEnd, TooMany,
    bind, serve,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
};
use tokio_tungstenite::tungstenite::{self, protocol::frame::coding::CloseCode as WireCode};
use tokio_util::sync::CancellationToken;

use crate::support::{Request, Server, read_reply, soon};

/// Reads Socket.IO and reports how each connection ended.
#[derive(Clone)]
struct Quiet(Duration, mpsc::UnboundedSender<SocketEnd>);

impl Acceptor for Quiet {
    async fn accept(&self, link: Link) {
        let mut socket =
            Socket::new(link, SocketConfig { connect_timeout: self.0, ..SocketConfig::default() });
        while socket.recv().await.is_some() {}
        let _ = self.1.send(socket.end().unwrap());
    }
}

#[tokio::test]
async fn connections_that_say_nothing_are_closed() {
    let options = ServeOptions { header_timeout: Duration::from_millis(100), ..ServeOptions::default() };
    let (ends, _ended) = mpsc::unbounded_channel();
    let server = Server::start_with(EngineConfig::default(), options, Quiet(Duration::from_secs(5), ends));
    let silent = (0..300).map(|n| {
        let server = &server;
        async move {
            let mut stream = server.connect().await;
            if n % 2 == 0 {
                // Or never get to the end of their headers.
                stream.write_all(b"GET /engine.io/ HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
            }
            read_reply(&mut stream).await;
        }
    });
    soon(join_all(silent)).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_cut_off() {
    let dropped = CancellationToken::new();
    let guard = dropped.clone();
    // An answer that never ends and knows when nobody wants it any more.
    let router = Router::new().route(
        "/endless",
        get(async move || {
            let guard = guard.clone().drop_guard();
            let chunk = futures_util::stream::repeat_with(move || {
                let _ = &guard;
                Ok::<_, std::convert::Infallible>(bytes::Bytes::from_static(&[b'x'; 10_000]))
            });
            Body::from_stream(chunk)
        }),
    );
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = listener.local_addr().unwrap();
    let options = ServeOptions { write_timeout: Duration::from_millis(100), ..ServeOptions::default() };
    let shutdown = CancellationToken::new();
    let served = tokio::spawn(serve(listener, router, options, shutdown.clone()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&Request { target: "/endless", ..Request::default() }.bytes()).await.unwrap();
    soon(dropped.cancelled()).await;
    shutdown.cancel();
    soon(served).await.unwrap();
}

#[tokio::test]
async fn sessions_that_never_connect_are_cut_off() {
    let (ends, mut ended) = mpsc::unbounded_channel();
    let server = Server::start(EngineConfig::default(), Quiet(Duration::from_millis(100), ends));
    let mut clients = Vec::new();
    for _ in 0..100 {
        clients.push(server.open_websocket().await);
    }
    for client in &mut clients {
        assert_eq!(client.close_code().await, Some(WireCode::Policy));
    }
    let session = server.open_polling().await;
    assert_eq!(server.get(&session).await.body, "1");
    for _ in 0..101 {
        assert_eq!(soon(ended.recv()).await, Some(SocketEnd::Silent));
    }
}

#[tokio::test]
async fn one_session_more_than_allowed_is_refused_until_one_has_ended() {
    let config = EngineConfig { sessions_per_address_max: 2, ..EngineConfig::default() };
    let server = Server::start_echo(config);
    let client = server.open_websocket().await;
    let _session = server.open_polling().await;
    let reply = server.get("/engine.io/?EIO=4&transport=polling").await;
    assert_eq!(reply.status, 429);
    assert!(reply.header("retry-after").is_some());
    let refused = server.websocket("/engine.io/?EIO=4&transport=websocket").await;
    assert!(matches!(refused, Err(tungstenite::Error::Http(reply)) if reply.status() == 429));
    drop(client);
    soon(async { while server.websocket("/engine.io/?EIO=4&transport=websocket").await.is_err() {} }).await;
}

#[tokio::test]
async fn one_connection_more_than_allowed_is_closed() {
    let options = ServeOptions { connections_per_address_max: 2, ..ServeOptions::default() };
    let (ends, _ended) = mpsc::unbounded_channel();
    let server = Server::start_with(EngineConfig::default(), options, Quiet(Duration::from_secs(5), ends));
    let (first, _second) = (server.connect().await, server.connect().await);
    let mut third = server.connect().await;
    assert!(matches!(soon(third.read(&mut [0])).await, Ok(0) | Err(_)));
    drop(first);
    soon(async { while server.get("/engine.io/?EIO=4&transport=polling").await.status != 200 {} }).await;
}

#[tokio::test]
async fn the_application_has_a_say() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let admit = Admit::new(|visitor| {
        assert!(visitor.peer.ip().is_loopback() && visitor.headers.contains_key("host"));
        if ASKED.fetch_add(1, Ordering::Relaxed) == 0 {
            Ok(())
        } else {
            Err(TooMany { retry_after: Duration::from_secs(7) })
        }
    });
    let server = Server::start_echo(EngineConfig { admit, ..EngineConfig::default() });
    let session = server.open_polling().await;
    let reply = server.get("/engine.io/?EIO=4&transport=polling").await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("7")));
    // Asked once for a session, not for each of its requests.
    assert_eq!(server.post(&session, "4x").await.status, 200);
    assert_eq!(ASKED.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_shutdown_waits_for_requests_but_not_for_idle_connections() {
    let (arrived, mut has_arrived) = mpsc::channel(1);
    let go_on = CancellationToken::new();
    let slow = {
        let go_on = go_on.clone();
        async move || {
            arrived.send(()).await.unwrap();
            go_on.cancelled().await;
            "done"
        }
    };
    let router = Router::new().route("/slow", get(slow.clone()));
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let options = ServeOptions { header_timeout: Duration::from_secs(3_600), ..ServeOptions::default() };
    let served = tokio::spawn(serve(listener, router, options, shutdown.clone()));

    let mut idle = TcpStream::connect(address).await.unwrap();
    let mut busy = TcpStream::connect(address).await.unwrap();
    busy.write_all(&Request { target: "/slow", ..Request::default() }.bytes()).await.unwrap();
    soon(has_arrived.recv()).await;
    shutdown.cancel();
    assert!(matches!(soon(idle.read(&mut [0])).await, Ok(0) | Err(_)));
    assert!(TcpStream::connect(address).await.is_err());
    assert!(!served.is_finished());
    go_on.cancel();
    assert_eq!(read_reply(&mut busy).await.body, "done");
    soon(served).await.unwrap();
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_ever() {
    let router = Router::new().route("/stuck", get(std::future::pending::<()>));
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let options = ServeOptions { drain_timeout: Duration::from_millis(50), ..ServeOptions::default() };
    let served = tokio::spawn(serve(listener, router, options, shutdown.clone()));
    let mut stuck = TcpStream::connect(address).await.unwrap();
    stuck.write_all(&Request { target: "/stuck", ..Request::default() }.bytes()).await.unwrap();
    shutdown.cancel();
    soon(served).await.unwrap();
    assert_eq!(read_reply(&mut stuck).await.status, 0);
}

#[tokio::test]
async fn the_tasks_of_sessions_can_be_waited_for() {
    let config = EngineConfig::default();
    let sessions = config.tasks.clone();
    let (server, mut links) = Server::start_for_test(config);
    let (_client, link) = (server.open_websocket().await, links.next().await);
    let _session = server.open_polling().await;
    let other = links.next().await;
    sessions.close();
    assert!(!sessions.is_empty());
    for link in [link, other] {
        link.sender().abort(CloseCode::GoingAway);
    }
    soon(sessions.wait()).await;
}
