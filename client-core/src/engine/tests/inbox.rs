use std::time::Duration;

use keepline_protocol::{
    Stream,
    limits::STREAMS_MAX,
    names,
    socket_io::{Args, Kind, Packet},
};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::harness::*;
use crate::{
    command::{Command, Consume, Freed},
    engine::{Delivery, EngineOptions, LinkEvent},
    error::EventsError,
    status::{Line, LineTrouble},
};

const DURABLE: Consume = Consume { after: None, durable: true };

fn job() -> Stream {
    Stream::job("7")
}

fn event(bench: &mut Bench, stream: &Stream, epoch: &str, offset: u64) {
    let meta = json!({"stream": stream, "epoch": epoch, "offset": offset, "tag": tag(offset)});
    bench.event("tick:v1", &[json!({"at": offset}), meta]);
}

/// Answers a subscribe with a page of events up to `last` of `head`.
fn page(bench: &mut Bench, last: u64, head: u64) {
    let ask = bench.next();
    assert_eq!(ask.name, names::STREAM_SUBSCRIBE);
    let stream: Stream = serde_json::from_value(ask.args[0]["stream"].clone()).unwrap();
    let after = ask.args[0]["after"].as_u64().unwrap_or(0);
    for offset in after + 1..=last {
        event(bench, &stream, "E1", offset);
    }
    bench.ack(
        &ask,
        &json!({"ok": true, "status": "ok", "epoch": "E1", "from": after, "head": head, "more": last < head}),
    );
}

fn offsets(bench: &Bench) -> Vec<u64> {
    bench
        .delivered
        .iter()
        .filter_map(|(_, item)| match item {
            Delivery::Event(event) => event.offset,
            _ => None,
        })
        .collect()
}

#[test]
fn a_job_is_pulled_from_its_beginning_page_by_page_then_live() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.consume(job(), DURABLE).unwrap();
    page(&mut bench, 3, 5);
    page(&mut bench, 5, 5);
    event(&mut bench, &job(), "E1", 6);
    assert_eq!(offsets(&bench), [1, 2, 3, 4, 5, 6]);
    assert_eq!(bench.waiting(), 0);
}

#[test]
fn duplicates_are_dropped_and_a_gap_is_fetched() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.consume(job(), DURABLE).unwrap();
    page(&mut bench, 2, 2);
    event(&mut bench, &job(), "E1", 2);
    event(&mut bench, &job(), "E1", 5);
    event(&mut bench, &job(), "E1", 6);
    assert_eq!(offsets(&bench), [1, 2]);
    page(&mut bench, 6, 6);
    assert_eq!(offsets(&bench), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn the_cursor_moves_only_with_what_the_app_has_taken() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.consume(job(), DURABLE).unwrap();
    page(&mut bench, 4, 4);
    bench.taken(job(), "E1", 2, Freed { events: 2, bytes: 20 });
    bench.pass(Duration::from_millis(100));
    bench.restart();
    bench.consume(job(), DURABLE).unwrap();
    let connect = bench.dial();
    assert_eq!(connect.args[0]["resume"]["job:7"], json!({"epoch": "E1", "offset": 2, "tag": tag(2)}));
}

#[test]
fn cursors_are_stored_in_groups() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.consume(job(), DURABLE).unwrap();
    page(&mut bench, 200, 200);
    bench.taken(job(), "E1", 100, Freed { events: 100, bytes: 1_000 });
    bench.restart();
    bench.consume(job(), DURABLE).unwrap();
    assert!(bench.dial().args[0].get("resume").is_none(), "100 events and no time: not stored yet");
    bench.accept(ready());
    page(&mut bench, 200, 200);
    bench.taken(job(), "E1", 128, Freed { events: 128, bytes: 1_280 });
    bench.restart();
    bench.consume(job(), DURABLE).unwrap();
    assert_eq!(bench.dial().args[0]["resume"]["job:7"]["offset"], 128);
}

