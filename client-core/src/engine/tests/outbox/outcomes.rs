use keepline_protocol::{ActionId, ErrorCode};
use serde_json::json;

use super::DAY;
use crate::{
    engine::{EngineOptions, tests::harness::*},
    outcome::Outcome,
};

#[test]
fn a_refusal_from_outside_the_ledger_is_settled_by_a_void() {
    let mut bench = Bench::new();
    bench.go_online();
    let (id, behind) = (bench.submit_in("a"), bench.submit_in("a"));
    let (first, second) = (bench.next(), bench.next());
    bench.failed(&first, "TOO_LARGE", false);
    bench.failed(&second, "OUT_OF_ORDER", true);
    let void = bench.next();
    assert_eq!(void.void().id, id);
    let again = bench.next();
    assert_eq!((again.meta().id, again.meta().prev), (behind, Some(id)));
    bench.voided(&void, 1);
    assert!(matches!(&bench.settled[..], [(_, Outcome::Rejected(why))] if why.code == ErrorCode::TooLarge));
}

#[test]
fn a_refusal_with_a_place_is_the_outcome() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.submit_in("");
    let sent = bench.next();
    bench.ack(&sent, &json!({"ok": false, "error": {"code": "MY_OWN"}, "position": 1, "tag": tag(1)}));
    let Outcome::Rejected(why) = &bench.settled[0].1 else { panic!("{:?}", bench.settled) };
    assert_eq!(why.code, ErrorCode::Other("MY_OWN".to_owned()));
}

#[test]
fn what_the_ledger_forgot_is_indeterminate() {
    let mut bench = Bench::new();
    bench.go_online();
    let id = bench.submit_in("");
    let sent = bench.next();
    bench.failed(&sent, "INDETERMINATE", false);
    assert_eq!(bench.settled, [(id, Outcome::Indeterminate)]);
}

#[test]
fn a_drained_queue_never_counts_rows_from_one_again() {
    let mut bench = Bench::with(EngineOptions { outcomes_kept: 0, ..EngineOptions::default() });
    bench.go_online();
    let mut newest = 0;
    for position in 1..=3 {
        let id = bench.submit_in("a");
        let seq = bench.newest_row().unwrap();
        assert!(seq > newest, "row {seq} after row {newest}");
        newest = seq;
        let sent = bench.next();
        bench.applied(&sent, position);
        assert!(matches!(bench.outcome(id), Ok(Some(Outcome::Accepted(_)))));
        assert_eq!(bench.newest_row(), None, "the queue has drained");
    }
}

#[test]
fn outcomes_survive_a_restart_and_only_taken_ones_are_pruned_by_number() {
    let mut bench = Bench::with(EngineOptions { outcomes_kept: 1, ..EngineOptions::default() });
    bench.go_online();
    let ids: Vec<ActionId> = (0..4).map(|_| bench.submit_in("")).collect();
    for position in 1..=4 {
        let sent = bench.next();
        bench.applied(&sent, position);
    }
    bench.restart();
    assert_eq!(bench.list().len(), 4);
    for id in &ids[..3] {
        assert!(matches!(bench.outcome(*id), Ok(Some(Outcome::Accepted(_)))));
    }
    let left: Vec<ActionId> = bench.list().iter().map(|entry| entry.id).collect();
    assert_eq!(left, [ids[2], ids[3]], "the newest taken one, and the one never read");
    bench.pass(DAY * 8);
    bench.restart();
    assert!(bench.list().is_empty(), "after seven days all are");
}
