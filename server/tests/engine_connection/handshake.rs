use keepline_server::connection::{EngineConfig, Transports};
use tokio_tungstenite::tungstenite;

use crate::support::{Request, Server};

#[tokio::test]
async fn a_websocket_is_told_of_no_upgrades() {
    let server = Server::start_echo(EngineConfig::default());
    let mut client = server.websocket("/engine.io/?EIO=4&transport=websocket").await.unwrap();
    let open: serde_json::Value =
        serde_json::from_str(client.text().await.strip_prefix('0').unwrap()).unwrap();
    assert_eq!(open["upgrades"], serde_json::json!([]));
    assert_eq!(open["pingInterval"], 25_000);
    assert_eq!(open["pingTimeout"], 10_000);
    assert_eq!(open["maxPayload"], EngineConfig::default().max_payload);
}

#[tokio::test]
async fn polling_is_told_of_the_websocket() {
    let server = Server::start_echo(EngineConfig::default());
    let reply = server.get("/engine.io/?EIO=4&transport=polling").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=UTF-8"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.handshake()["upgrades"], serde_json::json!(["websocket"]));
}

#[tokio::test]
async fn the_trailing_slash_does_not_matter() {
    let server = Server::start_echo(EngineConfig::default());
    assert_eq!(server.get("/engine.io?EIO=4&transport=polling").await.status, 200);
    let mut client = server.websocket("/engine.io?EIO=4&transport=websocket").await.unwrap();
    assert!(client.text().await.starts_with('0'));
}

#[tokio::test]
async fn session_ids_are_long_and_differ() {
    let server = Server::start_echo(EngineConfig::default());
    let (first, second) = (server.open_polling().await, server.open_polling().await);
    assert_ne!(first, second);
    assert!(first.rsplit('=').next().unwrap().len() >= 20);
}

#[tokio::test]
async fn each_refusal_has_the_code_that_clients_know() {
    let server = Server::start_echo(EngineConfig::default());
    let cases = [
        ("GET", "/engine.io/?transport=polling", 5),
        ("GET", "/engine.io/?EIO=3&transport=polling", 5),
        ("GET", "/engine.io/?EIO=abc&transport=websocket", 5),
        ("GET", "/engine.io/?EIO=4", 0),
        ("GET", "/engine.io/?EIO=4&transport=abc", 0),
        ("GET", "/engine.io/?EIO=4&transport=webtransport", 0),
        ("POST", "/engine.io/?EIO=4&transport=polling", 2),
        ("PUT", "/engine.io/?EIO=4&transport=polling", 2),
        ("GET", "/engine.io/?EIO=4&transport=polling&sid=unknown", 1),
        ("POST", "/engine.io/?EIO=4&transport=polling&sid=unknown", 1),
        ("GET", "/engine.io/?EIO=4&transport=websocket&sid=unknown", 1),
        // Not an upgrade.
        ("GET", "/engine.io/?EIO=4&transport=websocket", 3),
    ];
    for (method, target, code) in cases {
        let reply = server.request(Request { method, target, ..Request::default() }).await;
        assert_eq!((reply.status, reply.code()), (400, Some(code)), "{method} {target}");
    }
}

#[tokio::test]
async fn a_session_knows_two_methods() {
    let server = Server::start_echo(EngineConfig::default());
    let session = server.open_polling().await;
    for method in ["PUT", "DELETE"] {
        let reply = server.request(Request { method, target: &session, ..Request::default() }).await;
        assert_eq!((reply.status, reply.code()), (400, Some(3)), "{method}");
    }
}

#[tokio::test]
async fn an_upgrade_to_an_unknown_session_is_refused() {
    let server = Server::start_echo(EngineConfig::default());
    let refused = server.websocket("/engine.io/?EIO=4&transport=websocket&sid=unknown").await;
    assert!(matches!(refused, Err(tungstenite::Error::Http(reply)) if reply.status() == 400));
}

#[tokio::test]
async fn a_token_in_the_url_is_refused() {
    let server = Server::start_echo(EngineConfig::default());
    let session = server.open_polling().await;
    for target in [
        "/engine.io/?EIO=4&transport=polling&token=secret".to_owned(),
        "/engine.io/?tok%65n=secret&EIO=4&transport=polling".to_owned(),
        "/engine.io/?EIO=4&transport=polling&token".to_owned(),
        format!("{session}&token=secret"),
    ] {
        let reply = server.get(&target).await;
        assert_eq!((reply.status, reply.code()), (400, Some(3)), "{target}");
        assert!(!reply.body.contains("secret"));
    }
    let refused = server.websocket("/engine.io/?EIO=4&transport=websocket&token=secret").await;
    assert!(matches!(refused, Err(tungstenite::Error::Http(reply)) if reply.status() == 400));
}

#[tokio::test]
async fn a_transport_that_is_switched_off_is_unknown() {
    let transports = Transports { polling: false, websocket: true };
    let server = Server::start_echo(EngineConfig { transports, ..EngineConfig::default() });
    assert_eq!(server.get("/engine.io/?EIO=4&transport=polling").await.code(), Some(0));
    server.open_websocket().await;

    let transports = Transports { polling: true, websocket: false };
    let server = Server::start_echo(EngineConfig { transports, ..EngineConfig::default() });
    let reply = server.get("/engine.io/?EIO=4&transport=polling").await;
    assert_eq!(reply.handshake()["upgrades"], serde_json::json!([]));
    assert!(server.websocket("/engine.io/?EIO=4&transport=websocket").await.is_err());
}

#[tokio::test]
async fn the_application_sees_who_opened_the_session() {
    let (server, mut links) = Server::start_for_test(EngineConfig::default());
    let target = "/engine.io/?EIO=4&transport=websocket&room=7";
    let client = server.websocket_with(target, &[("authorization", "Bearer canary")]).await.unwrap();
    let link = links.next().await;
    assert_eq!(link.peer(), client.0.get_ref().local_addr().unwrap());
    let opening = link.opening().unwrap();
    assert_eq!(opening.headers["authorization"], "Bearer canary");
    assert_eq!(opening.query, "EIO=4&transport=websocket&room=7");
    assert!(!format!("{link:?} {opening:?} {:?}", link.sender()).contains("canary"));
}
