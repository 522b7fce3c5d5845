use std::time::Duration;

use keepline_server::Owner;
use serde_json::{Value, json};

use crate::{
    peer::{Came, Peer},
    server::{TestServer, auth},
};

fn code(error: &Value) -> &str {
    assert_eq!(error["message"], error["data"]["code"], "stock clients show the text");
    error["data"]["code"].as_str().unwrap()
}

#[tokio::test]
async fn a_refused_connect_says_why() {
    let server = TestServer::start();
    let good = server.token("alice");
    let forged = format!("{}x", &good[..good.len() - 1]);
    let long_ago =
        auth().issue(&Owner::subject("alice"), Duration::from_secs(60), std::time::UNIX_EPOCH).unwrap();
    let cases = [
        (json!({}), "AUTH_TOKEN_MISSING", false),
        (json!({ "token": null }), "AUTH_TOKEN_MISSING", false),
        (json!({ "token": "" }), "AUTH_TOKEN_INVALID", false),
        (json!({ "token": forged }), "AUTH_TOKEN_INVALID", false),
        (json!({ "token": long_ago.expose() }), "AUTH_TOKEN_EXPIRED", true),
        (json!({ "token": good, "proto": 2 }), "PROTO_UNSUPPORTED", false),
        (json!({ "token": good, "proto": 1, "resume": { "nothing": {} } }), "BAD_REQUEST", false),
    ];
    for (auth, expected, retryable) in cases {
        let Err(error) = Peer::connect(server.address, &auth).await else { panic!("{expected}") };
        assert_eq!((code(&error), &error["data"]["retryable"]), (expected, &json!(retryable)));
    }
}

#[tokio::test]
async fn a_refused_connection_may_try_again_a_few_times() {
    let server = TestServer::start();
    let mut peer = Peer::dial(server.address).await;
    peer.send_connect(&json!({ "token": "bad" })).await;
    assert!(matches!(peer.next().await, Came::Refused(_)));
    peer.send_connect(&server.auth("alice")).await;
    assert!(matches!(peer.next().await, Came::Connect(_)));
    let mut guesser = Peer::dial(server.address).await;
    for _ in 0..4 {
        guesser.send_connect(&json!({ "token": "bad" })).await;
        assert!(matches!(guesser.next().await, Came::Refused(_)));
    }
    guesser.closed().await;
}

#[tokio::test]
async fn a_token_in_the_url_is_refused() {
    let server = TestServer::start();
    let tcp = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let url = format!(
        "ws://{}/socket.io/?EIO=4&transport=websocket&token={}",
        server.address,
        server.token("alice")
    );
    assert!(tokio_tungstenite::client_async(url, tcp).await.is_err());
}

#[tokio::test]
async fn a_session_ends_with_its_token() {
    let server = TestServer::start();
    let mut auth = server.auth("alice");
    auth["token"] = json!(server.token_for("alice", Duration::from_secs(1)));
    let (mut peer, _) = Peer::resume(&server, &auth).await;
    // Less than the minute's warning is left, so it comes at once.
    let expiring = peer.event("auth:expiring:v1").await;
    assert!(expiring[0]["expires_at"].is_string());
    peer.event("auth:expired:v1").await;
    // The engine closes, so that a client comes back with a new token.
    peer.closed().await;
}

#[tokio::test]
async fn a_stock_client_is_told_nothing_and_closed_too() {
    let server = TestServer::start();
    let token = server.token_for("alice", Duration::from_secs(1));
    let (mut peer, _) = Peer::connect(server.address, &json!({ "token": token })).await.unwrap();
    peer.closed().await;
    assert!(peer.kept_events().is_empty());
}

#[tokio::test]
async fn a_session_is_refreshed_by_its_own_subject_alone() {
    let server = TestServer::start();
    let mut auth = server.auth("alice");
    auth["token"] = json!(server.token_for("alice", Duration::from_secs(50)));
    let (mut peer, _) = Peer::resume(&server, &auth).await;
    peer.event("auth:expiring:v1").await;
    let refresh =
        async |peer: &mut Peer, token: &str| peer.call("auth:refresh:v1", &[json!({ "token": token })]).await;
    let strange = refresh(&mut peer, &server.token("bob")).await;
    assert_eq!((&strange["ok"], &strange["error"]["code"]), (&json!(false), &json!("FORBIDDEN")));
    assert_eq!(refresh(&mut peer, "bad").await["error"]["code"], "AUTH_TOKEN_INVALID");
    // Ends soon as well: the session's end moves with each token.
    let next = refresh(&mut peer, &server.token_for("alice", Duration::from_secs(1))).await;
    assert_eq!(next["ok"], true);
    assert!(next["expires_at"].is_string());
    let mut warned = 0;
    loop {
        let (name, _) = peer.next_event().await;
        match name.as_str() {
            "auth:expiring:v1" => warned += 1,
            "auth:expired:v1" => break,
            _ => panic!("{name}"),
        }
    }
    assert_eq!(warned, 1, "the new token has its own warning");
    peer.closed().await;
}

#[tokio::test]
async fn tokens_of_tenants_do_not_meet() {
    let server = TestServer::start();
    let connect = async |tenant: &str| {
        let owner = Owner { tenant: tenant.to_owned(), subject: "alice".to_owned() };
        let token = auth().issue(&owner, Duration::from_secs(60), server.clock.now()).unwrap();
        Peer::resume(&server, &json!({ "token": token.expose(), "proto": 1, "account": "alice" })).await
    };
    let (mut red, _) = connect("red").await;
    red.act("test:record:v1", json!({ "n": 1 })).await;
    assert_eq!(connect("red").await.1["ledger"]["position"], 1);
    assert_eq!(connect("blue").await.1["ledger"]["position"], 0);
    assert_eq!(connect("").await.1["ledger"]["position"], 0);
}
