use keepline_protocol::ActionId;
use serde_json::json;

use crate::{
    engine::{EngineOptions, tests::harness::*},
    error::SubmitError,
    outbox::ActionState,
    outcome::Outcome,
};

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
