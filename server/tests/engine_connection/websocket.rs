use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use keepline_server::connection::{
    CloseCode, CloseReason, Closed, EngineConfig, Frames, Link, Message, QueueLimit, TrySendError,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::{
    self,
    protocol::frame::{
        Frame,
        coding::{CloseCode as WireCode, Data, OpCode},
    },
};

use crate::support::{Client, Server, fill, soon};

/// Heartbeats that a test can wait for.
fn quick() -> EngineConfig {
    EngineConfig { ping_interval: Duration::from_millis(30), ..EngineConfig::default() }
}

/// Waits for the end of a session, and says why it ended.
async fn reason(link: &mut Link) -> CloseReason {
    while soon(link.recv()).await.is_some() {}
    link.close_reason().unwrap()
}

#[tokio::test]
async fn text_and_binary_come_back() {
    let server = Server::start_echo(EngineConfig::default());
    let mut client = server.open_websocket().await;
    for text in ["4hello", "4", "4h\u{e4}ll\u{f6} \u{1f980}"] {
        client.send(text).await;
        assert_eq!(client.text().await, text);
    }
    for bytes in [&[1, 2, 3, 4][..], &[]] {
        client.send_binary(bytes).await;
        assert_eq!(client.binary().await, bytes);
    }
}

#[tokio::test]
async fn large_messages_come_back_whole() {
    let server = Server::start_echo(EngineConfig::default());
    let mut client = server.open_websocket().await;
    // Two bytes a character, so that a fragment may end inside one.
    let text = format!("4{}", "\u{e4}".repeat(60_000));
    client.send(&text).await;
    assert_eq!(client.text().await, text);
    let bytes: Vec<u8> = (0..100_000u32).map(|n| n.to_le_bytes()[0]).collect();
    client.send_binary(&bytes).await;
    assert_eq!(client.binary().await, bytes);
}

#[tokio::test]
async fn frames_of_one_send_are_not_separated() {
    let (server, mut links) = Server::start_for_test(EngineConfig::default());
    let mut client = server.open_websocket().await;
    let link = links.next().await;
    let senders = [link.sender(), link.sender()].map(|sender| {
        tokio::spawn(async move {
            for _ in 0..500 {
                let packet =
                    keepline_protocol::socket_io::Packet::root(keepline_protocol::socket_io::Kind::Event {
                        id: None,
                        args: keepline_protocol::socket_io::Args::event("x")
                            .attachment(Bytes::from_static(b"one"))
                            .attachment(Bytes::from_static(b"two"))
                            .build(),
                    });
                sender.send(packet).await.unwrap();
            }
        })
    });
    for _ in 0..1_000 {
        assert!(client.text().await.starts_with("452-[\"x\","));
        assert_eq!(client.binary().await, b"one");
        assert_eq!(client.binary().await, b"two");
    }
    for sender in senders {
        soon(sender).await.unwrap();
    }
}

#[tokio::test]
async fn a_peer_that_answers_pings_stays() {
    let server = Server::start_echo(quick());
    let mut client = server.open_websocket().await;
    // There is no next ping before the pong.
    for _ in 0..5 {
        assert_eq!(client.text().await, "2");
        client.send("3").await;
    }
}

#[tokio::test]
async fn a_peer_that_does_not_answer_a_ping_is_given_up() {
    let config = EngineConfig { ping_timeout: Duration::from_millis(30), ..quick() };
    let (server, mut links) = Server::start_for_test(config);
    let mut client = server.open_websocket().await;
    let mut link = links.next().await;
    assert_eq!(reason(&mut link).await, CloseReason::PingTimeout);
    assert_eq!(client.rest().await.0, ["2"]);
    assert_eq!(link.sender().send(Message::Text("late".into())).await, Err(Closed));
}

#[tokio::test]
async fn what_is_no_packet_ends_the_session() {
    // A client's ping is the server's to send.
    for text in ["abc", "", "2", "2probe", "0{}", "\u{e4}"] {
        let (server, mut links) = Server::start_for_test(EngineConfig::default());
        let mut client = server.open_websocket().await;
        let mut link = links.next().await;
        client.send(text).await;
        assert_eq!(client.close_code().await, Some(WireCode::Protocol), "{text:?}");
        assert_eq!(reason(&mut link).await, CloseReason::Malformed, "{text:?}");
    }
}

#[tokio::test]
async fn a_peer_may_close_by_packet_or_by_frame() {
    let (server, mut links) = Server::start_for_test(EngineConfig::default());
    let mut by_packet = server.open_websocket().await;
    let mut link = links.next().await;
    by_packet.send("4last").await;
    by_packet.send("1").await;
    assert_eq!(soon(link.recv()).await, Some(Message::Text("last".into())));
    assert_eq!(reason(&mut link).await, CloseReason::Peer);
    by_packet.rest().await;

    let mut by_frame = server.open_websocket().await;
    let mut link = links.next().await;
    by_frame.0.close(None).await.unwrap();
    assert_eq!(reason(&mut link).await, CloseReason::Peer);
}

#[tokio::test]
async fn a_connection_that_is_cut_is_lost() {
    let (server, mut links) = Server::start_for_test(EngineConfig::default());
    let client = server.open_websocket().await;
    let mut link = links.next().await;
    drop(client);
    assert_eq!(reason(&mut link).await, CloseReason::Lost);
}

#[tokio::test]
async fn a_payload_of_the_largest_size_passes_and_one_byte_more_does_not() {
    let config = EngineConfig { max_payload: 10_000, ..EngineConfig::default() };
    let (server, mut links) = Server::start_for_test(config);
    let mut client = server.open_websocket().await;
    let mut link = links.next().await;
    client.send(&format!("4{}", "x".repeat(9_999))).await;
    assert_eq!(soon(link.recv()).await, Some(Message::Text("x".repeat(9_999))));
    client.send(&format!("4{}", "x".repeat(10_000))).await;
    assert_eq!(client.close_code().await, Some(WireCode::Size));
    assert_eq!(reason(&mut link).await, CloseReason::TooLarge);

    let mut client = server.open_websocket().await;
    let mut link = links.next().await;
    client.send_binary(&[0; 10_000]).await;
    assert_eq!(soon(link.recv()).await, Some(Message::Binary(vec![0; 10_000].into())));
    client.send_binary(&[0; 10_001]).await;
    assert_eq!(client.close_code().await, Some(WireCode::Size));
    assert_eq!(reason(&mut link).await, CloseReason::TooLarge);
}

#[tokio::test]
async fn a_frame_of_five_megabytes_is_told_why_it_is_refused() {
    let server = Server::start_echo(EngineConfig::default());
    let mut client = server.open_websocket().await;
    let huge = tungstenite::Message::binary(vec![7; 5 * 1024 * 1024]);
    // All of it goes out, although the server has long made up its mind.
    soon(client.0.send(huge)).await.unwrap();
    assert_eq!(client.close_code().await, Some(WireCode::Size));
}

#[tokio::test]
async fn fragments_count_together() {
    let config = EngineConfig { max_payload: 10_000, ..EngineConfig::default() };
    let server = Server::start_echo(config);
    let mut client = server.open_websocket().await;
    for kind in [Data::Text, Data::Continue] {
        let frame = Frame::message(vec![b'4'; 6_000], OpCode::Data(kind), false);
        let _ = client.0.send(tungstenite::Message::Frame(frame)).await;
    }
    assert_eq!(client.close_code().await, Some(WireCode::Size));
}

#[tokio::test]
async fn a_reader_that_is_too_slow_makes_the_queue_full_and_loses_nothing() {
    let outgoing = QueueLimit { items: 100, bytes: 64 * 1024 };
    let (server, mut links) = Server::start_for_test(EngineConfig { outgoing, ..EngineConfig::default() });
    let mut client = server.open_websocket().await;
    let link = links.next().await;
    let sender = link.sender();
    let text = |n: u32| format!("{n}:{}", "x".repeat(1_000));

    let sent = fill(&sender, text).await;
    let full = sender.queued();
    assert_eq!(sender.try_send(Message::Text(text(0))), Err(TrySendError::Full));
    assert!(full.0 <= outgoing.items && full.1 <= outgoing.bytes, "{full:?}");
    assert!(!sender.has_room(1_000));
    let waiting = tokio::spawn({
        let sender = sender.clone();
        async move { sender.ready().await }
    });
    for n in 0..sent {
        assert_eq!(client.text().await, format!("4{}", text(n)));
    }
    assert_eq!(soon(waiting).await.unwrap(), Ok(()));
    assert!(sender.has_room(1_000));
}

#[tokio::test]
async fn one_message_larger_than_the_queue_still_goes() {
    let outgoing = QueueLimit { items: 10, bytes: 1_000 };
    let (server, mut links) = Server::start_for_test(EngineConfig { outgoing, ..EngineConfig::default() });
    let mut client = server.open_websocket().await;
    let link = links.next().await;
    link.sender().send(Message::Text("x".repeat(5_000))).await.unwrap();
    assert_eq!(client.text().await.len(), 5_001);
}

#[tokio::test]
async fn closing_sends_what_was_queued() {
    let (server, mut links) = Server::start_for_test(EngineConfig::default());
    let mut client = server.open_websocket().await;
    let mut link = links.next().await;
    let frames = Frames::from(Message::Text("x".repeat(1_000)));
    for _ in 0..300 {
        link.sender().try_send(frames.clone()).unwrap();
    }
    link.sender().close();
    assert_eq!(link.sender().try_send(frames), Err(TrySendError::Closed));
    let (texts, code) = client.rest().await;
    assert_eq!((texts.len(), code), (300, Some(WireCode::Normal)));
    assert_eq!(reason(&mut link).await, CloseReason::Server);
}

#[tokio::test]
async fn closing_does_not_wait_for_ever_for_a_reader() {
    let config = EngineConfig { close_timeout: Duration::from_millis(50), ..EngineConfig::default() };
    let (server, mut links) = Server::start_for_test(config);
    let client = server.open_websocket().await;
    let mut link = links.next().await;
    fill(&link.sender(), |_| "x".repeat(10_000)).await;
    link.sender().close();
    assert_eq!(reason(&mut link).await, CloseReason::Server);
    drop(client);
}

#[tokio::test]
async fn an_abort_waits_for_nobody() {
    let config = EngineConfig { close_timeout: Duration::from_secs(3_600), ..EngineConfig::default() };
    let (server, mut links) = Server::start_for_test(config);
    let client = server.open_websocket().await;
    let mut link = links.next().await;
    fill(&link.sender(), |_| "x".repeat(10_000)).await;
    link.sender().abort(CloseCode::GoingAway);
    assert_eq!(reason(&mut link).await, CloseReason::Server);
    drop(client);
}

#[tokio::test]
async fn an_abort_tells_its_code() {
    let codes = [
        (CloseCode::GoingAway, WireCode::Away),
        (CloseCode::Policy, WireCode::Policy),
        (CloseCode::TryLater, WireCode::Again),
    ];
    for (code, expected) in codes {
        let (server, mut links) = Server::start_for_test(EngineConfig::default());
        let mut client = server.open_websocket().await;
        let mut link = links.next().await;
        link.sender().abort(code);
        link.sender().abort(CloseCode::Internal);
        assert_eq!(client.close_code().await, Some(expected));
        assert_eq!(reason(&mut link).await, CloseReason::Server);
    }
}

#[tokio::test]
async fn dropping_the_link_closes_the_session() {
    let (server, mut links) = Server::start_for_test(EngineConfig::default());
    let mut client = server.open_websocket().await;
    let link = links.next().await;
    let sender = link.sender();
    sender.try_send(Message::Text("last".into())).unwrap();
    drop(link);
    assert_eq!(client.rest().await, (vec!["4last".to_owned()], Some(WireCode::Normal)));
    assert!(sender.is_closed());
}

#[tokio::test]
async fn an_application_that_takes_nothing_holds_the_peer_back() {
    let incoming = QueueLimit { items: 8, bytes: 64 * 1024 };
    let (server, mut links) = Server::start_for_test(EngineConfig { incoming, ..EngineConfig::default() });
    let mut client = server.open_websocket().await;
    let mut link = links.next().await;
    const COUNT: usize = 2_000;
    let text = |n: usize| format!("4{n}:{}", "x".repeat(10_000));
    // Twenty megabytes do not fit into the kernel's buffers, so this ends only because the application takes.
    let send = async {
        for n in 0..COUNT {
            client.send(&text(n)).await;
        }
    };
    let take = async {
        for n in 0..COUNT {
            assert_eq!(link.recv().await, Some(Message::Text(text(n)[1..].to_owned())));
        }
    };
    soon(async { tokio::join!(send, take) }).await;
}

#[tokio::test]
async fn early_frames_are_not_lost() {
    // A client need not wait for the answer to its upgrade.
    let (server, mut links) = Server::start_for_test(EngineConfig::default());
    let mut stream = server.connect().await;
    let upgrade = "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let frame = [0x81, 0x82, 0, 0, 0, 0, b'4', b'x'];
    stream.write_all(&[upgrade.as_bytes(), &frame].concat()).await.unwrap();
    let mut link = links.next().await;
    assert_eq!(soon(link.recv()).await, Some(Message::Text("x".into())));
    let mut head = [0; 12];
    soon(stream.read_exact(&mut head)).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 101");
}

/// The socket is exchanged under the session whenever it has grown, which must not lose or repeat a byte, wherever
/// frames and pings fall.
#[tokio::test]
async fn a_session_survives_the_exchange_of_its_buffers() {
    let config = EngineConfig { ping_interval: Duration::from_millis(1), ..EngineConfig::default() };
    let server = Server::start_echo(config);
    for seed in 0..4 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut client = server.open_websocket().await;
        let (mut sent, mut seen, mut pings) = (VecDeque::new(), 0, 0);
        while seen < 150 {
            if sent.len() < 4 && random.bool() {
                let text = format!("4{}", "x".repeat(random.usize(..12_000)));
                // A session that has seen fragments keeps its buffers; so only one of them does.
                let fragments = seed == 0 && random.u8(..8) == 0;
                send_somehow(&mut client, text.as_bytes(), fragments, &mut random).await;
                sent.push_back(text);
                continue;
            }
            match soon(client.0.next()).await.unwrap().unwrap() {
                tungstenite::Message::Text(text) if text == "2" => {
                    pings += 1;
                    send_somehow(&mut client, b"3", false, &mut random).await;
                }
                tungstenite::Message::Text(text) => {
                    assert_eq!(Some(text.as_str()), sent.pop_front().as_deref(), "seed {seed}");
                    seen += 1;
                }
                _ => {}
            }
        }
        assert!(pings > 5, "seed {seed}");
    }
}

