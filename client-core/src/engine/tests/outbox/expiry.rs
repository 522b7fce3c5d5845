use std::time::Duration;

use super::DAY;
use crate::{
    engine::{EngineOptions, tests::harness::*},
    outcome::Outcome,
};

#[test]
fn never_sent_expires_and_sent_does_not() {
    let mut bench =
        Bench::with(EngineOptions { window_lane: 1, answer_timeout: DAY * 40, ..EngineOptions::default() });
    bench.go_online();
    bench.submit_in("a");
    let queued = bench.submit_in("a");
    // The line stays up while a day passes.
    for _ in 0..24 * 180 {
        bench.pass(Duration::from_secs(20));
        bench.link(crate::engine::LinkEvent::Ping);
    }
    assert_eq!(bench.settled, [(queued, Outcome::Expired)]);
    assert_eq!(bench.pending, 1);
}

#[test]
fn expiry_goes_by_the_wall_clock_across_boots_and_is_never_negative() {
    let mut bench = Bench::new();
    bench.submit_in("");
    bench.now.boot = 2;
    bench.now.ticks_ms = 5;
    bench.now.wall_ms -= 10_000_000;
    bench.restart();
    assert_eq!(bench.list()[0].age, Duration::ZERO);
    bench.pass(DAY - Duration::from_secs(1));
    assert_eq!(bench.pending, 1);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.settled.len(), 1);
}
