use std::time::Duration;

use keepline_protocol::{ActionId, ErrorCode};
use serde_json::json;

use super::harness::*;
use crate::{
    engine::{EngineOptions, LanePolicy},
    error::{ControlError, SubmitError},
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
    voided(&mut bench, &void, 1);
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
    voided(&mut bench, &void, 4);
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
    voided(&mut bench, &sent, 1);
    assert_eq!((bench.parked, bench.settled.len()), (1, 0));
    assert_eq!(bench.retry(id), Ok(id.retry(1)));
}

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
    voided(&mut bench, &void, 1);
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
    voided(&mut bench, &first, 1);
    voided(&mut bench, &second, 2);
    assert_eq!(bench.settled, [(parked, Outcome::Cancelled), (sent, Outcome::Cancelled)]);
}

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
    voided(&mut bench, &void, 1);
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

#[test]
fn coalesce_replaces_only_what_was_never_sent() {
    let mut bench = Bench::with(EngineOptions { window_lane: 1, ..EngineOptions::default() });
    bench.go_online();
    let mut keyed = || {
        let mut action = bench.action("draft:save:v1");
        (action.lane, action.coalesce) = (Some("a".to_owned()), Some("draft".to_owned()));
        bench.submit(action).unwrap()
    };
    let (sent, second, third) = (keyed(), keyed(), keyed());
    assert_eq!(bench.settled, [(second, Outcome::Cancelled)]);
    let ids: Vec<ActionId> = bench
        .list()
        .iter()
        .filter(|entry| entry.state != ActionState::Settled)
        .map(|entry| entry.id)
        .collect();
    assert_eq!(ids, [sent, third]);
}

#[test]
fn the_apps_own_retry_of_a_submit_is_idempotent() {
    let mut bench = Bench::new();
    let action = bench.action("do:it:v1");
    let id = bench.submit(action.clone()).unwrap();
    assert_eq!(bench.submit(action.clone()), Ok(id));
    assert_eq!(bench.pending, 1);
    let other = crate::outbox::NewAction { name: "another:v1".to_owned(), ..action };
    assert_eq!(bench.submit(other), Err(SubmitError::IdConflict));
}

#[test]
fn an_id_belongs_to_its_kind_and_attachments_too() {
    let mut bench = Bench::new();
    let args = payload(&json!([{"_placeholder": true, "num": 0}]));
    let raw = |bytes: &'static [u8]| {
        let attachments = vec![bytes::Bytes::from_static(bytes)];
        crate::outbox::Body::Raw { args: args.clone(), attachments }
    };
    let mut action = bench.action("upload");
    action.body = raw(b"one");
    let id = bench.submit(action.clone()).unwrap();
    assert_eq!(bench.submit(action.clone()), Ok(id), "the same again");
    let bare = crate::outbox::Body::Raw { args: args.clone(), attachments: Vec::new() };
    for body in [raw(b"two"), bare.clone()] {
        let other = crate::outbox::NewAction { body, ..action.clone() };
        assert_eq!(bench.submit(other), Err(SubmitError::IdConflict));
    }
    let mut action = bench.action("upload");
    action.body = bare;
    bench.submit(action.clone()).unwrap();
    action.body = crate::outbox::Body::Payload(args.clone());
    assert_eq!(
        bench.submit(action),
        Err(SubmitError::IdConflict),
        "one argument is not an array of arguments"
    );
    assert_eq!(bench.pending, 2);
}

#[test]
fn a_submit_that_fails_undoes_only_itself() {
    let mut bench = Bench::with(EngineOptions { capacity_bytes: 20, ..EngineOptions::default() });
    let mut draft = bench.action("draft:save:v1");
    draft.coalesce = Some("draft".to_owned());
    let kept = bench.submit(draft.clone()).unwrap();
    let mut large = bench.action("draft:save:v1");
    large.coalesce = Some("draft".to_owned());
    large.body = crate::outbox::Body::Payload(payload(&json!("x".repeat(20))));
    let neighbour = bench.action("do:it:v1");
    let [mut refused, mut taken] = bench.submit_together([large, neighbour.clone()]);
    assert_eq!(refused.try_recv().unwrap(), Err(SubmitError::QueueFull));
    assert_eq!(taken.try_recv().unwrap(), Ok(neighbour.id));
    assert_eq!(bench.settled, [], "what it would have replaced was not");
    let ids: Vec<ActionId> = bench.list().iter().map(|entry| entry.id).collect();
    assert_eq!(ids, [kept, neighbour.id]);
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
fn a_full_queue_and_an_oversize_action_are_typed_errors() {
    let mut bench =
        Bench::with(EngineOptions { capacity_rows: 2, action_bytes_max: 20, ..EngineOptions::default() });
    bench.submit_in("");
    bench.submit_in("");
    let action = bench.action("do:it:v1");
    assert_eq!(bench.submit(action), Err(SubmitError::QueueFull));
    let mut large = bench.action("do:it:v1");
    large.body = crate::outbox::Body::Payload(payload(&json!("x".repeat(19))));
    assert_eq!(bench.submit(large), Err(SubmitError::TooLarge { bytes: 21, limit: 20 }));
    assert_eq!(bench.pending, 2, "what was accepted is still there");
}

#[test]
fn bytes_are_bounded_at_the_edge_and_one_beyond() {
    let mut bench = Bench::with(EngineOptions { capacity_bytes: 14, ..EngineOptions::default() });
    // Each payload has seven bytes: {"n":1}.
    bench.submit_in("");
    bench.submit_in("");
    let third = bench.action("do:it:v1");
    assert_eq!(bench.submit(third), Err(SubmitError::QueueFull));
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

fn voided(bench: &mut Bench, sent: &Sent, position: u64) {
    bench.ack(
        sent,
        &json!({"ok": false, "error": {"code": "VOID"}, "position": position, "tag": tag(position)}),
    );
}

const DAY: Duration = Duration::from_secs(24 * 3600);
