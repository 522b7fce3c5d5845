use std::time::Duration;

use futures_util::{SinkExt, future::join};
use keepline_server::connection::{CloseReason, EngineConfig, Link, Message};
use tokio_tungstenite::tungstenite::{self, protocol::frame::coding::CloseCode as WireCode};

use crate::support::{Client, Server, soon};

/// The WebSocket's target for a session that polls.
fn websocket_of(session: &str) -> String {
    session.replace("polling", "websocket")
}

async fn start(server: &Server) -> (String, Client) {
    let session = server.open_polling().await;
    let client = server.websocket(&websocket_of(&session)).await.unwrap();
    (session, client)
}

async fn probe(client: &mut Client) {
    client.send("2probe").await;
    assert_eq!(client.text().await, "3probe");
}

#[tokio::test]
async fn a_session_moves_to_its_websocket() {
    let (server, mut links) = Server::start_for_test(EngineConfig::default());
    let (session, mut client) = start(&server).await;
    let mut link = links.next().await;
    probe(&mut client).await;
    // The last poll comes back at once.
    assert_eq!(server.get(&session).await.body, "6");
    client.send("5").await;
    client.send("4hello").await;
    assert_eq!(soon(link.recv()).await, Some(Message::Text("hello".into())));
    link.sender().send(Message::Text("back".into())).await.unwrap();
    assert_eq!(client.text().await, "4back");
    drop(client);
    while soon(link.recv()).await.is_some() {}
    assert_eq!(link.close_reason(), Some(CloseReason::Lost));
}

#[tokio::test]
async fn a_poll_that_waits_comes_back_when_the_probe_is_answered() {
    let (server, mut links) = Server::start_for_test(EngineConfig::default());
    let (session, mut client) = start(&server).await;
    let _link = links.next().await;
    let (reply, ()) = join(server.get(&session), probe(&mut client)).await;
    assert_eq!(reply.body, "6");
}

#[tokio::test]
async fn requests_of_the_old_transport_are_refused() {
    let server = Server::start_echo(EngineConfig::default());
    let (session, mut client) = start(&server).await;
    probe(&mut client).await;
    client.send("5").await;
    client.send("4a").await;
    assert_eq!(client.text().await, "4a");
    for reply in [server.get(&session).await, server.post(&session, "4b").await] {
        assert_eq!((reply.status, reply.code()), (400, Some(3)));
    }
    // Let in and turned away: to a stock client a refused upgrade is an error, a closed one is not.
    let mut late = server.websocket(&websocket_of(&session)).await.unwrap();
    assert_eq!(late.close_code().await, Some(WireCode::Normal));
    client.send("4c").await;
    assert_eq!(client.text().await, "4c");
    client.send("1").await;
    client.rest().await;
    soon(server.gone(&session)).await;
}

#[tokio::test]
async fn one_socket_at_a_time_may_probe() {
    let server = Server::start_echo(EngineConfig::default());
    let (session, mut client) = start(&server).await;
    probe(&mut client).await;
    let mut second = server.websocket(&websocket_of(&session)).await.unwrap();
    assert_eq!(second.close_code().await, Some(WireCode::Normal));
    client.send("5").await;
    client.send("4a").await;
    assert_eq!(client.text().await, "4a");
}

#[tokio::test]
async fn a_probe_that_fails_does_no_harm() {
    for words in [&["4hello"][..], &["2"], &["5"], &["2probe", "4hello"], &["2probe", "2probe"]] {
        let server = Server::start_echo(EngineConfig::default());
        let (session, mut client) = start(&server).await;
        for word in words {
            client.send(word).await;
        }
        client.rest().await;
        assert_eq!(server.post(&session, "4still here").await.status, 200);
        assert_eq!(poll_for_message(&server, &session).await, "4still here", "{words:?}");
    }
}

#[tokio::test]
async fn a_probe_that_goes_silent_or_away_does_no_harm() {
    let config = EngineConfig { upgrade_timeout: Duration::from_secs(1), ..EngineConfig::default() };
    let server = Server::start_echo(config);
    let (session, mut client) = start(&server).await;
    probe(&mut client).await;
    client.rest().await;
    assert_eq!(server.post(&session, "4one").await.status, 200);
    assert_eq!(poll_for_message(&server, &session).await, "4one");

    let client = server.websocket(&websocket_of(&session)).await.unwrap();
    drop(client);
    assert_eq!(server.post(&session, "4two").await.status, 200);
    assert_eq!(poll_for_message(&server, &session).await, "4two");
    // And the next one may, once the server has seen that the last is gone.
    soon(async {
        loop {
            let mut client = server.websocket(&websocket_of(&session)).await.unwrap();
            // One that is turned away may be so before or after this.
            let _ = client.0.send(tungstenite::Message::text("2probe")).await;
            if client.rest_until("3probe").await {
                break;
            }
        }
    })
    .await;
}

/// Passes over the packets that end a poll early.
async fn poll_for_message(server: &Server, session: &str) -> String {
    loop {
        let body = server.get(session).await.body;
        if body != "6" {
            return body;
        }
    }
}

const COUNT: usize = 2_000;

/// Both directions under way all the time: the server sends by polls and then by the socket, the client posts and
/// then sends by the socket.
#[tokio::test]
async fn a_stream_of_messages_survives_the_move_without_loss_or_reordering() {
    for round in 0..10 {
        let (server, mut links) = Server::start_for_test(EngineConfig::default());
        let session = server.open_polling().await;
        let mut link = links.next().await;
        let sender = link.sender();
        let send = tokio::spawn(async move {
            for n in 0..COUNT {
                sender.send(Message::Text(n.to_string())).await.unwrap();
                if n % 7 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        });
        let receive = tokio::spawn(async move {
            for n in 0..COUNT {
                assert_eq!(link.recv().await, Some(Message::Text(n.to_string())), "from the client");
            }
            link
        });
        let seen = upgrade_in_a_stream(&server, &session, round).await;
        assert_eq!(
            seen,
            (0..COUNT).map(|n| format!("4{n}")).collect::<Vec<_>>(),
            "from the server, round {round}"
        );
        soon(send).await.unwrap();
        let _: Link = soon(receive).await.unwrap();
    }
}

/// A client that behaves like the stock one, and gives what it received.
async fn upgrade_in_a_stream(server: &Server, session: &str, polls: usize) -> Vec<String> {
    let (mut seen, mut sent) = (Vec::new(), 0);
    let mut client = None;
    for n in 0.. {
        let body = server.get(session).await.body;
        seen.extend(body.split('\u{1e}').filter(|part| *part != "6").map(str::to_owned));
        let posted: Vec<String> = (sent..sent + 20).map(|n| format!("4{n}")).collect();
        sent += 20;
        assert_eq!(server.post(session, &posted.join("\u{1e}")).await.status, 200);
        if n == polls {
            let mut socket = server.websocket(&websocket_of(session)).await.unwrap();
            socket.send("2probe").await;
            client = Some(socket);
        }
        if n > polls {
            break;
        }
    }
    let mut client = client.unwrap();
    assert_eq!(client.text().await, "3probe");
    client.send("5").await;
    for n in sent..COUNT {
        client.send(&format!("4{n}")).await;
    }
    while seen.len() < COUNT {
        seen.push(client.text().await);
    }
    seen
}