#[test]
fn a_stream_that_stands_at_its_head_is_live_at_once() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.consume(job(), DURABLE).unwrap();
    page(&mut bench, 2, 2);
    bench.lose();
    bench.come_back(with_stream(json!({"status": "ok", "epoch": "E1", "head": 2})));
    assert_eq!(bench.waiting(), 0);
    event(&mut bench, &job(), "E1", 3);
    assert_eq!(offsets(&bench), [1, 2, 3]);
    assert_eq!(bench.line(), &Line::Online { resumed: true });
}

#[test]
fn a_reset_is_told_with_its_snapshot_and_goes_on_after_it() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.consume(job(), DURABLE).unwrap();
    page(&mut bench, 2, 2);
    bench.lose();
    let reset =
        json!({"epoch": "E2", "offset": 9, "tag": tag(9), "reason": "trimmed", "snapshot": {"events": 9}});
    bench.come_back(with_stream(json!({"status": "reset", "epoch": "E2", "head": 10, "reset": reset})));
    assert_eq!(bench.line(), &Line::Online { resumed: false });
    let Some((_, Delivery::Reset(reset))) = bench.delivered.last() else { panic!() };
    assert_eq!(reset.snapshot.as_ref().unwrap().as_str(), "{\"events\":9}");
    let ask = bench.next();
    assert_eq!((&ask.args[0]["epoch"], &ask.args[0]["after"]), (&json!("E2"), &json!(9)));
    // The reset itself is a place: once taken, a restart continues there.
    bench.taken(job(), "E2", 9, Freed { events: 1, bytes: 12 });
    bench.pass(Duration::from_millis(100));
    bench.restart();
    bench.consume(job(), DURABLE).unwrap();
    assert_eq!(bench.dial().args[0]["resume"]["job:7"]["offset"], 9);
}

#[test]
fn a_stream_that_is_gone_says_so_and_loses_its_cursor() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.consume(job(), DURABLE).unwrap();
    let ask = bench.next();
    bench.ack(&ask, &json!({"ok": false, "error": {"code": "NOT_FOUND"}}));
    assert!(matches!(bench.delivered.last(), Some((_, Delivery::Gone))));
}

#[test]
fn only_a_stream_that_is_not_found_loses_its_cursor() {
    for (code, is_gone) in [("NOT_FOUND", true), ("BAD_REQUEST", false), ("FORBIDDEN", false)] {
        let mut bench = Bench::new();
        bench.go_online();
        bench.consume(job(), DURABLE).unwrap();
        page(&mut bench, 2, 2);
        bench.taken(job(), "E1", 2, Freed { events: 2, bytes: 20 });
        bench.lose();
        bench.come_back(with_stream(json!({"status": "ok", "epoch": "E1", "head": 3})));
        let ask = bench.next();
        bench.ack(&ask, &json!({"ok": false, "error": {"code": code}}));
        match bench.delivered.last() {
            Some((_, Delivery::Gone)) => assert!(is_gone, "{code}"),
            Some((_, Delivery::Refused(refused))) => assert_eq!((refused.as_str(), is_gone), (code, false)),
            other => panic!("{code} was silent: {other:?}"),
        }
        bench.pass(Duration::from_secs(30));
        assert_eq!(bench.waiting(), 0, "{code} is not asked again by itself");
        // The app comes back for it.
        bench.consume(job(), DURABLE).unwrap();
        let after = bench.next().args[0].get("after").and_then(Value::as_u64);
        assert_eq!(after, (!is_gone).then_some(2), "{code}");
    }
}

#[test]
fn a_refusal_that_may_pass_waits_as_the_server_wishes() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.consume(job(), DURABLE).unwrap();
    let ask = bench.next();
    let error = json!({"code": "RATE_LIMITED", "retryable": true, "retry_after_ms": 20_000});
    bench.ack(&ask, &json!({"ok": false, "error": error}));
    bench.command(Command::Freed { stream: job(), freed: Freed::default() });
    bench.pass(Duration::from_millis(19_999));
    assert_eq!(bench.waiting(), 0, "not before the time, whatever the app does");
    bench.pass(Duration::from_millis(1));
    page(&mut bench, 2, 2);
    assert_eq!(offsets(&bench), [1, 2]);
}

