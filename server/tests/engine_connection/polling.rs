use std::time::Duration;

use futures_util::future::join;
use keepline_server::connection::{CloseReason, EngineConfig, Link, Message, QueueLimit};
use tokio::io::AsyncWriteExt;

use crate::support::{Request, Server, read_reply, soon};

/// Heartbeats that a test can wait for.
fn quick() -> EngineConfig {
    EngineConfig {
        ping_interval: Duration::from_millis(30),
        ping_timeout: Duration::from_secs(1),
        ..EngineConfig::default()
    }
}

async fn reason(link: &mut Link) -> CloseReason {
    while soon(link.recv()).await.is_some() {}
    link.close_reason().unwrap()
}

fn text(text: &str) -> Option<Message> {
    Some(Message::Text(text.to_owned()))
}

#[tokio::test]
async fn several_packets_come_back_in_order() {
    let server = Server::start_echo(EngineConfig::default());
    let session = server.open_polling().await;
    let body = "4test1\u{1e}4\u{e4}\u{1f980}\u{1e}bAQIDBA==\u{1e}4\u{1e}4test3";
    let reply = server.post(&session, body).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "ok"));
    assert_eq!(reply.header("content-type"), Some("text/html"));
    let mut seen = String::new();
    while seen.len() < body.len() {
        if !seen.is_empty() {
            seen.push('\u{1e}');
        }
        seen.push_str(&server.get(&session).await.body);
    }
    assert_eq!(seen, body);
}

#[tokio::test]
async fn a_poll_holds_until_there_is_something_to_send() {
    let (server, mut links) = Server::start_for_test(EngineConfig::default());
    let session = server.open_polling().await;
    let link = links.next().await;
    let send = async {
        link.sender().send(Message::Text("one".into())).await.unwrap();
        link.sender().send(Message::Binary(vec![1, 2, 3].into())).await.unwrap();
    };
    let (reply, ()) = join(server.get(&session), send).await;
    let mut body = reply.body;
    if body == "4one" {
        body = format!("{body}\u{1e}{}", server.get(&session).await.body);
    }
    assert_eq!(body, "4one\u{1e}bAQID");
}

#[tokio::test]
async fn a_large_queue_leaves_in_several_polls_and_in_order() {
    let (server, mut links) = Server::start_for_test(EngineConfig::default());
    let session = server.open_polling().await;
    let link = links.next().await;
    for n in 0..30 {
        link.sender().try_send(Message::Text(format!("{n}:{}", "x".repeat(10_000)))).unwrap();
    }
    let (mut seen, mut polls) = (Vec::new(), 0);
    while seen.len() < 30 {
        let body = server.get(&session).await.body;
        assert!(body.len() < 200_000);
        seen.extend(
            body.split('\u{1e}').map(|part| part[1..].split_once(':').unwrap().0.parse::<usize>().unwrap()),
        );
        polls += 1;
    }
    assert_eq!(seen, (0..30).collect::<Vec<_>>());
    assert!(polls > 1);
}

#[tokio::test]
async fn pings_come_through_polls() {
    let server = Server::start_echo(EngineConfig { ping_timeout: Duration::from_secs(10), ..quick() });
    let session = server.open_polling().await;
    for _ in 0..5 {
        assert_eq!(server.get(&session).await.body, "2");
        assert_eq!(server.post(&session, "3").await.status, 200);
    }
}

#[tokio::test]
async fn a_ping_without_an_answer_ends_the_session() {
    let (server, mut links) = Server::start_for_test(quick());
    let session = server.open_polling().await;
    let mut link = links.next().await;
    assert_eq!(server.get(&session).await.body, "2");
    assert_eq!(server.get(&session).await.body, "1");
    assert_eq!(reason(&mut link).await, CloseReason::PingTimeout);
    soon(server.gone(&session)).await;
}

#[tokio::test]
async fn a_session_that_nobody_polls_ends() {
    let (server, mut links) = Server::start_for_test(quick());
    server.open_polling().await;
    assert_eq!(reason(&mut links.next().await).await, CloseReason::PingTimeout);
}

