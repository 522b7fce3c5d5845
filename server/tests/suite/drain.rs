use serde_json::json;

use crate::{
    peer::Peer,
    server::{Setup, TestServer},
};

#[tokio::test]
async fn a_keepline_client_is_told_answered_and_hangs_up_itself() {
    let server = TestServer::start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    server.begin_stop();
    let draining = peer.event("server:draining:v1").await;
    assert!(draining[0]["retry_after_ms"].is_u64() && draining[0]["spread_ms"].is_u64());
    // What was on its way is answered.
    assert_eq!(peer.act("test:record:v1", json!({ "n": 1 })).await["position"], 1);
    peer.hang_up().await;
    let server = server.stopped().await.start();
    let (_, ready) = Peer::keepline(&server, "alice").await;
    assert_eq!(ready["ledger"]["position"], 1);
}

#[tokio::test]
async fn a_client_that_stays_is_cut_off() {
    let server = Setup::new().with(|config| config.drain = std::time::Duration::from_millis(50)).start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    server.begin_stop();
    peer.event("server:draining:v1").await;
    peer.closed().await;
    assert!(peer.kept_events().iter().all(|(name, _)| name != "auth:expired:v1"));
    peer.hang_up().await;
    server.stopped().await;
}

#[tokio::test]
async fn a_stock_client_is_closed_at_once_and_told_nothing() {
    let server = TestServer::start();
    let mut peer = Peer::stock(&server, "alice").await;
    server.begin_stop();
    peer.closed().await;
    assert!(peer.kept_events().is_empty());
    peer.hang_up().await;
    server.stopped().await;
}
