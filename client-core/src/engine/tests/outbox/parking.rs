use std::time::Duration;

use keepline_protocol::ErrorCode;

use super::fail_head;
use crate::{
    engine::{EngineOptions, LanePolicy, tests::harness::*},
    error::ControlError,
    outcome::Outcome,
};

#[test]
fn parked_action_blocks_its_named_lane_until_retry() {
    let mut bench = Bench::with(EngineOptions { attempts_max: 2, ..EngineOptions::default() });
    bench.go_online();
    let (first, second) = (bench.submit_in("a"), bench.submit_in("a"));
    fail_head(&mut bench, 2);
    assert_eq!((bench.pending, bench.parked, bench.waiting()), (1, 1, 0));
    assert_eq!(bench.retry(first), Ok(first), "a row without a void keeps its id");
    let sent = bench.next();
    assert_eq!(sent.meta().id, first);
    bench.applied(&sent, 1);
    assert_eq!(bench.next().meta().id, second);
}

#[test]
fn discard_of_a_parked_action_asks_for_a_void_and_unblocks_its_lane() {
    let mut bench = Bench::with(EngineOptions { attempts_max: 1, ..EngineOptions::default() });
    bench.go_online();
    let (first, second) = (bench.submit_in("a"), bench.submit_in("a"));
    fail_head(&mut bench, 1);
    bench.discard(first).unwrap();
    let void = bench.next();
    assert_eq!(void.void().id, first);
    let next = bench.next();
    assert_eq!((next.meta().id, next.meta().prev), (second, Some(first)));
    bench.voided(&void, 1);
    assert_eq!(bench.settled, [(first, Outcome::Cancelled)]);
    assert_eq!(bench.discard(first), Err(ControlError::Settled));
}

#[test]
fn the_default_lane_skips_by_a_void_and_a_retry_takes_a_new_id_and_the_voids_mark() {
    let mut bench = Bench::with(EngineOptions { attempts_max: 1, ..EngineOptions::default() });
    bench.go_online();
    let (first, second) = (bench.submit_in(""), bench.submit_in(""));
    fail_head(&mut bench, 1);
    let void = bench.next();
    assert_eq!(void.void().id, first);
    bench.voided(&void, 4);
    assert_eq!(bench.parked, 1);
    let next = bench.next();
    assert_eq!((next.meta().id, next.meta().prev), (second, Some(first)), "the void was under way");
    bench.lose();
    bench.come_back(ready_at(4, "ok"));
    let next = bench.next();
    assert_eq!((next.meta().id, next.meta().prev), (second, None), "a voided row is nobody's predecessor");
    let renamed = bench.retry(first).unwrap();
    assert_eq!(renamed, first.retry(1));
    assert_eq!(bench.renamed, [(first, renamed)]);
    let again = bench.next();
    assert_eq!((again.meta().id, again.meta().mark.unwrap().position), (renamed, 4));
    bench.applied(&again, 5);
    assert!(matches!(bench.outcome(first), Ok(Some(Outcome::Accepted(_)))), "the old id still finds it");
}

#[test]
fn a_foreign_void_parks() {
    let mut bench = Bench::new();
    bench.go_online();
    let id = bench.submit_in("");
    let sent = bench.next();
    bench.voided(&sent, 1);
    assert_eq!((bench.parked, bench.settled.len()), (1, 0));
    assert_eq!(bench.retry(id), Ok(id.retry(1)));
}

#[test]
fn a_head_that_fails_ten_times_is_parked() {
    let mut bench = Bench::new();
    bench.go_online();
    let id = bench.submit_in("a");
    for attempt in 1..=10 {
        let sent = bench.next();
        assert_eq!((sent.meta().id, bench.parked), (id, 0), "attempt {attempt}");
        bench.failed(&sent, "UNAVAILABLE", true);
        // The longest delay is a minute.
        for _ in 0..61 {
            if bench.waiting() == 0 && bench.parked == 0 {
                bench.pass(Duration::from_secs(1));
                bench.link(crate::engine::LinkEvent::Ping);
            }
        }
    }
    assert_eq!((bench.parked, bench.pending, bench.waiting()), (1, 0, 0));
    assert_eq!(bench.list()[0].last_error.as_ref().map(|error| &error.code), Some(&ErrorCode::Unavailable));
}

#[test]
fn a_lanes_policy_can_be_changed() {
    let lane_policies = [("careless".to_owned(), LanePolicy::Skip)].into();
    let mut bench = Bench::with(EngineOptions {
        attempts_max: 1,
        lane_policies,
        default_lane_policy: LanePolicy::Block,
        ..EngineOptions::default()
    });
    bench.go_online();
    bench.submit_in("");
    fail_head(&mut bench, 1);
    assert_eq!((bench.parked, bench.waiting()), (1, 0), "the default lane waits");
    let skipped = bench.submit_in("careless");
    fail_head(&mut bench, 1);
    assert_eq!(bench.next().void().id, skipped, "the named lane moves on");
}