#[tokio::test]
async fn two_polls_at_once_end_the_session() {
    let (server, mut links) = Server::start_for_test(EngineConfig::default());
    let session = server.open_polling().await;
    let mut link = links.next().await;
    let (one, two) = join(server.get(&session), server.get(&session)).await;
    let (ended, refused) = if one.status == 200 { (one, two) } else { (two, one) };
    assert_eq!((ended.status, ended.body.as_str()), (200, "1"));
    assert_eq!(refused.status, 400);
    assert_eq!(reason(&mut link).await, CloseReason::Overlap);
    soon(server.gone(&session)).await;
}

#[tokio::test]
async fn two_posts_at_once_end_the_session() {
    let (server, mut links) = Server::start_for_test(EngineConfig::default());
    let session = server.open_polling().await;
    let mut link = links.next().await;
    // Both bodies are missing their last byte, so that each is under way while the other is.
    let request = Request { method: "POST", target: &session, body: b"4x", ..Request::default() }.bytes();
    let (mut one, mut two) = (server.connect().await, server.connect().await);
    one.write_all(&request[..request.len() - 1]).await.unwrap();
    two.write_all(&request[..request.len() - 1]).await.unwrap();
    let (one, two) = join(read_reply(&mut one), read_reply(&mut two)).await;
    assert_eq!((one.status, two.status), (400, 400));
    assert_eq!(reason(&mut link).await, CloseReason::Overlap);
}

#[tokio::test]
async fn a_poll_that_is_given_up_ends_the_session() {
    let (server, mut links) = Server::start_for_test(EngineConfig::default());
    let session = server.open_polling().await;
    let mut link = links.next().await;
    let mut stream = server.connect().await;
    stream.write_all(&Request { target: &session, ..Request::default() }.bytes()).await.unwrap();
    drop(stream);
    assert_eq!(reason(&mut link).await, CloseReason::Lost);
    soon(server.gone(&session)).await;
}

#[tokio::test]
async fn a_post_that_is_given_up_ends_the_session() {
    let (server, mut links) = Server::start_for_test(EngineConfig::default());
    let session = server.open_polling().await;
    let mut link = links.next().await;
    let request =
        Request { method: "POST", target: &session, body: b"4never whole", ..Request::default() }.bytes();
    let mut stream = server.connect().await;
    stream.write_all(&request[..request.len() - 1]).await.unwrap();
    drop(stream);
    assert_eq!(reason(&mut link).await, CloseReason::Lost);
}

#[tokio::test]
async fn a_client_closes_by_packet() {
    let (server, mut links) = Server::start_for_test(EngineConfig::default());
    let session = server.open_polling().await;
    let mut link = links.next().await;
    assert_eq!(server.post(&session, "4last\u{1e}1").await.body, "ok");
    assert_eq!(soon(link.recv()).await, text("last"));
    assert_eq!(reason(&mut link).await, CloseReason::Peer);
    soon(server.gone(&session)).await;
}

