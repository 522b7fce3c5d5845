use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use keepline_protocol::{
    Payload,
    limits::PACKET_BYTES_MAX,
    socket_io::{Args, Kind, Packet},
};
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair, SanType, date_time_ymd};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use sha2::{Digest, Sha256};
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_tungstenite::tungstenite::Message;

use super::*;
use crate::{
    Config,
    fake_server::{FakeServer, Peer, soon},
    limits::BATCH_BYTES,
};

fn line(config: Config) -> Line {
    Line::new(config.check().unwrap().transport)
}

/// The next thing that happens on the line.
async fn next(line: &mut Line) -> LinkEvent {
    let mut events = Vec::new();
    soon(line.turn(&mut events)).await;
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

async fn lost(line: &mut Line) -> (LineTrouble, Option<Duration>) {
    match next(line).await {
        LinkEvent::Lost { trouble, retry_after } => (trouble, retry_after),
        other => panic!("{other:?}"),
    }
}

async fn open() -> (Line, Peer<TcpStream>) {
    let server = FakeServer::bind().await;
    let mut line = line(Config::new(server.url(), ":memory:"));
    line.dial();
    let (event, peer) = tokio::join!(next(&mut line), server.accept());
    assert!(matches!(event, LinkEvent::Opened { max_payload: Some(1_000_000), .. }), "{event:?}");
    (line, peer)
}

fn event(text: &str) -> Packet {
    let payload = Payload::new(text).unwrap();
    Packet::root(Kind::Event { id: None, args: Args::event("e").payload(&payload).build() })
}

/// Lets the line write what was pushed while the peer reads it.
async fn read<T: Io>(line: &mut Line, peer: &mut Peer<T>) -> Option<Message> {
    let mut events = Vec::new();
    tokio::select! {
        frame = peer.frame() => frame,
        () = line.turn(&mut events) => panic!("{events:?}"),
    }
}

#[tokio::test]
async fn a_handshake_says_where_it_goes() {
    let server = FakeServer::bind().await;
    let config = Config::new(server.url(), ":memory:")
        .path("/custom/")
        .query("room", "a b")
        .header("X-Tenant", "alpha");
    let mut line = line(config);
    line.dial();
    let mut request = vec![0; 4_096];
    let mut events = Vec::new();
    let reading = async {
        let mut socket = server.accept_tcp().await;
        soon(tokio::io::AsyncReadExt::read(&mut socket, &mut request)).await.unwrap()
    };
    let length = tokio::select! {
        length = reading => length,
        () = line.turn(&mut events) => panic!("{events:?}"),
    };
    let request = String::from_utf8_lossy(&request[..length]).to_lowercase();
    assert!(request.starts_with("get /custom/?eio=4&transport=websocket&room=a+b http/1.1\r\n"), "{request}");
    assert!(request.contains("x-tenant: alpha\r\n"), "{request}");
    assert!(request.contains(&format!("host: {}\r\n", server.address())), "{request}");
    assert!(!request.contains("sec-websocket-extensions"), "no compression is asked for");
}

#[tokio::test]
async fn heartbeats_are_answered() {
    let (mut line, mut peer) = open().await;
    peer.send_text("2").await;
    assert!(matches!(next(&mut line).await, LinkEvent::Ping));
    assert_eq!(read(&mut line, &mut peer).await, Some(Message::text("3")));
    peer.send_text("2probe").await;
    assert!(matches!(next(&mut line).await, LinkEvent::Ping));
    assert_eq!(read(&mut line, &mut peer).await, Some(Message::text("3probe")));
}

#[tokio::test]
async fn packets_go_both_ways_with_their_attachments() {
    let (mut line, mut peer) = open().await;
    peer.send_text(r#"451-["e",{"_placeholder":true,"num":0}]"#).await;
    peer.send_binary(vec![1, 2, 3]).await;
    let LinkEvent::Packet(packet) = next(&mut line).await else { panic!() };
    let Kind::Event { id: None, args } = &packet.kind else { panic!() };
    assert_eq!(args.attachments()[0].as_ref(), [1, 2, 3]);
    assert!(line.has_room());
    line.send(vec![packet]);
    assert_eq!(
        read(&mut line, &mut peer).await,
        Some(Message::text(r#"451-["e",{"_placeholder":true,"num":0}]"#))
    );
    assert_eq!(read(&mut line, &mut peer).await, Some(Message::binary(vec![1, 2, 3])));
}

#[tokio::test]
async fn what_waits_is_read_in_one_turn() {
    let (mut line, mut peer) = open().await;
    for _ in 0..5 {
        peer.send_text(r#"42["e"]"#).await;
    }
    peer.send_text("6").await;
    let mut events = Vec::new();
    while events.len() < 5 {
        soon(line.turn(&mut events)).await;
    }
    assert_eq!(events.len(), 5);
    assert_eq!(line.counters().packets_in, 6, "with the handshake");
}

#[tokio::test]
async fn a_probe_is_answered_by_any_web_socket() {
    let (mut line, mut peer) = open().await;
    line.probe();
    // The peer has to read to answer.
    let answering = async {
        assert!(matches!(peer.frame().await, Some(Message::Ping(_))));
        // Its library has queued the pong, which goes out with the next write or read.
        peer.send_text("6").await;
        peer
    };
    let (event, _peer) = tokio::join!(next(&mut line), answering);
    assert!(matches!(event, LinkEvent::Alive), "{event:?}");
}

#[tokio::test]
async fn a_full_socket_says_so_and_wakes_its_starved_driver() {
    let (mut line, mut peer) = open().await;
    // More than the kernel takes from a peer that does not read.
    let text = "x".repeat(64 * 1024);
    let mut events = Vec::new();
    let mut sent = 0;
    while line.has_room() && sent < 10_000 {
        line.send(vec![event(&text)]);
        sent += 1;
        assert!(line.turn(&mut events).now_or_never().is_none());
    }
    assert!(!line.has_room(), "{sent} were taken");
    line.starve();
    let reading = async {
        for _ in 0..sent {
            assert!(peer.frame().await.is_some());
        }
    };
    tokio::join!(soon(line.turn(&mut events)), reading);
    assert!(line.has_room() && events.is_empty());
}

#[tokio::test]
async fn each_breach_of_the_protocol_ends_the_link() {
    for text in ["", "x", "4", "42", "4{}", "0{}", "3", "5", r#"42["a"]]"#, "451-[\"e\"]"] {
        let (mut line, mut peer) = open().await;
        peer.send_text(text).await;
        if text.starts_with("451") {
            peer.send_text("42[\"e\"]").await;
        }
        assert_eq!(lost(&mut line).await, (LineTrouble::Protocol, None), "{text:?}");
    }
    let (mut line, mut peer) = open().await;
    peer.send_binary(vec![1]).await;
    assert_eq!(lost(&mut line).await.0, LineTrouble::Protocol);
}

#[tokio::test]
async fn what_the_server_sends_is_bounded() {
    let server = FakeServer::bind().await;
    let mut line = line(Config::new(server.url(), ":memory:").receive_limit(PACKET_BYTES_MAX));
    line.dial();
    let (_, mut peer) = tokio::join!(next(&mut line), server.accept());
    let of_size = |bytes: usize| format!(r#"42["e","{}"]"#, "x".repeat(bytes - 10));
    peer.send_text(of_size(PACKET_BYTES_MAX)).await;
    assert!(matches!(next(&mut line).await, LinkEvent::Packet(_)));
    peer.send_text(of_size(PACKET_BYTES_MAX + 1)).await;
    assert_eq!(lost(&mut line).await.0, LineTrouble::Protocol);
}

#[tokio::test]
async fn an_end_is_an_end_in_each_of_its_forms() {
    let (mut line, mut peer) = open().await;
    peer.send_text("1").await;
    assert_eq!(lost(&mut line).await.0, LineTrouble::Lost);
    let (mut line, peer) = open().await;
    drop(peer);
    assert_eq!(lost(&mut line).await.0, LineTrouble::Lost);
}

#[tokio::test]
async fn hanging_up_writes_what_was_handed_over_and_says_goodbye() {
    let (mut line, mut peer) = open().await;
    line.send(vec![event("last")]);
    line.hang_up();
    assert!(!line.has_room());
    let reading = async {
        assert_eq!(peer.frame().await, Some(Message::text(r#"42["e","last"]"#)));
        assert!(matches!(peer.frame().await, Some(Message::Close(_))));
        peer.frame().await
    };
    let ((), end) = tokio::join!(soon(line.closed()), reading);
    assert_eq!(end, None);
}

#[tokio::test]
async fn a_server_that_refuses_is_told_apart() {
    for (answer, expected) in [
        ("503 Service Unavailable\r\nRetry-After: 7", (LineTrouble::Busy, Some(Duration::from_secs(7)))),
        ("429 Too Many Requests", (LineTrouble::Busy, None)),
        ("503 Busy\r\nRetry-After: 99999999999", (LineTrouble::Busy, Some(Duration::from_secs(3_600)))),
        ("503 Busy\r\nRetry-After: Wed, 21 Oct 2015 07:28:00 GMT", (LineTrouble::Busy, None)),
        ("404 Not Found", (LineTrouble::Handshake, None)),
        ("200 OK", (LineTrouble::Handshake, None)),
    ] {
        let server = FakeServer::bind().await;
        let mut line = line(Config::new(server.url(), ":memory:"));
        line.dial();
        let refusing = async {
            let mut socket = server.accept_tcp().await;
            let answer = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n");
            socket.write_all(answer.as_bytes()).await.unwrap();
            socket
        };
        let (got, _socket) = tokio::join!(lost(&mut line), refusing);
        assert_eq!(got, expected, "{answer}");
    }
}

#[tokio::test]
async fn what_is_no_engine_is_a_failed_handshake() {
    let server = FakeServer::bind().await;
    let mut line = line(Config::new(server.url(), ":memory:"));
    line.dial();
    let talking = async {
        let mut web = tokio_tungstenite::accept_async(server.accept_tcp().await).await.unwrap();
        futures_util::SinkExt::send(&mut web, Message::text("hello")).await.unwrap();
        web
    };
    let (got, _web) = tokio::join!(lost(&mut line), talking);
    assert_eq!(got.0, LineTrouble::Handshake);
    // And a port where nobody listens.
    let address = server.address();
    drop(server);
    let mut line = self::line(Config::new(format!("ws://{address}"), ":memory:"));
    line.dial();
    assert_eq!(lost(&mut line).await.0, LineTrouble::Unreachable);
}

#[test]
fn a_heartbeat_is_believed_within_reason() {
    assert_eq!(handshake::heartbeat(25_000), Duration::from_secs(25));
    assert_eq!(handshake::heartbeat(u64::MAX), crate::limits::HEARTBEAT_MAX);
}

// TLS

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    pin: [u8; 32],
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    fn pem(&self) -> String {
        self.issuer.pem()
    }

    fn issue(&self, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = vec![SanType::IpAddress("127.0.0.1".parse().unwrap())];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        identity(certificate.der().clone(), &key)
    }
}

fn identity(certificate: CertificateDer<'static>, key: &KeyPair) -> Identity {
    let pin = Sha256::digest(rcgen::PublicKeyData::subject_public_key_info(key)).into();
    Identity { certificate, key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(), pin }
}

/// Dials a TLS server with this identity; gives what happened on the line.
async fn dial_tls(identity: Identity, config: impl FnOnce(Config) -> Config) -> LinkEvent {
    let server = FakeServer::bind().await;
    let url = server.url().replace("ws://", "wss://");
    let mut line = line(config(Config::new(url, ":memory:")));
    line.dial();
    let serving = async {
        let io = accept_tls(&server, identity).await?;
        Some(Peer::open(io).await)
    };
    let (event, _peer) = tokio::join!(next(&mut line), serving);
    event
}

async fn accept_tls(server: &FakeServer, identity: Identity) -> Option<TlsStream<TcpStream>> {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate], identity.key)
        .unwrap();
    // A client that refuses ends the handshake, which is an error here.
    soon(TlsAcceptor::from(Arc::new(config)).accept(server.accept_tcp().await)).await.ok()
}

fn is_refused(event: &LinkEvent) -> bool {
    matches!(event, LinkEvent::Lost { trouble: LineTrouble::Tls, retry_after: None })
}

#[tokio::test]
async fn an_extra_root_is_trusted() {
    let authority = Authority::new();
    let event = dial_tls(authority.issue(|_| {}), |config| config.extra_root_pem(authority.pem())).await;
    assert!(matches!(event, LinkEvent::Opened { .. }), "{event:?}");
}

#[tokio::test]
async fn a_certificate_that_does_not_hold_is_refused() {
    let authority = Authority::new();
    let trusting = |config: Config| config.extra_root_pem(authority.pem());
    let elsewhere = authority.issue(|params| {
        params.subject_alt_names = vec![SanType::IpAddress("127.0.0.2".parse().unwrap())];
    });
    assert!(is_refused(&dial_tls(elsewhere, trusting).await), "another host's");
    let expired = authority.issue(|params| params.not_after = date_time_ymd(2020, 1, 1));
    assert!(is_refused(&dial_tls(expired, trusting).await), "an expired one");
    let not_yet = authority.issue(|params| params.not_before = date_time_ymd(2999, 1, 1));
    assert!(is_refused(&dial_tls(not_yet, trusting).await), "one that is not valid yet");
    let stranger = Authority::new().issue(|_| {});
    assert!(is_refused(&dial_tls(stranger, trusting).await), "an unknown issuer's");
    let unknown = authority.issue(|_| {});
    assert!(is_refused(&dial_tls(unknown, |config| config).await), "one without its root");
}

#[tokio::test]
async fn a_self_signed_certificate_is_refused() {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.subject_alt_names = vec![SanType::IpAddress("127.0.0.1".parse().unwrap())];
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    assert!(is_refused(&dial_tls(identity(certificate.der().clone(), &key), |config| config).await));
}

#[tokio::test]
async fn a_pin_narrows_what_is_trusted() {
    let authority = Authority::new();
    let trusting = |config: Config| config.extra_root_pem(authority.pem());
    let good = authority.issue(|_| {});
    let pin = good.pin;
    let event = dial_tls(good, |config| trusting(config).pinned_key([7; 32]).pinned_key(pin)).await;
    assert!(matches!(event, LinkEvent::Opened { .. }), "{event:?}");
    let other_key = authority.issue(|_| {});
    assert!(
        is_refused(&dial_tls(other_key, |config| trusting(config).pinned_key(pin)).await),
        "the wrong key"
    );
    // The right key does not make up for a chain that does not hold.
    let stranger = Authority::new().issue(|_| {});
    let pin = stranger.pin;
    assert!(
        is_refused(&dial_tls(stranger, |config| trusting(config).pinned_key(pin)).await),
        "the wrong chain"
    );
}

#[tokio::test]
async fn plain_text_does_not_pass_for_tls() {
    let server = FakeServer::bind().await;
    let mut line = line(Config::new(server.url().replace("ws://", "wss://"), ":memory:"));
    line.dial();
    let talking = async {
        let mut socket = server.accept_tcp().await;
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        socket
    };
    let (got, _socket) = tokio::join!(lost(&mut line), talking);
    assert_eq!(got.0, LineTrouble::Tls);
}

#[tokio::test]
async fn a_batch_that_ends_within_a_packet_goes_on_by_itself() {
    let (mut line, mut peer) = open().await;
    let header = |pad: usize, count: usize| {
        let places: Vec<String> =
            (0..count).map(|num| format!(r#"{{"_placeholder":true,"num":{num}}}"#)).collect();
        format!(r#"45{count}-["e","{}",{}]"#, "x".repeat(pad), places.join(","))
    };
    let large = BATCH_BYTES;
    for (pad, attachments) in
        [(large, vec![10, 10]), (0, vec![large, 10]), (0, vec![large / 2, large / 2, 10])]
    {
        peer.send_text(&header(pad, attachments.len())).await;
        for bytes in attachments {
            peer.send_binary(vec![1; bytes]).await;
        }
        // All of it is there when the line is looked at, and no further read wakes anybody. The end of a wait would look
        // once more, so it does not count.
        let began = std::time::Instant::now();
        assert!(matches!(next(&mut line).await, LinkEvent::Packet(_)));
        assert!(began.elapsed() < Duration::from_secs(10), "nothing woke the line");
    }
}