#[test]
fn a_refusal_that_may_pass_is_asked_again_after_a_growing_delay() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.consume(job(), DURABLE).unwrap();
    for ceiling in [1, 2, 4, 8, 16] {
        let ask = bench.next();
        bench.ack(&ask, &json!({"ok": false, "error": {"code": "UNAVAILABLE", "retryable": true}}));
        bench.pass(Duration::from_millis(999));
        assert_eq!(bench.waiting(), 0, "never in a loop");
        bench.pass(Duration::from_secs(ceiling));
        assert_eq!(bench.waiting(), 1, "within {ceiling} s");
    }
    bench.lose();
    bench.sent.clear();
    bench.come_back(ready());
    assert_eq!(bench.waiting(), 1, "a new connection asks at once");
}

#[test]
fn a_slow_app_gives_the_stream_back_and_pulls_it_again() {
    let mut bench = Bench::with(EngineOptions { buffer_events: 4, ..EngineOptions::default() });
    bench.go_online();
    bench.consume(job(), DURABLE).unwrap();
    page(&mut bench, 2, 2);
    for offset in 3..=6 {
        event(&mut bench, &job(), "E1", offset);
    }
    assert_eq!(offsets(&bench), [1, 2, 3, 4]);
    assert_eq!(bench.next().name, names::STREAM_UNSUBSCRIBE);
    bench.taken(job(), "E1", 1, Freed { events: 1, bytes: 20 });
    assert_eq!(bench.waiting(), 0, "half of the buffer must be free");
    bench.taken(job(), "E1", 2, Freed { events: 1, bytes: 20 });
    page(&mut bench, 6, 6);
    assert_eq!(offsets(&bench), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn the_next_page_is_asked_for_once_half_of_the_buffer_is_free() {
    let mut bench = Bench::with(EngineOptions { buffer_events: 4, ..EngineOptions::default() });
    bench.go_online();
    bench.consume(job(), DURABLE).unwrap();
    page(&mut bench, 3, 6);
    assert_eq!(offsets(&bench), [1, 2, 3]);
    assert_eq!(bench.waiting(), 0, "a page of one event is a way there and back for one event");
    bench.taken(job(), "E1", 1, Freed { events: 1, bytes: 20 });
    page(&mut bench, 5, 6);
    assert_eq!(offsets(&bench), [1, 2, 3, 4, 5]);
    bench.taken(job(), "E1", 5, Freed { events: 4, bytes: 80 });
    page(&mut bench, 6, 6);
    assert_eq!(offsets(&bench), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_manual_reader_of_pages_gets_as_many_as_it_may_leave_unacknowledged() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.consume(job(), DURABLE).unwrap();
    let mut last = 0;
    while bench.waiting() > 0 {
        assert!(last < 20_000, "what is not acknowledged grows without an end");
        let to = (last + 500).min(11_024);
        page(&mut bench, to, 20_000);
        bench.command(Command::Freed { stream: job(), freed: Freed { events: 500, bytes: 100_000 } });
        last = to;
    }
    assert_eq!(last, 11_024, "10,000 and the buffer");
    bench.taken(job(), "E1", 4_000, Freed::default());
    assert_eq!(bench.waiting(), 0, "half of them must be acknowledged");
    bench.taken(job(), "E1", 5_000, Freed::default());
    let ask = bench.next();
    assert_eq!((ask.name.as_str(), &ask.args[0]["after"]), (names::STREAM_SUBSCRIBE, &json!(11_024)));
}

#[test]
fn a_tap_does_not_wait_for_what_a_consumer_that_went_had_not_acknowledged() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.consume(job(), DURABLE).unwrap();
    bench.observe(job()).unwrap();
    page(&mut bench, 500, 500);
    for offset in 501..=11_000 {
        event(&mut bench, &job(), "E1", offset);
        bench.command(Command::Freed { stream: job(), freed: Freed { events: 1, bytes: 1_000 } });
    }
    bench.command(Command::Release { stream: job() });
    bench.lose();
    bench.sent.clear();
    bench.come_back(with_stream(json!({"status": "ok", "epoch": "E1", "head": 11_001})));
    assert_eq!(bench.next().name, names::STREAM_SUBSCRIBE);
}

#[test]
fn a_stored_cursor_is_no_reason_to_count_the_queue() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.consume(job(), DURABLE).unwrap();
    page(&mut bench, 200, 200);
    bench.transactions();
    bench.taken(job(), "E1", 128, Freed { events: 128, bytes: 1_280 });
    assert_eq!(bench.transactions(), 1, "the cursor's own");
    bench.command(Command::Freed { stream: job(), freed: Freed { events: 1, bytes: 10 } });
    assert_eq!(bench.transactions(), 0);
}

#[test]
fn a_stream_that_is_never_acknowledged_is_given_back_and_pulled_again_after_an_ack() {
    let mut bench = Bench::with(EngineOptions { buffer_events: 4, ..EngineOptions::default() });
    bench.go_online();
    bench.consume(job(), DURABLE).unwrap();
    page(&mut bench, 0, 0);
    let mut last = 0;
    // The app reads everything at once and acknowledges nothing.
    while bench.waiting() == 0 {
        last += 1;
        assert!(last < 100_000, "what is not acknowledged grows without an end");
        event(&mut bench, &job(), "E1", last);
        bench.command(Command::Freed { stream: job(), freed: Freed { events: 1, bytes: 20 } });
    }
    assert_eq!(offsets(&bench).last(), Some(&10_004), "10,000 and the buffer");
    assert_eq!(bench.next().name, names::STREAM_UNSUBSCRIBE);
    bench.taken(job(), "E1", 4_999, Freed::default());
    assert_eq!(bench.waiting(), 0, "half of them must be acknowledged");
    bench.taken(job(), "E1", 5_000, Freed::default());
    let ask = bench.next();
    assert_eq!((ask.name.as_str(), &ask.args[0]["after"]), (names::STREAM_SUBSCRIBE, &json!(10_004)));
}

#[test]
fn the_user_stream_begins_at_the_head_of_the_first_session() {
    let mut bench = Bench::new();
    let mut ready = ready();
    ready["streams"]["user"] = json!({"status": "ok", "epoch": "E1", "head": 41, "tag": tag(41)});
    bench.dial();
    bench.accept(ready);
    bench.restart();
    bench.consume(Stream::User, DURABLE).unwrap();
    assert_eq!(bench.dial().args[0]["resume"]["user"], json!({"epoch": "E1", "offset": 41, "tag": tag(41)}));
}

#[test]
fn a_consumer_may_begin_elsewhere() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.consume(Stream::User, Consume { after: Some(0), durable: true }).unwrap();
    page(&mut bench, 3, 3);
    assert_eq!(offsets(&bench), [1, 2, 3]);
}

