use std::time::Duration;

use keepline_protocol::{
    Payload,
    socket_io::{Args, Kind, Malformed, Packet},
};
use keepline_server::connection::{CloseReason, EngineConfig, Socket, SocketConfig, SocketEnd};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode as WireCode;

use crate::support::{Client, Server, soon};

async fn open(config: SocketConfig) -> (Server, Client, Socket) {
    let (server, mut links) = Server::start_for_test(EngineConfig::default());
    let client = server.open_websocket().await;
    let socket = Socket::new(links.next().await, config);
    (server, client, socket)
}

/// Past CONNECT in the root namespace.
async fn open_connected(config: SocketConfig) -> (Server, Client, Socket) {
    let (server, mut client, mut socket) = open(config).await;
    client.send("40").await;
    assert_eq!(soon(socket.recv()).await, Some(Packet::root(Kind::Connect(None))));
    socket.accept("/", sid()).await.unwrap();
    assert_eq!(client.text().await, r#"40{"sid":"s"}"#);
    (server, client, socket)
}

fn sid() -> Payload {
    Payload::parse(r#"{"sid":"s"}"#).unwrap()
}

fn event(json: &str) -> Option<Packet> {
    Some(Packet::root(Kind::Event { id: None, args: Args::parse(json, Vec::new()).unwrap() }))
}

/// The peer is cut off with that code, and the application is told why.
async fn cut_off(client: &mut Client, socket: &mut Socket, code: WireCode) -> SocketEnd {
    while soon(socket.recv()).await.is_some() {}
    assert_eq!(client.close_code().await, Some(code));
    socket.end().unwrap()
}

#[tokio::test]
async fn events_come_after_connect() {
    let (_server, mut client, mut socket) = open_connected(SocketConfig::default()).await;
    client.send(r#"42["hello",1]"#).await;
    assert_eq!(soon(socket.recv()).await, event(r#"["hello",1]"#));
    client.send("431[true]").await;
    let ack = Kind::Ack { id: 1, args: Args::parse("[true]", Vec::new()).unwrap() };
    assert_eq!(soon(socket.recv()).await, Some(Packet::root(ack)));
}

#[tokio::test]
async fn an_event_before_connect_cuts_off() {
    let (_server, mut client, mut socket) = open(SocketConfig::default()).await;
    client.send(r#"42["hello"]"#).await;
    assert_eq!(cut_off(&mut client, &mut socket, WireCode::Protocol).await, SocketEnd::OutOfPlace);
}

#[tokio::test]
async fn an_event_before_connect_was_accepted_cuts_off() {
    let (_server, mut client, mut socket) = open(SocketConfig::default()).await;
    client.send("40").await;
    assert!(soon(socket.recv()).await.is_some());
    client.send(r#"42["hello"]"#).await;
    assert_eq!(cut_off(&mut client, &mut socket, WireCode::Protocol).await, SocketEnd::OutOfPlace);
}

#[tokio::test]
async fn packets_that_are_out_of_place_cut_off() {
    for packet in ["40", r#"42/other,["x"]"#, r#"44{"message":"x"}"#, "41/other,"] {
        let (_server, mut client, mut socket) = open_connected(SocketConfig::default()).await;
        client.send(packet).await;
        let end = cut_off(&mut client, &mut socket, WireCode::Protocol).await;
        assert_eq!(end, SocketEnd::OutOfPlace, "{packet}");
    }
}

#[tokio::test]
async fn malformed_packets_cut_off() {
    for packet in ["4abc", "42{}", r#"42abc["x"]"#, "4", "42[", r#"452-["x"]"#] {
        let (_server, mut client, mut socket) = open_connected(SocketConfig::default()).await;
        client.send(packet).await;
        if packet.starts_with("45") {
            // Text where an attachment is due.
            client.send(r#"42["x"]"#).await;
        }
        let end = cut_off(&mut client, &mut socket, WireCode::Protocol).await;
        assert!(matches!(end, SocketEnd::Malformed(_)), "{packet}");
    }
    let (_server, mut client, mut socket) = open_connected(SocketConfig::default()).await;
    client.send_binary(b"from nowhere").await;
    let end = cut_off(&mut client, &mut socket, WireCode::Protocol).await;
    assert_eq!(end, SocketEnd::Malformed(Malformed::UnexpectedBinary));
}

#[tokio::test]
async fn attachments_arrive_with_their_packet() {
    let (_server, mut client, mut socket) = open_connected(SocketConfig::default()).await;
    client.send(r#"452-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#).await;
    client.send_binary(b"one").await;
    client.send_binary(b"two").await;
    match soon(socket.recv()).await.unwrap().kind {
        Kind::Event { args, .. } => assert_eq!(args.attachments(), [&b"one"[..], b"two"]),
        other => panic!("an event was due, not {other:?}"),
    }
}

#[tokio::test]
async fn attachments_beyond_the_limit_cut_off() {
    let config = SocketConfig { packet_bytes_max: 1_000, ..SocketConfig::default() };
    let (_server, mut client, mut socket) = open_connected(config).await;
    client.send(r#"453-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},{"_placeholder":true,"num":2}]"#).await;
    client.send_binary(&[0; 500]).await;
    client.send_binary(&[0; 500]).await;
    assert_eq!(cut_off(&mut client, &mut socket, WireCode::Size).await, SocketEnd::TooLarge);
}

#[tokio::test]
async fn namespaces_are_counted() {
    let config = SocketConfig { namespaces_max: 3, ..SocketConfig::default() };
    let (_server, mut client, mut socket) = open_connected(config).await;
    for namespace in ["/a", "/b"] {
        client.send(&format!("40{namespace},")).await;
        assert_eq!(soon(socket.recv()).await.unwrap().namespace, namespace);
        socket.accept(namespace, sid()).await.unwrap();
        assert_eq!(client.text().await, format!(r#"40{namespace},{{"sid":"s"}}"#));
    }
    client.send("40/c,").await;
    assert_eq!(cut_off(&mut client, &mut socket, WireCode::Policy).await, SocketEnd::TooManyNamespaces);
}

#[tokio::test]
async fn a_refused_namespace_may_be_asked_for_again() {
    let (_server, mut client, mut socket) = open(SocketConfig::default()).await;
    for _ in 0..2 {
        client.send("40").await;
        assert!(soon(socket.recv()).await.is_some());
        socket.refuse("/", Payload::parse(r#"{"message":"no"}"#).unwrap()).await.unwrap();
        assert_eq!(client.text().await, r#"44{"message":"no"}"#);
    }
}

#[tokio::test]
async fn a_peer_that_leaves_its_last_namespace_has_to_come_back_in_time() {
    let config = SocketConfig { connect_timeout: Duration::from_secs(1), ..SocketConfig::default() };
    let (_server, mut client, mut socket) = open_connected(config).await;
    client.send("41").await;
    assert_eq!(soon(socket.recv()).await, Some(Packet::root(Kind::Disconnect)));
    client.send("40").await;
    assert_eq!(soon(socket.recv()).await, Some(Packet::root(Kind::Connect(None))));
    socket.accept("/", sid()).await.unwrap();
    assert_eq!(client.text().await, r#"40{"sid":"s"}"#);
    client.send("41").await;
    assert_eq!(cut_off(&mut client, &mut socket, WireCode::Policy).await, SocketEnd::Silent);
}

#[tokio::test]
async fn what_was_sent_before_the_server_ended_a_namespace_is_dropped() {
    let (_server, mut client, mut socket) = open_connected(SocketConfig::default()).await;
    socket.leave("/").await.unwrap();
    client.send(r#"42["too late"]"#).await;
    client.send("41").await;
    client.send("40").await;
    assert_eq!(client.text().await, "41");
    assert_eq!(soon(socket.recv()).await, Some(Packet::root(Kind::Connect(None))));
}

#[tokio::test]
async fn a_burst_can_be_taken_in_one_go() {
    let (_server, mut client, mut socket) = open_connected(SocketConfig::default()).await;
    client.send(r#"42["one"]"#).await;
    client.send(r#"42["two"]"#).await;
    client.send("4broken").await;
    assert_eq!(soon(socket.recv()).await, event(r#"["one"]"#));
    let second = soon(async {
        loop {
            if let Some(packet) = socket.try_recv() {
                return packet;
            }
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(Some(second.await), event(r#"["two"]"#));
    assert_eq!(soon(socket.recv()).await, None);
    assert!(matches!(socket.end(), Some(SocketEnd::Malformed(_))));
    assert_eq!(socket.try_recv(), None);
}

#[tokio::test]
async fn the_end_of_the_session_is_the_end_of_the_socket() {
    let (_server, client, mut socket) = open_connected(SocketConfig::default()).await;
    drop(client);
    assert_eq!(soon(socket.recv()).await, None);
    assert_eq!(socket.end(), Some(SocketEnd::Link(CloseReason::Lost)));
}
