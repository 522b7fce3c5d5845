use serde_json::{Value, json};

use crate::{
    peer::{Peer, fresh_id},
    server::{Setup, TestServer, copy_database},
};

const ZERO: &str = "0000000000000000";

fn record(n: i64) -> Value {
    json!({ "n": n })
}

fn code(answer: &Value) -> &str {
    answer["error"]["code"].as_str().unwrap_or("")
}

async fn recorded(peer: &mut Peer) -> Vec<i64> {
    let page = json!({ "stream": "user", "after": 0, "limit": 500 });
    assert_eq!(peer.call("stream:subscribe:v1", &[page]).await["more"], false);
    let events = peer.kept_events();
    let recorded = events.iter().filter(|(name, _)| name == "test:recorded:v1");
    recorded.map(|(_, args)| args[0]["n"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn an_action_that_comes_again_is_answered_and_not_applied_again() {
    let server = TestServer::start();
    let (mut peer, ready) = Peer::keepline(&server, "alice").await;
    assert_eq!(ready["ledger"]["position"], 0);
    let meta = json!({ "id": fresh_id(), "mark": { "position": 0, "tag": ZERO } });
    let first = peer.call("test:record:v1", &[record(1), meta.clone()]).await;
    assert_eq!((&first["ok"], &first["position"], &first["dup"]), (&json!(true), &json!(1), &Value::Null));
    // From another connection, with other whitespace and a mark that rule 2 would like even less.
    let (mut other, ready) = Peer::keepline(&server, "alice").await;
    assert_eq!((&ready["ledger"]["position"], &ready["ledger"]["tag"]), (&json!(1), &first["tag"]));
    let again = other.call("test:record:v1", &[record(1), meta]).await;
    assert_eq!((&again["ok"], &again["dup"]), (&json!(true), &json!(true)));
    assert_eq!(
        (&again["position"], &again["tag"], &again["reply"]),
        (&first["position"], &first["tag"], &first["reply"])
    );
    assert_eq!(recorded(&mut other).await, [1]);
}

#[tokio::test]
async fn another_payload_under_a_known_id_is_a_conflict() {
    let server = TestServer::start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    let meta = json!({ "id": fresh_id() });
    peer.call("test:record:v1", &[record(1), meta.clone()]).await;
    let conflict = peer.call("test:record:v1", &[record(2), meta.clone()]).await;
    assert_eq!((code(&conflict), &conflict["position"]), ("ID_CONFLICT", &Value::Null));
    let conflict = peer.call("test:echo:v1", &[record(1), meta]).await;
    assert_eq!(code(&conflict), "ID_CONFLICT");
    assert_eq!(recorded(&mut peer).await, [1]);
}

#[tokio::test]
async fn a_successor_waits_for_its_predecessor() {
    let server = TestServer::start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    let (first, second) = (fresh_id(), fresh_id());
    let early = peer.call("test:record:v1", &[record(2), json!({ "id": second, "prev": first })]).await;
    assert_eq!((code(&early), &early["position"]), ("OUT_OF_ORDER", &Value::Null));
    assert_eq!(early["error"]["retryable"], true);
    // Pipelined, in order.
    let one = peer.send("test:record:v1", &[record(1), json!({ "id": first })]).await;
    let two = peer.send("test:record:v1", &[record(2), json!({ "id": second, "prev": first })]).await;
    assert_eq!(peer.answer(one).await["position"], 1);
    assert_eq!(peer.answer(two).await["position"], 2);
    assert_eq!(recorded(&mut peer).await, [1, 2]);
}

#[tokio::test]
async fn below_the_floor_nothing_is_applied() {
    let server = Setup::new().with(|config| config.retention.ledger_max = 5).start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    let old = fresh_id();
    peer.call("test:record:v1", &[record(0), json!({ "id": old, "mark": { "position": 0 } })]).await;
    for n in 1..10 {
        peer.act("test:record:v1", record(n)).await;
    }
    let (mut peer, ready) = Peer::keepline(&server, "alice").await;
    assert_eq!((&ready["ledger"]["position"], &ready["ledger"]["floor"]), (&json!(10), &json!(5)));
    // Forgotten and perhaps applied: not applied again.
    let again =
        peer.call("test:record:v1", &[record(0), json!({ "id": old, "mark": { "position": 4 } })]).await;
    assert_eq!((code(&again), &again["position"]), ("INDETERMINATE", &Value::Null));
    assert_eq!(again["error"]["retryable"], false);
    // A mark at the floor is good.
    let new = json!({ "id": fresh_id(), "mark": { "position": 5 } });
    assert_eq!(peer.call("test:record:v1", &[record(10), new]).await["position"], 11);
    assert_eq!(recorded(&mut peer).await, (0..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_refusal_for_good_takes_a_position_and_leaves_no_effect() {
    let server = TestServer::start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    let meta = json!({ "id": fresh_id() });
    let fail = json!({ "code": "NO_FUNDS", "retryable": false });
    let refused = peer.call("test:fail:v1", &[fail.clone(), meta.clone()]).await;
    assert_eq!(
        (&refused["ok"], code(&refused), &refused["position"]),
        (&json!(false), "NO_FUNDS", &json!(1))
    );
    let again = peer.call("test:fail:v1", &[fail, meta]).await;
    assert_eq!((code(&again), &again["position"], &again["dup"]), ("NO_FUNDS", &json!(1), &json!(true)));
    // Half done, then refused: the first event goes as well.
    let bad = json!({ "stream": "job:none", "name": "x:v1", "payload": 1, "count": 2 });
    assert_eq!(code(&peer.act("test:emit:v1", bad).await), "NOT_FOUND");
    let unknown = peer.act("no:such:v1", json!({})).await;
    assert_eq!((code(&unknown), &unknown["position"]), ("UNKNOWN_ACTION", &json!(3)));
    let shape = peer.act("test:record:v1", json!({ "n": "one" })).await;
    assert_eq!((code(&shape), &shape["position"]), ("BAD_REQUEST", &json!(4)));
}

#[tokio::test]
async fn an_error_that_may_pass_leaves_nothing() {
    let server = TestServer::start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    let args = [json!({ "code": "BUSY", "retryable": true, "times": 2 }), json!({ "id": fresh_id() })];
    for _ in 0..2 {
        let failed = peer.call("test:fail:v1", &args).await;
        assert_eq!((code(&failed), &failed["position"]), ("BUSY", &Value::Null));
        assert_eq!(failed["error"]["retryable"], true);
    }
    let done = peer.call("test:fail:v1", &args).await;
    assert_eq!((&done["ok"], &done["position"]), (&json!(true), &json!(1)));
}

#[tokio::test]
async fn a_void_settles_an_id_unless_it_has_an_outcome() {
    let server = TestServer::start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    let (applied, voided) = (fresh_id(), fresh_id());
    let first = peer.call("test:record:v1", &[record(1), json!({ "id": applied })]).await;
    let late = peer.call("action:void:v1", &[json!({ "id": applied })]).await;
    assert_eq!((&late["ok"], &late["dup"], &late["tag"]), (&json!(true), &json!(true), &first["tag"]));
    let void = peer.call("action:void:v1", &[json!({ "id": voided, "prev": applied })]).await;
    assert_eq!((&void["ok"], code(&void), &void["position"]), (&json!(false), "VOID", &json!(2)));
    // The action's own frame, after all: it is void, whatever its payload.
    let zombie = peer.call("test:record:v1", &[record(2), json!({ "id": voided })]).await;
    assert_eq!((code(&zombie), &zombie["position"], &zombie["dup"]), ("VOID", &json!(2), &json!(true)));
    assert_eq!(recorded(&mut peer).await, [1]);
}

#[tokio::test]
async fn a_void_keeps_the_order_too() {
    let server = Setup::new().with(|config| config.retention.ledger_max = 1).start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    let early = peer.call("action:void:v1", &[json!({ "id": fresh_id(), "prev": fresh_id() })]).await;
    assert_eq!((code(&early), &early["position"]), ("OUT_OF_ORDER", &Value::Null));
    for n in 0..3 {
        peer.act("test:record:v1", record(n)).await;
    }
    let old = json!({ "id": fresh_id(), "mark": { "position": 1 } });
    assert_eq!(code(&peer.call("action:void:v1", &[old]).await), "INDETERMINATE");
}

#[tokio::test]
async fn what_is_malformed_or_too_large_is_no_outcome() {
    let server = TestServer::start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    let bad = peer.call("test:record:v1", &[record(1), json!({ "id": "no uuid" })]).await;
    assert_eq!((code(&bad), &bad["position"]), ("BAD_REQUEST", &Value::Null));
    let limit = 64 * 1024;
    let edge = json!("x".repeat(limit - 2));
    assert_eq!(peer.act("test:echo:v1", edge).await["position"], 1);
    let over = peer.act("test:echo:v1", json!("x".repeat(limit - 1))).await;
    assert_eq!((code(&over), &over["position"]), ("TOO_LARGE", &Value::Null));
    let void = peer.call("action:void:v1", &[json!({ "id": 7 })]).await;
    assert_eq!((code(&void), &void["position"]), ("BAD_REQUEST", &Value::Null));
}

#[tokio::test]
async fn a_burst_shares_commits_and_keeps_its_order() {
    let server = TestServer::start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    let mut waiting = Vec::new();
    let mut prev = Value::Null;
    for n in 0..2_000 {
        let id = fresh_id();
        let meta = if prev.is_null() { json!({ "id": id }) } else { json!({ "id": id, "prev": prev }) };
        waiting.push(peer.send("test:record:v1", &[record(n), meta]).await);
        prev = json!(id);
    }
    for (at, id) in waiting.into_iter().enumerate() {
        assert_eq!(peer.answer(id).await["position"], at + 1);
    }
}

#[tokio::test]
async fn cursors_are_compared_at_connect_and_on_demand() {
    let server = Setup::new().with(|config| config.retention.ledger_max = 3).start();
    let (mut peer, ready) = Peer::keepline(&server, "alice").await;
    let epoch = ready["ledger"]["epoch"].clone();
    let mut tags = vec![json!(ZERO)];
    for n in 0..8 {
        tags.push(peer.act("test:record:v1", record(n)).await["tag"].clone());
    }
    let cursor = |epoch: &Value, position: usize, tag: &Value| json!({ "epoch": epoch, "position": position, "tag": tag });
    let cases = [
        (cursor(&epoch, 8, &tags[8]), "ok"),
        (cursor(&epoch, 6, &tags[6]), "ok"),
        (cursor(&epoch, 0, &tags[0]), "ok"),
        (cursor(&epoch, 9, &tags[8]), "rolled_back"),
        (cursor(&epoch, 7, &tags[6]), "rolled_back"),
        (cursor(&json!("another"), 1, &tags[1]), "rolled_back"),
        (cursor(&epoch, 2, &tags[2]), "unverifiable"),
    ];
    for (cursor, status) in &cases {
        let mut auth = server.auth("alice");
        auth["ledger"] = cursor.clone();
        let (_, ready) = Peer::resume(&server, &auth).await;
        assert_eq!(ready["ledger"]["status"], *status, "{cursor}");
    }
    let asked: Vec<&Value> = cases.iter().map(|(cursor, _)| cursor).collect();
    let answer = peer.call("ledger:check:v1", &[json!({ "cursors": asked })]).await;
    assert_eq!(answer["confirmed"], json!([cases[0].0, cases[1].0, cases[2].0]));
    let many = vec![cases[0].0.clone(); 257];
    let answer = peer.call("ledger:check:v1", &[json!({ "cursors": many })]).await;
    assert_eq!(code(&answer), "TOO_LARGE");
}

#[tokio::test]
async fn a_restored_backup_is_noticed() {
    let server = TestServer::start();
    let (mut peer, _) = Peer::keepline(&server, "alice").await;
    peer.act("test:record:v1", record(1)).await;
    peer.hang_up().await;
    let setup = server.stop().await;
    let backup = setup.folder.path().join("backup");
    copy_database(&setup.config.data, &backup);
    let server = setup.start();
    let (mut peer, ready) = Peer::keepline(&server, "alice").await;
    let lost = fresh_id();
    let answer = peer.call("test:record:v1", &[record(2), json!({ "id": lost })]).await;
    let cursor =
        json!({ "epoch": ready["ledger"]["epoch"], "position": answer["position"], "tag": answer["tag"] });
    peer.hang_up().await;
    let setup = server.stop().await;
    let data = setup.config.data.clone();
    for name in ["keepline.db", "keepline.db-wal", "keepline.db-shm"] {
        let _ = std::fs::remove_file(data.join(name));
    }
    copy_database(&backup, &data);
    let server = setup.start();
    let mut auth = server.auth("alice");
    auth["ledger"] = cursor;
    let (mut peer, ready) = Peer::resume(&server, &auth).await;
    assert_eq!(
        (&ready["ledger"]["status"], &ready["ledger"]["position"]),
        (&json!("rolled_back"), &json!(1))
    );
    // Sent again, it is applied: effect and entry were lost together.
    let again = peer.call("test:record:v1", &[record(2), json!({ "id": lost })]).await;
    assert_eq!((&again["position"], &again["dup"]), (&json!(2), &Value::Null));
    assert_eq!(recorded(&mut peer).await, [1, 2]);
}

#[tokio::test]
async fn a_deleted_database_has_another_epoch() {
    let server = TestServer::start();
    let (mut peer, before) = Peer::keepline(&server, "alice").await;
    let answer = peer.act("test:record:v1", record(1)).await;
    peer.hang_up().await;
    let setup = server.stop().await;
    std::fs::remove_dir_all(&setup.config.data).unwrap();
    let server = setup.start();
    let epoch = &before["ledger"]["epoch"];
    let mut auth = server.auth("alice");
    auth["ledger"] = json!({ "epoch": epoch, "position": 1, "tag": answer["tag"] });
    auth["resume"] =
        json!({ "user": { "epoch": epoch, "offset": 1 }, "job:x": { "epoch": epoch, "offset": 3 } });
    let (_, ready) = Peer::resume(&server, &auth).await;
    assert_ne!(ready["ledger"]["epoch"], *epoch);
    assert_eq!(ready["ledger"]["status"], "rolled_back");
    assert_eq!(ready["streams"]["user"]["status"], "reset");
    assert_eq!(ready["streams"]["user"]["reset"]["reason"], "epoch_changed");
    assert_eq!(ready["streams"]["job:x"]["status"], "gone");
}
