//! A disk that fills up, as far as a quota on the file can play it.

use std::collections::HashSet;

use keepline_protocol::ActionId;
use serde_json::json;

use super::harness::*;
use crate::{
    engine::EngineOptions,
    error::SubmitError,
    outbox::Body,
    outcome::{Outcome, Reply},
    store::StoreOptions,
};

const QUOTA_BYTES: u64 = 1024 * 1024;

/// Submits until the file may not grow any more.
fn fill(bench: &mut Bench, payload_bytes: usize) -> Vec<ActionId> {
    let mut ids = Vec::new();
    loop {
        let mut action = bench.action("do:it:v1");
        action.body = Body::Payload(payload(&json!("x".repeat(payload_bytes))));
        match bench.submit(action) {
            Ok(id) => ids.push(id),
            Err(error) => {
                assert_eq!(error, SubmitError::QueueFull);
                return ids;
            }
        }
        assert!(ids.len() < 10_000, "the quota never ended");
    }
}

fn bench() -> (tempfile::TempDir, Bench) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.db");
    // What is synced when has no part in this, and thousands of commits take a while.
    let store = StoreOptions { path, relaxed: true, quota_bytes: QUOTA_BYTES, set_corrupt_aside: false };
    let bench = Bench::in_store(&store, EngineOptions::default());
    (folder, bench)
}

#[test]
fn a_full_file_refuses_submits_and_settles_every_one_that_it_took() {
    for payload_bytes in [0, 1_000, 60_000] {
        let (_folder, mut bench) = bench();
        // Submitted for nobody yet: the first session writes an account into each.
        let ids = fill(&mut bench, payload_bytes);
        bench.dial();
        let mut ready = ready();
        ready["user"] = "0192f0c1-2345-7abc-8def-0123456789ab".into();
        bench.accept(ready);
        for position in 1..=ids.len() as u64 {
            let sent = bench.next();
            bench.applied(&sent, position);
        }
        assert_eq!((bench.settled.len(), bench.pending), (ids.len(), 0), "{payload_bytes} bytes each");
        bench.restart();
        for id in ids {
            assert!(matches!(bench.outcome(id), Ok(Some(Outcome::Accepted(Reply { payload: Some(_), .. })))));
        }
    }
}

#[test]
fn a_long_refusal_takes_no_others_room() {
    let (_folder, mut bench) = bench();
    let ids = fill(&mut bench, 1_000);
    bench.go_online();
    for position in 1..=ids.len() as u64 {
        let sent = bench.next();
        let error = json!({"code": "FORBIDDEN", "message": "n".repeat(50_000)});
        bench.ack(&sent, &json!({"ok": false, "error": error, "position": position, "tag": tag(position)}));
    }
    bench.restart();
    for id in ids {
        let Ok(Some(Outcome::Rejected(why))) = bench.outcome(id) else { panic!() };
        assert!(why.text.len() <= 1_024);
    }
}

#[test]
fn an_outcome_is_stored_without_its_reply_rather_than_not_at_all() {
    let (_folder, mut bench) = bench();
    let ids = fill(&mut bench, 1_000);
    bench.go_online();
    for position in 1..=ids.len() as u64 {
        let sent = bench.next();
        let reply = json!("y".repeat(20_000));
        bench.ack(&sent, &json!({"ok": true, "reply": reply, "position": position, "tag": tag(position)}));
    }
    let told = bench.settled.iter().filter(|(_, outcome)| has_reply(outcome)).map(|(id, _)| *id);
    assert_eq!(told.collect::<HashSet<_>>().len(), ids.len(), "whoever waits now gets the whole outcome");
    bench.restart();
    let stored: Vec<Outcome> = ids.iter().map(|id| bench.outcome(*id).unwrap().unwrap()).collect();
    assert!(stored.iter().all(|outcome| matches!(outcome, Outcome::Accepted(_))));
    let whole = stored.iter().filter(|outcome| has_reply(outcome)).count();
    assert!(whole > 0 && whole < ids.len(), "{whole} of {} replies found room", ids.len());
}

fn has_reply(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Accepted(Reply { payload: Some(_), .. }))
}

#[test]
fn a_submit_that_finds_a_broken_database_fails_the_whole_transaction() {
    let mut bench = Bench::new();
    let action = bench.action("do:it:v1");
    let (answer, _answered) = tokio::sync::oneshot::channel();
    let (now, engine) = (bench.now, &mut bench.engine);
    let result = bench.store.transaction(|tx| {
        tx.execute("ALTER TABLE actions RENAME TO moved", [])?;
        engine.handle_command(now, tx, crate::command::Command::Submit { action: Box::new(action), answer })
    });
    assert_eq!(result, Err(crate::error::StoreError::Io));
}