#[test]
fn a_look_back_survives_the_first_session_and_is_pulled_though_it_was_not_named() {
    let mut bench = Bench::new();
    bench.consume(Stream::User, Consume { after: Some(0), durable: false }).unwrap();
    let mut ready = ready();
    ready["streams"]["user"] = json!({"status": "ok", "epoch": "E1", "head": 3, "tag": tag(3)});
    assert!(bench.dial().args[0].get("resume").is_none());
    bench.accept(ready);
    page(&mut bench, 3, 3);
    assert_eq!(offsets(&bench), [1, 2, 3]);
}

#[test]
fn a_consumer_from_before_the_first_session_begins_at_its_head_and_is_live() {
    let mut bench = Bench::new();
    bench.consume(Stream::User, DURABLE).unwrap();
    let mut ready = ready();
    ready["streams"]["user"] = json!({"status": "ok", "epoch": "E1", "head": 3, "tag": tag(3)});
    bench.dial();
    bench.accept(ready);
    page(&mut bench, 3, 3);
    event(&mut bench, &Stream::User, "E1", 4);
    assert_eq!(offsets(&bench), [4]);
}

#[test]
fn a_stream_has_one_durable_consumer_and_taps_move_no_cursor() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.consume(job(), DURABLE).unwrap();
    assert_eq!(bench.consume(job(), DURABLE), Err(EventsError::InUse));
    bench.command(Command::Release { stream: job() });
    assert_eq!(bench.consume(job(), DURABLE), Ok(()));
}

