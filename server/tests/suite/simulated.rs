use keepline_server::StorageMode;
use serde_json::json;

use crate::{
    peer::{Peer, fresh_id},
    server::Setup,
};

/// The same server with its storage in the task that asks, as simulations need it.
#[tokio::test]
async fn everything_works_with_the_storage_inline() {
    let setup = Setup::new().document("moon.txt", "The moon.");
    let server = setup.with(|config| config.storage = StorageMode::Inline).start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    let answer = peer.call("stream:subscribe:v1", &[json!({ "stream": "user" })]).await;
    assert_eq!(answer["more"], false);
    let mut prev = None;
    for n in 1..=20 {
        let id = fresh_id();
        let meta = match &prev {
            Some(prev) => json!({ "id": id, "prev": prev }),
            None => json!({ "id": id }),
        };
        assert_eq!(peer.call("test:record:v1", &[json!({ "n": n }), meta]).await["position"], n);
        assert_eq!(peer.event("test:recorded:v1").await[1]["offset"], n);
        prev = Some(id);
    }
    let job = peer.act("search:start:v1", json!({ "query": "moon" })).await["reply"]["job"].clone();
    assert_eq!(peer.event("job:completed:v1").await[0]["job"], job);
    peer.hang_up().await;
    let server = server.stop().await.with(|config| config.storage = StorageMode::Inline).start();
    let (_, ready) = Peer::keepline(&server, "alice").await;
    assert_eq!(ready["ledger"]["position"], 21);
}
