use serde_json::json;

use super::fail_head;
use crate::{
    engine::{EngineOptions, tests::harness::*},
    error::ControlError,
    outcome::Outcome,
};

#[test]
fn cancel_is_local_while_never_sent_and_a_void_afterwards() {
    let mut bench = Bench::with(EngineOptions { window_lane: 1, ..EngineOptions::default() });
    bench.go_online();
    let (sent, queued) = (bench.submit_in("a"), bench.submit_in("a"));
    bench.cancel(queued).unwrap();
    assert_eq!(bench.settled, [(queued, Outcome::Cancelled)]);
    bench.cancel(sent).unwrap();
    assert_eq!(bench.settled.len(), 1, "what was sent is never decided here");
    let action = bench.next();
    let void = bench.next();
    assert_eq!(void.void().id, sent);
    bench.applied(&action, 1);
    bench.ack(&void, &json!({"ok": true, "reply": {}, "position": 1, "tag": tag(1), "dup": true}));
    assert!(matches!(&bench.settled[1], (id, Outcome::Accepted(_)) if *id == sent), "the outcome won");
    assert_eq!(bench.cancel(sent), Err(ControlError::Settled));
}

#[test]
fn a_cancelled_action_is_voided_after_the_line_came_back() {
    let mut bench = Bench::new();
    bench.go_online();
    let id = bench.submit_in("");
    bench.sent.clear();
    bench.lose();
    bench.cancel(id).unwrap();
    assert_eq!(bench.pending, 1);
    bench.restart();
    bench.go_online();
    let void = bench.next();
    assert_eq!(void.void().id, id);
    bench.voided(&void, 1);
    assert_eq!(bench.settled, [(id, Outcome::Cancelled)]);
}

#[test]
fn a_void_behind_a_parked_action_waits_for_it_and_names_it() {
    let mut bench = Bench::with(EngineOptions { attempts_max: 1, ..EngineOptions::default() });
    bench.go_online();
    let (parked, sent) = (bench.submit_in("a"), bench.submit_in("a"));
    fail_head(&mut bench, 1);
    bench.cancel(sent).unwrap();
    assert_eq!((bench.parked, bench.pending, bench.waiting()), (1, 1, 0), "it would be out of order");
    bench.discard(parked).unwrap();
    let (first, second) = (bench.next(), bench.next());
    assert_eq!((first.void().id, second.void().id, second.void().prev), (parked, sent, Some(parked)));
    bench.voided(&first, 1);
    bench.voided(&second, 2);
    assert_eq!(bench.settled, [(parked, Outcome::Cancelled), (sent, Outcome::Cancelled)]);
}