#[test]
fn what_came_for_a_consumer_that_went_away_is_not_handed_to_the_next() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.consume(job(), DURABLE).unwrap();
    page(&mut bench, 0, 0);
    let meta = json!({"stream": job(), "epoch": "E1", "offset": 1, "tag": tag(1)});
    let args = Args::event("tick:v1").value(&json!({})).unwrap().value(&meta).unwrap().build();
    let packet = Packet::root(Kind::Event { id: None, args });
    let (answer, _) = oneshot::channel();
    let commands = vec![
        Command::Release { stream: job() },
        Command::Consume { stream: job(), options: DURABLE, answer },
    ];
    // The driver knows the next consumer already when it runs the effects.
    bench.link_with(LinkEvent::Packet(packet), commands);
    page(&mut bench, 1, 1);
    assert_eq!(offsets(&bench), [1], "from the cursor, and only from there");
}

/// A job with a page in flight that was asked for after its third event, and nothing taken.
fn second_page_in_flight(bench: &mut Bench) -> Sent {
    bench.go_online();
    bench.consume(job(), DURABLE).unwrap();
    page(bench, 3, 9);
    let ask = bench.next();
    assert_eq!(ask.args[0]["after"], 3);
    ask
}

fn reopen(bench: &mut Bench) {
    bench.command(Command::Release { stream: job() });
    bench.consume(job(), DURABLE).unwrap();
    bench.delivered.clear();
}

#[test]
fn an_old_answer_does_not_say_where_the_next_consumer_begins() {
    let mut bench = Bench::new();
    let old = second_page_in_flight(&mut bench);
    reopen(&mut bench);
    assert_eq!(bench.next().name, names::STREAM_UNSUBSCRIBE);
    assert_eq!(bench.waiting(), 0, "one subscribe in flight a stream");
    for offset in 4..=6 {
        event(&mut bench, &job(), "E1", offset);
    }
    bench.ack(&old, &json!({"ok": true, "status": "ok", "epoch": "E1", "from": 3, "head": 9, "more": true}));
    page(&mut bench, 9, 9);
    assert_eq!(offsets(&bench), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    event(&mut bench, &job(), "E1", 10);
    assert_eq!(offsets(&bench).last(), Some(&10), "and live");
}

#[test]
fn an_answer_to_a_tap_does_not_say_where_a_consumer_begins() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.observe(job()).unwrap();
    end(&mut bench, 7);
    let old = bench.next();
    let from = old.args[0]["after"].as_u64().unwrap();
    assert_eq!(from, 7);
    bench.consume(job(), DURABLE).unwrap();
    bench.delivered.clear();
    assert_eq!(bench.waiting(), 0, "one subscribe in flight a stream");
    bench.ack(
        &old,
        &json!({"ok": true, "status": "ok", "epoch": "E1", "from": from, "head": 9, "more": false}),
    );
    page(&mut bench, 9, 9);
    assert_eq!(offsets(&bench), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

/// Answers the first page that a tap asks for, which it has no use for but to know where the stream ends.
fn end(bench: &mut Bench, head: u64) {
    let ask = bench.next();
    assert_eq!((&ask.args[0]["after"], &ask.args[0]["limit"]), (&Value::Null, &json!(1)));
    event(bench, &job(), "E1", 1);
    bench.ack(
        &ask,
        &json!({"ok": true, "status": "ok", "epoch": "E1", "from": 0, "head": head, "more": head > 1}),
    );
}

#[test]
fn a_tap_alone_begins_at_what_comes_next_and_moves_no_cursor() {
    let mut bench = Bench::new();
    bench.go_online();
    // The cursor of an earlier consumer is nothing to a tap.
    bench.consume(job(), DURABLE).unwrap();
    page(&mut bench, 2, 2);
    bench.taken(job(), "E1", 2, Freed { events: 2, bytes: 20 });
    bench.command(Command::Release { stream: job() });
    assert_eq!(bench.next().name, names::STREAM_UNSUBSCRIBE);
    bench.observe(job()).unwrap();
    end(&mut bench, 7);
    page(&mut bench, 7, 7);
    assert!(bench.tapped.is_empty());
    event(&mut bench, &job(), "E1", 8);
    assert_eq!(bench.tapped, [8]);
    // What is missed while there is no line comes, as long as the tap is there.
    bench.lose();
    bench.sent.clear();
    bench.come_back(with_stream(json!({"status": "ok", "epoch": "E1", "head": 9})));
    page(&mut bench, 9, 9);
    assert_eq!(bench.tapped, [8, 9]);
    bench.restart();
    bench.consume(job(), DURABLE).unwrap();
    assert_eq!(bench.dial().args[0]["resume"]["job:7"]["offset"], 2);
}

#[test]
fn a_consumer_beside_a_tap_catches_up_and_the_tap_sees_nothing_twice() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.observe(job()).unwrap();
    end(&mut bench, 3);
    page(&mut bench, 3, 3);
    event(&mut bench, &job(), "E1", 4);
    bench.delivered.clear();
    bench.consume(job(), DURABLE).unwrap();
    page(&mut bench, 5, 5);
    assert_eq!(offsets(&bench), [1, 2, 3, 4, 5]);
    assert_eq!(bench.tapped, [4, 5]);
}

#[test]
fn a_tap_of_an_empty_stream_is_live_at_once() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.observe(job()).unwrap();
    let ask = bench.next();
    bench.ack(&ask, &json!({"ok": true, "status": "ok", "epoch": "E1", "from": 0, "head": 0, "more": false}));
    assert_eq!(bench.waiting(), 0);
    event(&mut bench, &job(), "E1", 1);
    assert_eq!(bench.tapped, [1]);
}

