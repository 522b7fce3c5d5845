use std::time::Duration;

use serde_json::json;

use crate::{
    peer::Peer,
    server::{Setup, TestServer},
};

#[tokio::test]
async fn too_many_actions_are_told_when_to_come_again() {
    let server = Setup::new()
        .with(|config| (config.rates.actions_per_second, config.rates.actions_burst) = (10, 3))
        .start();
    let (mut peer, ready) = Peer::keepline(&server, "alice").await;
    assert_eq!(ready["limits"]["actions_per_second"], 10);
    let (mut other, _) = Peer::keepline(&server, "alice").await;
    for n in 0..3 {
        let peer = if n == 1 { &mut other } else { &mut peer };
        assert_eq!(peer.act("test:record:v1", json!({ "n": n })).await["ok"], true);
    }
    let refused = other.act("test:record:v1", json!({ "n": 3 })).await;
    let error = &refused["error"];
    assert_eq!(
        (&error["code"], &error["retryable"], &error["retry_after_ms"]),
        (&json!("RATE_LIMITED"), &json!(true), &json!(100))
    );
    assert!(refused["position"].is_null());
    // Another user is another bucket.
    let (mut bob, _) = Peer::keepline(&server, "bob").await;
    assert_eq!(bob.act("test:record:v1", json!({ "n": 0 })).await["ok"], true);
    server.clock.forward(Duration::from_millis(100));
    assert_eq!(peer.act("test:record:v1", json!({ "n": 3 })).await["position"], 4);
}

#[tokio::test]
async fn a_user_has_so_many_connections_and_no_more() {
    let server = Setup::new().with(|config| config.rates.connections_per_user_max = 2).start();
    let (first, _) = Peer::keepline(&server, "alice").await;
    let (_second, _) = Peer::keepline(&server, "alice").await;
    let Err(error) = Peer::connect(server.address, &server.auth("alice")).await else {
        panic!("a third one")
    };
    let data = &error["data"];
    assert_eq!((&data["code"], &data["retryable"]), (&json!("RATE_LIMITED"), &json!(true)));
    assert!(data["retry_after_ms"].is_u64());
    Peer::keepline(&server, "bob").await;
    first.hang_up().await;
    // The place is free as soon as the server has noticed.
    while Peer::connect(server.address, &server.auth("alice")).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_address_may_connect_so_often_and_no_more() {
    let server = Setup::new()
        .with(|config| (config.rates.connections_per_second, config.rates.connections_burst) = (1, 2))
        .start();
    let attempt = async || {
        let tcp = tokio::net::TcpStream::connect(server.address).await.unwrap();
        let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket", server.address);
        tokio_tungstenite::client_async(url, tcp).await
    };
    assert!(attempt().await.is_ok() && attempt().await.is_ok());
    let Err(tokio_tungstenite::tungstenite::Error::Http(response)) = attempt().await else {
        panic!("a third one")
    };
    assert_eq!(response.status(), 429);
    assert!(response.headers().contains_key("retry-after"));
    server.clock.forward(Duration::from_secs(1));
    assert!(attempt().await.is_ok());
}

#[tokio::test]
async fn who_does_not_connect_is_closed() {
    let server = Setup::new().with(|config| config.line.connect_timeout = Duration::from_millis(50)).start();
    let mut silent = Peer::dial(server.address).await;
    silent.closed().await;
}

#[tokio::test]
async fn an_oversize_packet_closes_and_harms_nobody() {
    let server = TestServer::start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    let (mut other, _) = Peer::keepline(&server, "alice").await;
    peer.emit("test:echo:v1", &[json!("x".repeat(200_000))]).await;
    peer.closed().await;
    assert_eq!(other.act("test:record:v1", json!({ "n": 1 })).await["ok"], true);
}

#[tokio::test]
async fn a_connect_resumes_so_many_streams_and_no_more() {
    let server = TestServer::start();
    let mut auth = server.auth("alice");
    let streams = |count: usize| {
        let cursor = json!({ "epoch": "e", "offset": 1 });
        (0..count).map(|n| (format!("job:{n}"), cursor.clone())).collect::<serde_json::Map<_, _>>()
    };
    auth["resume"] = streams(32).into();
    let (_, ready) = Peer::resume(&server, &auth).await;
    assert_eq!(ready["streams"].as_object().unwrap().len(), 33);
    auth["resume"] = streams(33).into();
    assert!(Peer::connect(server.address, &auth).await.is_err());
}
