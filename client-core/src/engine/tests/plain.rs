//! Against a server that is no Keepline server: the same client with weaker words.

use std::time::Duration;

use bytes::Bytes;
use keepline_protocol::{
    Stream,
    socket_io::{Args, Kind},
};
use serde_json::json;

use super::harness::*;
use crate::{
    command::Consume,
    engine::{Delivery, LinkEvent},
    outbox::{AckMode, Body},
    outcome::{Outcome, Reply},
    status::{Line, LineTrouble},
};

#[test]
fn no_argument_is_sent_that_a_handler_does_not_expect() {
    let mut bench = Bench::new();
    bench.go_online_plain();
    bench.submit_in("");
    let sent = bench.next();
    assert_eq!(sent.args, [json!({"n": 1})]);
    assert!(sent.ack.is_some());
}

#[test]
fn one_action_in_flight_a_lane_and_any_ack_settles() {
    let mut bench = Bench::new();
    bench.go_online_plain();
    let first = bench.submit_in("");
    bench.submit_in("");
    bench.submit_in("other");
    assert_eq!(bench.waiting(), 2);
    let sent = bench.next();
    let args = Args::ack().value("done").unwrap().attachment(Bytes::from_static(b"\x01")).build();
    bench.receive(Kind::Ack { id: sent.ack.unwrap(), args });
    let (id, Outcome::Accepted(Reply { payload: Some(payload), attachments })) = &bench.settled[0] else {
        panic!()
    };
    assert_eq!((*id, attachments.len()), (first, 1));
    assert!(payload.as_str().starts_with("[\"done\","));
    assert_eq!(bench.waiting(), 2, "the next of the lane follows");
}

#[test]
fn no_answer_in_thirty_seconds_counts_an_attempt_each_and_ends_indeterminate() {
    let mut bench = Bench::with(crate::engine::EngineOptions { attempts_max: 2, ..Default::default() });
    bench.go_online_plain();
    let id = bench.submit_in("");
    for _ in 0..2 {
        assert_eq!(bench.settled, []);
        assert_eq!(bench.next().name, "do:it:v1");
        bench.pass(Duration::from_secs(20));
        bench.link(LinkEvent::Ping);
        bench.pass(Duration::from_secs(11));
        bench.hint(crate::command::Hint::NetworkAvailable);
        bench.open_link();
        bench.receive(Kind::Connect(Some(payload(&json!({"sid": "s"})))));
    }
    assert_eq!(bench.settled, [(id, Outcome::Indeterminate)]);
}

#[test]
fn the_silence_of_a_suspect_is_one_attempt() {
    let mut bench = Bench::new();
    bench.go_online_plain();
    bench.submit_in("");
    let come_back = |bench: &mut Bench| {
        bench.hint(crate::command::Hint::NetworkAvailable);
        bench.open_link();
        bench.receive(Kind::Connect(Some(payload(&json!({"sid": "s"})))));
    };
    // Lost three times with it alone in flight: it is suspected from now on.
    for _ in 0..3 {
        bench.lose();
        bench.sent.clear();
        come_back(&mut bench);
    }
    assert_eq!(bench.list()[0].attempts, 0);
    bench.pass(Duration::from_secs(20));
    bench.link(LinkEvent::Ping);
    bench.pass(Duration::from_secs(11));
    assert!(
        bench.lines.iter().any(|line| matches!(line, Line::Waiting { reason: LineTrouble::Unanswered, .. }))
    );
    assert_eq!(bench.list()[0].attempts, 1);
    bench.sent.clear();
    come_back(&mut bench);
    bench.lose();
    assert_eq!(bench.list()[0].attempts, 2, "and another loss is another one");
}

#[test]
fn without_acknowledgement_it_is_sent_and_says_so() {
    let mut bench = Bench::new();
    bench.go_online_plain();
    let mut action = bench.action("fire:forget");
    action.ack = AckMode::None;
    let id = bench.submit(action).unwrap();
    assert_eq!(bench.next().ack, None);
    assert_eq!(bench.settled, []);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.settled, [(id, Outcome::Sent)]);
}

#[test]
fn raw_actions_carry_every_argument_and_attachment() {
    let mut bench = Bench::new();
    bench.go_online_plain();
    let mut action = bench.action("upload");
    let args = payload(&json!(["a.png", {"_placeholder": true, "num": 0}, 7]));
    action.body = Body::Raw { args, attachments: vec![Bytes::from_static(b"png")] };
    bench.submit(action).unwrap();
    assert_eq!(bench.next().args, [json!("a.png"), json!({"_placeholder": true, "num": 0}), json!(7)]);
}

#[test]
fn events_come_to_the_user_stream_with_every_argument() {
    let mut bench = Bench::new();
    bench.consume(Stream::User, Consume { after: None, durable: true }).unwrap();
    bench.go_online_plain();
    bench.event("news", &[json!(1), json!({"x": 2})]);
    let [(Stream::User, Delivery::Event(event))] = &bench.delivered[..] else { panic!() };
    assert_eq!((event.name(), event.args().count()), ("news", 2));
}

#[test]
fn a_database_that_met_a_keepline_server_never_falls_back() {
    let mut bench = Bench::new();
    bench.go_online();
    bench.submit_in("");
    bench.lose();
    bench.restart();
    bench.go_online_plain();
    assert!(matches!(bench.line(), Line::Waiting { reason: LineTrouble::NotKeepline, .. }));
    assert_eq!(bench.waiting(), 0);
}
