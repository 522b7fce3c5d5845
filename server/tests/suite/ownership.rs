use serde_json::{Value, json};

use crate::{
    peer::{Peer, fresh_id},
    server::TestServer,
};

#[tokio::test]
async fn another_users_job_is_unknown_by_every_frame() {
    let server = TestServer::start();
    let (mut alice, ready) = Peer::keepline(&server, "alice").await;
    let asked = json!({ "events": 3, "interval_ms": 60_000 });
    let job = alice.act("test:job:v1", asked).await["reply"]["job"].as_str().unwrap().to_owned();
    let stream = format!("job:{job}");
    let epoch = &ready["ledger"]["epoch"];
    let mut auth = server.auth("bob");
    auth["resume"] =
        json!({ &stream: { "epoch": epoch, "offset": 1 }, "job:never": { "epoch": epoch, "offset": 1 } });
    let (mut bob, ready) = Peer::resume(&server, &auth).await;
    // As one that never was.
    assert_eq!(ready["streams"][&stream], ready["streams"]["job:never"]);
    for page in [json!({ "stream": stream }), json!({ "stream": stream, "epoch": epoch, "after": 0 })] {
        assert_eq!(bob.call("stream:subscribe:v1", &[page]).await["error"]["code"], "NOT_FOUND");
    }
    assert_eq!(bob.act("task:cancel:v1", json!({ "job": job })).await["error"]["code"], "NOT_FOUND");
    let emit = json!({ "stream": stream, "name": "x:v1", "payload": 1 });
    assert_eq!(bob.act("test:emit:v1", emit).await["error"]["code"], "NOT_FOUND");
    assert!(bob.events_so_far().await.is_empty());
    // Its owner has it, running.
    assert_eq!(alice.act("task:cancel:v1", json!({ "job": job })).await["reply"]["cancelled"], true);
}

#[tokio::test]
async fn users_have_their_own_ledgers_and_streams() {
    let server = TestServer::start();
    let (mut alice, _) = Peer::keepline(&server, "alice").await;
    let (mut bob, _) = Peer::keepline(&server, "bob").await;
    bob.call("stream:subscribe:v1", &[json!({ "stream": "user" })]).await;
    // The same id under two owners is two actions.
    let args = [json!({ "n": 1 }), json!({ "id": fresh_id() })];
    let hers = alice.call("test:record:v1", &args).await;
    assert!(bob.events_so_far().await.is_empty());
    let his = bob.call("test:record:v1", &args).await;
    assert_eq!((&hers["position"], &his["position"], &his["dup"]), (&json!(1), &json!(1), &Value::Null));
    // Her cursor means nothing in his ledger once they differ.
    let after = alice.act("test:record:v1", json!({ "n": 2 })).await;
    let (_, ready) = Peer::keepline(&server, "alice").await;
    let cursor = json!({ "epoch": ready["ledger"]["epoch"], "position": 2, "tag": after["tag"] });
    assert_eq!(bob.call("ledger:check:v1", &[json!({ "cursors": [cursor] })]).await["confirmed"], json!([]));
}

#[tokio::test]
async fn cursors_of_another_account_are_ignored() {
    let server = TestServer::start();
    let (mut alice, _) = Peer::keepline(&server, "alice").await;
    alice.act("test:record:v1", json!({ "n": 1 })).await;
    for account in [json!("bob"), Value::Null] {
        let mut auth = server.auth("alice");
        auth["account"] = account;
        auth["ledger"] = json!({ "epoch": "another", "position": 9, "tag": "0000000000000001" });
        auth["resume"] =
            json!({ "user": { "epoch": "another", "offset": 9 }, "job:x": { "epoch": "y", "offset": 1 } });
        let (_, ready) = Peer::resume(&server, &auth).await;
        assert_eq!(ready["user"], "alice");
        assert_eq!(ready["ledger"]["status"], "ok");
        assert_eq!(ready["streams"].as_object().unwrap().keys().collect::<Vec<_>>(), ["user"]);
        assert_eq!(ready["streams"]["user"]["status"], "ok");
    }
}