#[test]
fn a_tap_that_a_consumer_leaves_at_the_beginning_finds_the_end() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.observe(job()).unwrap();
    bench.consume(job(), DURABLE).unwrap();
    let ask = bench.next();
    bench.command(Command::Release { stream: job() });
    event(&mut bench, &job(), "E1", 1);
    bench.ack(&ask, &json!({"ok": true, "status": "ok", "epoch": "E1", "from": 0, "head": 9, "more": true}));
    page(&mut bench, 9, 9);
    assert!(bench.tapped.is_empty());
}

#[test]
fn a_connection_holds_so_many_streams_and_a_tap_beyond_them_is_refused() {
    let mut bench = Bench::new();
    bench.go_online();
    for number in 0..STREAMS_MAX {
        bench.observe(Stream::job(number.to_string())).unwrap();
    }
    assert_eq!(bench.observe(job()), Ok(()), "a second tap of a stream takes no more room");
    assert_eq!(bench.observe(Stream::job("one-more")), Err(EventsError::TooMany));
    bench.command(Command::Unobserve { stream: Stream::job("0") });
    assert_eq!(bench.observe(Stream::job("one-more")), Ok(()));
}

#[test]
fn an_old_answer_of_any_kind_says_only_that_it_is_in() {
    let reset = json!({"epoch": "E2", "offset": 40, "tag": tag(40), "reason": "trimmed"});
    for answer in [
        json!({"ok": true, "status": "reset", "epoch": "E2", "from": 40, "head": 41, "more": true, "reset": reset}),
        json!({"ok": true, "status": "gone", "from": 3, "head": 9, "more": false}),
        json!({"ok": false, "error": {"code": "NOT_FOUND"}}),
        json!({"ok": false, "error": {"code": "FORBIDDEN"}}),
        json!({"ok": false, "error": {"code": "UNAVAILABLE", "retryable": true, "retry_after_ms": 60_000}}),
    ] {
        let mut bench = Bench::new();
        let old = second_page_in_flight(&mut bench);
        reopen(&mut bench);
        bench.sent.clear();
        bench.ack(&old, &answer);
        assert!(bench.delivered.is_empty(), "{answer} was for another: {:?}", bench.delivered);
        page(&mut bench, 2, 2);
        assert_eq!(offsets(&bench), [1, 2], "{answer}");
    }
}

