//! The queue, from submit to outcome.

mod cancel;
mod expiry;
mod lanes;
mod outcomes;
mod parking;
mod sending;
mod submit;

use std::time::Duration;

use super::harness::*;

/// Answers the head's attempts with an error that may pass, and all others as out of order.
fn fail_head(bench: &mut Bench, attempts: u32) {
    for _ in 0..attempts {
        let window: Vec<Sent> = bench.sent.drain(..).collect();
        for (index, sent) in window.iter().enumerate() {
            bench.failed(sent, if index == 0 { "UNAVAILABLE" } else { "OUT_OF_ORDER" }, true);
        }
        if bench.parked == 0 && bench.waiting() == 0 {
            bench.pass(Duration::from_secs(19));
            bench.link(crate::engine::LinkEvent::Ping);
        }
    }
}

const DAY: Duration = Duration::from_secs(24 * 3600);
