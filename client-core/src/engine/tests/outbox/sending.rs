use std::time::Duration;

use keepline_protocol::ActionId;
use serde_json::json;

use crate::{
    engine::{EngineOptions, tests::harness::*},
    outbox::ActionState,
    outcome::Outcome,
    status::Line,
};

#[test]
fn submit_before_the_first_connection_is_kept_and_sent_later() {
    let mut bench = Bench::new();
    let id = bench.submit_in("");
    assert_eq!((bench.pending, bench.waiting()), (1, 0));
    bench.go_online();
    let sent = bench.next();
    assert_eq!(sent.meta().id, id);
    bench.applied(&sent, 1);
    assert!(matches!(&bench.settled[..], [(settled, Outcome::Accepted(_))] if *settled == id));
    assert_eq!(bench.pending, 0);
}

#[test]
fn submit_online_is_handed_out_in_its_own_commit() {
    let mut bench = Bench::new();
    bench.go_online();
    let id = bench.submit_in("");
    assert_eq!(bench.next().meta().id, id);
    assert_eq!(bench.list()[0].state, ActionState::Sent);
}

#[test]
fn a_lane_is_pipelined_up_to_its_window_and_names_its_predecessors() {
    let mut bench = Bench::with(EngineOptions { window_lane: 3, ..EngineOptions::default() });
    bench.go_online();
    let ids: Vec<ActionId> = (0..5).map(|_| bench.submit_in("a")).collect();
    assert_eq!(bench.waiting(), 3);
    let first = bench.next();
    assert_eq!(first.meta().prev, None);
    assert_eq!(bench.next().meta().prev, Some(ids[0]));
    assert_eq!(bench.next().meta().prev, Some(ids[1]));
    bench.applied(&first, 1);
    let fourth = bench.next();
    assert_eq!((fourth.meta().id, fourth.meta().prev), (ids[3], Some(ids[2])));
}

#[test]
fn the_total_window_bounds_all_lanes() {
    let mut bench = Bench::with(EngineOptions { window_total: 4, ..EngineOptions::default() });
    bench.go_online();
    for lane in ["a", "b", "c", "d", "e", "f"] {
        bench.submit_in(lane);
    }
    assert_eq!(bench.waiting(), 4);
    let first = bench.next();
    bench.applied(&first, 1);
    assert_eq!(bench.waiting(), 4);
}

#[test]
fn everything_unanswered_is_sent_again_from_the_head_after_a_loss() {
    let mut bench = Bench::new();
    bench.go_online();
    let ids: Vec<ActionId> = (0..3).map(|_| bench.submit_in("")).collect();
    let first = bench.next();
    bench.applied(&first, 1);
    bench.sent.clear();
    bench.lose();
    bench.come_back(ready_at(1, "ok"));
    assert_eq!(bench.next().meta().id, ids[1]);
    let last = bench.next();
    assert_eq!((last.meta().id, last.meta().prev), (ids[2], Some(ids[1])));
    assert_eq!(bench.list().iter().map(|entry| entry.attempts).sum::<u32>(), 0, "a lost line is no attempt");
}

#[test]
fn a_mark_is_taken_at_submit_and_never_raised() {
    let mut bench = Bench::new();
    bench.submit_in("");
    bench.go_online();
    let first = bench.next();
    bench.applied(&first, 5);
    bench.lose();
    bench.submit_in("");
    bench.come_back(ready_at(9, "ok"));
    assert_eq!(bench.next().meta().mark.unwrap().position, 5);
}

#[test]
fn a_broken_order_empties_the_window_and_resends_from_the_head() {
    let mut bench = Bench::new();
    bench.go_online();
    let ids: Vec<ActionId> = (0..3).map(|_| bench.submit_in("a")).collect();
    let sent: Vec<Sent> = (0..3).map(|_| bench.next()).collect();
    bench.failed(&sent[0], "UNAVAILABLE", true);
    bench.failed(&sent[1], "OUT_OF_ORDER", true);
    assert_eq!(bench.waiting(), 0);
    bench.failed(&sent[2], "OUT_OF_ORDER", true);
    bench.pass(Duration::from_secs(1));
    let head = bench.next();
    assert_eq!((head.meta().id, bench.waiting()), (ids[0], 0), "a head that failed goes alone");
    assert_eq!(bench.list().iter().map(|entry| entry.attempts).collect::<Vec<_>>(), [1, 0, 0]);
    bench.applied(&head, 1);
    assert_eq!(bench.waiting(), 2);
}

#[test]
fn a_rate_limit_holds_the_line_and_counts_no_attempt() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.submit_in("a");
    let sent = bench.next();
    bench.ack(
        &sent,
        &json!({"ok": false, "error": {"code": "RATE_LIMITED", "retryable": true, "retry_after_ms": 700}}),
    );
    bench.submit_in("b");
    bench.pass(Duration::from_millis(699));
    assert_eq!(bench.waiting(), 0);
    bench.pass(Duration::from_millis(2));
    assert_eq!(bench.waiting(), 2);
    assert!(bench.list().iter().all(|entry| entry.attempts == 0));
}

#[test]
fn a_poison_action_is_found_and_parked_and_the_others_go_on() {
    let mut bench = Bench::with(EngineOptions { attempts_max: 2, ..EngineOptions::default() });
    bench.go_online();
    let poison = bench.submit_in("poison");
    let good = bench.submit_in("good");
    let mut losses = 0;
    while bench.parked == 0 {
        losses += 1;
        assert!(losses < 20, "the poison action holds the line");
        // The server dies when it sees the poison; whatever it got before that it answers.
        let mut position = 0;
        while let Some(sent) = bench.sent.pop_front() {
            if sent.meta().id == poison {
                break;
            }
            position += 1;
            if losses > 3 {
                bench.applied(&sent, position);
            }
        }
        bench.sent.clear();
        bench.lose();
        bench.come_back(ready());
    }
    assert!(bench.settled.iter().any(|(id, outcome)| *id == good && matches!(outcome, Outcome::Accepted(_))));
    assert!(matches!(bench.line(), Line::Online { .. }));
}

#[test]
fn an_action_without_an_answer_makes_the_line_suspicious() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.submit_in("");
    for _ in 0..2 {
        bench.pass(Duration::from_secs(14));
        bench.link(crate::engine::LinkEvent::Ping);
    }
    assert_eq!(bench.hang_ups, 0);
    bench.pass(Duration::from_secs(3));
    assert_eq!(bench.hang_ups, 1);
    assert!(matches!(bench.line(), Line::Waiting { .. } | Line::Connecting));
}
