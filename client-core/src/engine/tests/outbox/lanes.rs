use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    engine::{LinkEvent, tests::harness::*},
    error::SubmitError,
};

/// An error of an action that may pass, with the server's wish when to come back.
fn later(retry_after_ms: u64) -> Value {
    let error = json!({"code": "UNAVAILABLE", "retryable": true, "retry_after_ms": retry_after_ms});
    json!({"ok": false, "error": error})
}

#[test]
fn an_action_that_is_to_come_back_later_rests_its_own_lane_alone() {
    let mut bench = Bench::new();
    bench.go_online();
    let [slow, behind] = [bench.submit_in("slow"), bench.submit_in("slow")];
    let [first, second] = [bench.next(), bench.next()];
    bench.ack(&first, &later(20_000));
    let other = bench.submit_in("other");
    assert_eq!(bench.next().meta().id, other, "the other lanes go on");
    // The rest begins with the answer that asks for it, not with the last of the window.
    bench.pass(Duration::from_secs(5));
    bench.ack(&second, &json!({"ok": false, "error": {"code": "OUT_OF_ORDER", "retryable": true}}));
    bench.pass(Duration::from_millis(14_999));
    assert_eq!(bench.waiting(), 0, "longer than any delay of our own");
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.next().meta().id, slow);
    assert_eq!(bench.waiting(), 0, "{behind} waits behind its head");
}

#[test]
fn a_wish_for_a_lane_outlives_the_line() {
    let mut bench = Bench::new();
    bench.go_online();
    let [slow, _] = [bench.submit_in("slow"), bench.submit_in("slow")];
    let first = bench.next();
    bench.ack(&first, &later(90_000));
    bench.lose();
    bench.sent.clear();
    bench.come_back(ready());
    bench.link(LinkEvent::Ping);
    bench.pass(Duration::from_secs(30));
    bench.link(LinkEvent::Ping);
    bench.pass(Duration::from_secs(30));
    bench.link(LinkEvent::Ping);
    bench.pass(Duration::from_secs(29));
    assert_eq!(bench.waiting(), 0);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.next().meta().id, slow);
}

#[test]
fn at_most_a_thousand_named_lanes() {
    let mut bench = Bench::new();
    for number in 0..1_000 {
        bench.submit_in(&format!("lane-{number}"));
    }
    let mut action = bench.action("do:it:v1");
    action.lane = Some("one-more".to_owned());
    assert_eq!(bench.submit(action.clone()), Err(SubmitError::TooManyLanes));
    action.lane = Some("lane-7".to_owned());
    assert!(bench.submit(action).is_ok());
}

#[test]
fn a_lane_that_is_known_in_memory_alone_counts_as_a_new_one() {
    let mut bench = Bench::new();
    let emptied = bench.submit_in("early");
    bench.cancel(emptied).unwrap();
    for number in 0..1_000 {
        bench.submit_in(&format!("lane-{number}"));
    }
    let mut action = bench.action("do:it:v1");
    action.lane = Some("early".to_owned());
    assert_eq!(bench.submit(action), Err(SubmitError::TooManyLanes));
}

#[test]
fn lanes_that_were_emptied_are_not_kept_in_memory() {
    let mut bench = Bench::new();
    let fill = |bench: &mut Bench, word: &str| {
        for number in 0..3_000 {
            let id = bench.submit_in(&format!("{word}-{number}"));
            bench.cancel(id).unwrap();
        }
    };
    fill(&mut bench, "without a line");
    assert_eq!(bench.engine.outbox.lanes_in_memory(), 0);
    bench.go_online();
    bench.is_stalled = true;
    fill(&mut bench, "at a stalled socket");
    assert!(bench.engine.outbox.lanes_in_memory() <= 2_001);
    // Those that have something in them are still sent.
    let ids = [bench.submit_in("a"), bench.submit_in("b")];
    fill(&mut bench, "again");
    bench.is_stalled = false;
    bench.drain();
    assert_eq!([bench.next().meta().id, bench.next().meta().id], ids);
    bench.lose();
    assert_eq!(bench.engine.outbox.lanes_in_memory(), 0);
    bench.come_back(ready());
    assert_eq!(bench.waiting(), 2);
}