#[tokio::test]
async fn a_poll_that_waits_while_its_client_closes_comes_back_with_nothing() {
    let server = Server::start_echo(EngineConfig::default());
    soon(async {
        loop {
            let session = server.open_polling().await;
            let (poll, post) = join(server.get(&session), server.post(&session, "1")).await;
            assert_eq!(post.body, "ok");
            // The poll may be the later of the two, and then it is refused.
            if poll.status == 200 {
                assert_eq!(poll.body, "6");
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_server_closes_after_what_was_queued() {
    let (server, mut links) = Server::start_for_test(EngineConfig::default());
    // Nobody polls yet: the end waits for the poll.
    let session = server.open_polling().await;
    let mut link = links.next().await;
    link.sender().try_send(Message::Text("last".into())).unwrap();
    link.sender().close();
    let mut body = server.get(&session).await.body;
    if body == "4last" {
        body = format!("{body}\u{1e}{}", server.get(&session).await.body);
    }
    assert_eq!(body, "4last\u{1e}1");
    assert_eq!(reason(&mut link).await, CloseReason::Server);

    // A poll waits already.
    let session = server.open_polling().await;
    let link = links.next().await;
    let (reply, ()) = join(server.get(&session), async { drop(link) }).await;
    assert_eq!(reply.body, "1");
}

#[tokio::test]
async fn closing_does_not_wait_for_ever_for_a_poll() {
    let config = EngineConfig { close_timeout: Duration::from_millis(50), ..EngineConfig::default() };
    let (server, mut links) = Server::start_for_test(config);
    let session = server.open_polling().await;
    let mut link = links.next().await;
    link.sender().close();
    assert_eq!(reason(&mut link).await, CloseReason::Server);
    soon(server.gone(&session)).await;
}

#[tokio::test]
async fn what_is_no_packet_ends_the_session() {
    for body in ["abc", "", "4fine\u{1e}", "2", "0{}", "b!", "4x\u{1e}\u{1e}4y"] {
        let (server, mut links) = Server::start_for_test(EngineConfig::default());
        let session = server.open_polling().await;
        let mut link = links.next().await;
        assert_eq!(server.post(&session, body).await.status, 400, "{body:?}");
        assert_eq!(reason(&mut link).await, CloseReason::Malformed, "{body:?}");
        soon(server.gone(&session)).await;
    }
    let (server, mut links) = Server::start_for_test(EngineConfig::default());
    let session = server.open_polling().await;
    let request = Request { method: "POST", target: &session, body: b"4\xff", ..Request::default() };
    assert_eq!(server.request(request).await.status, 400);
    assert_eq!(reason(&mut links.next().await).await, CloseReason::Malformed);
}

#[tokio::test]
async fn a_body_of_the_largest_size_passes_and_one_byte_more_does_not() {
    let config = || EngineConfig { max_payload: 10_000, ..EngineConfig::default() };
    let (server, mut links) = Server::start_for_test(config());
    let session = server.open_polling().await;
    let mut link = links.next().await;
    let body = format!("4{}", "x".repeat(9_999));
    assert_eq!(server.post(&session, &body).await.status, 200);
    assert_eq!(soon(link.recv()).await, text(&body[1..]));
    assert_eq!(server.post(&session, &format!("{body}x")).await.status, 413);
    assert_eq!(reason(&mut link).await, CloseReason::TooLarge);

    // Without a length in front of it.
    let session = server.open_polling().await;
    let mut link = links.next().await;
    let mut stream = server.connect().await;
    let head = format!(
        "POST {session} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    let chunks = format!("1388\r\n{}\r\n", "4".repeat(5_000)).repeat(3);
    stream.write_all(format!("{head}{chunks}0\r\n\r\n").as_bytes()).await.unwrap();
    assert_eq!(read_reply(&mut stream).await.status, 413);
    assert_eq!(reason(&mut link).await, CloseReason::TooLarge);
}

#[tokio::test]
async fn a_body_of_five_megabytes_is_told_why_it_is_refused() {
    let server = Server::start_echo(EngineConfig::default());
    let session = server.open_polling().await;
    let body = "4".repeat(5 * 1024 * 1024);
    assert_eq!(server.post(&session, &body).await.status, 413);
}

#[tokio::test]
async fn a_post_is_answered_when_the_application_has_taken_it() {
    let incoming = QueueLimit { items: 8, bytes: 64 * 1024 };
    let (server, mut links) = Server::start_for_test(EngineConfig { incoming, ..EngineConfig::default() });
    let session = server.open_polling().await;
    let mut link = links.next().await;
    let body: Vec<String> = (0..1_000).map(|n| format!("4{n}")).collect();
    let body = body.join("\u{1e}");
    let take = async {
        for n in 0..1_000 {
            assert_eq!(soon(link.recv()).await, text(&n.to_string()));
        }
    };
    let (reply, ()) = join(server.post(&session, &body), take).await;
    assert_eq!(reply.status, 200);
}