#[test]
fn an_old_answer_with_a_stored_cursor_is_no_page_that_brought_nothing() {
    let mut bench = Bench::new();
    let old = second_page_in_flight(&mut bench);
    bench.taken(job(), "E1", 2, Freed { events: 2, bytes: 20 });
    reopen(&mut bench);
    bench.sent.clear();
    bench.ack(&old, &json!({"ok": true, "status": "ok", "epoch": "E1", "from": 3, "head": 9, "more": true}));
    page(&mut bench, 9, 9);
    assert_eq!(offsets(&bench), [3, 4, 5, 6, 7, 8, 9], "at once, without a rest");
}

#[test]
fn a_slow_app_that_catches_up_before_its_page_has_ended_waits_for_the_answer() {
    let mut bench = Bench::with(EngineOptions { buffer_events: 2, ..EngineOptions::default() });
    bench.go_online();
    bench.consume(job(), DURABLE).unwrap();
    let ask = bench.next();
    for offset in 1..=3 {
        event(&mut bench, &job(), "E1", offset);
    }
    assert_eq!(bench.next().name, names::STREAM_UNSUBSCRIBE);
    bench.taken(job(), "E1", 2, Freed { events: 2, bytes: 40 });
    assert_eq!(bench.waiting(), 0, "one subscribe in flight a stream");
    bench.ack(&ask, &json!({"ok": true, "status": "ok", "epoch": "E1", "from": 0, "head": 3, "more": false}));
    page(&mut bench, 3, 3);
    assert_eq!(offsets(&bench), [1, 2, 3]);
}

#[test]
fn a_consumer_that_goes_for_good_leaves_nothing_subscribed_and_no_answer_is_missed() {
    let mut bench = Bench::new();
    let old = second_page_in_flight(&mut bench);
    bench.command(Command::Release { stream: job() });
    assert_eq!(bench.next().name, names::STREAM_UNSUBSCRIBE);
    bench.ack(&old, &json!({"ok": true, "status": "ok", "epoch": "E1", "from": 3, "head": 3, "more": false}));
    assert_eq!(bench.waiting(), 0);
    bench.consume(job(), DURABLE).unwrap();
    page(&mut bench, 1, 1);
}

#[test]
fn a_new_line_owes_no_answer_of_the_old_one() {
    let mut bench = Bench::new();
    second_page_in_flight(&mut bench);
    reopen(&mut bench);
    bench.lose();
    bench.sent.clear();
    bench.come_back(ready());
    page(&mut bench, 4, 4);
    assert_eq!(offsets(&bench), [1, 2, 3, 4]);
}

#[test]
fn a_page_whose_answer_never_comes_ends_the_line() {
    let mut bench = Bench::new();
    second_page_in_flight(&mut bench);
    bench.pass(Duration::from_secs(20));
    event(&mut bench, &job(), "E1", 4);
    bench.link(LinkEvent::Ping);
    bench.pass(Duration::from_millis(29_999));
    assert_eq!(bench.hang_ups, 0, "while something comes the answer may be behind it");
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.hang_ups, 1);
    assert!(matches!(bench.line(), Line::Waiting { reason: LineTrouble::Unanswered, .. }));
}

#[test]
fn ephemeral_events_have_no_place_and_the_newest_win() {
    let mut bench = Bench::with(EngineOptions { buffer_events: 1, ..EngineOptions::default() });
    bench.go_online();
    bench.consume(job(), DURABLE).unwrap();
    page(&mut bench, 0, 0);
    for number in 0..100 {
        bench.event("typing:v1", &[json!(number), json!({"stream": "job:7"})]);
    }
    assert_eq!(bench.delivered.len(), 1);
    bench.taken(job(), "E1", 0, Freed { events: 1, bytes: 10 });
    let Some((_, Delivery::Event(event))) = bench.delivered.last() else { panic!() };
    assert_eq!(event.args().next(), Some("36"), "63 newer ones still wait");
}

fn with_stream(stream: Value) -> Value {
    let mut ready = ready();
    ready["streams"]["job:7"] = stream;
    ready
}