/// As one frame, as fragments, or with a WebSocket's own ping before it; and in pieces, with others' turns between.
async fn send_somehow(client: &mut Client, text: &[u8], fragments: bool, random: &mut fastrand::Rng) {
    let mut bytes = Vec::new();
    if random.u8(..8) == 0 {
        Frame::ping(vec![0; random.usize(..126)]).masked().format(&mut bytes).unwrap();
    }
    let cut = if fragments { random.usize(..text.len()) } else { 0 };
    let kind = if cut > 0 { Data::Continue } else { Data::Text };
    if cut > 0 {
        let first = Frame::message(text[..cut].to_vec(), OpCode::Data(Data::Text), false);
        first.masked().format(&mut bytes).unwrap();
    }
    let last = Frame::message(text[cut..].to_vec(), OpCode::Data(kind), true);
    last.masked().format(&mut bytes).unwrap();
    let pieces = random.usize(1..4);
    for piece in bytes.chunks(bytes.len().div_ceil(pieces)) {
        soon(client.0.get_mut().write_all(piece)).await.unwrap();
        tokio::task::yield_now().await;
    }
}

/// What a client has to do to its frames.
trait Masked {
    fn masked(self) -> Self;
}

impl Masked for Frame {
    fn masked(mut self) -> Self {
        self.header_mut().mask = Some([0; 4]);
        self
    }
}
