//! A database file of each schema that was ever released, with a row in every state that a row can be in.
//!
//! A new schema gets its file from this version's own engine, once: after that it may only be read.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use keepline_protocol::{
    ActionId, Stream,
    socket_io::{Args, Kind},
};
use serde_json::json;

use super::harness::*;
use crate::{
    command::{Command, Consume, Freed},
    engine::EngineOptions,
    outbox::{AckMode, ActionState, Body, Filter, NewAction, OutboxEntry},
    outcome::{Outcome, Reply},
    store::OutboxReader,
};

/// Every row of the first file: label, state, outcome. Raw arguments and attachments are looked at besides.
const ROWS: [(&str, ActionState, Option<&str>); 14] = [
    ("without acknowledgement", ActionState::Settled, Some("sent")),
    ("raw with attachments", ActionState::Settled, Some("accepted")),
    ("lost by the server", ActionState::Settled, Some("accepted")),
    ("accepted", ActionState::Settled, Some("accepted")),
    ("rejected", ActionState::Settled, Some("rejected")),
    ("forgotten", ActionState::Settled, Some("indeterminate")),
    ("sent", ActionState::Sent, None),
    ("voiding", ActionState::Voiding, None),
    ("parked", ActionState::Parked, None),
    ("parked with a void", ActionState::Parked, None),
    ("retried", ActionState::Sent, None),
    ("cancelled", ActionState::Settled, Some("cancelled")),
    ("expired", ActionState::Settled, Some("expired")),
    ("queued", ActionState::Queued, None),
];

#[test]
fn every_row_of_a_schema_1_file_is_found() {
    let (_folder, path) = copy_of(1);
    let rows = OutboxReader::open(&path).unwrap().list(&Filter::default()).unwrap();
    let (strangers, rows): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.label.is_none());
    let found = rows.iter().map(|row| (label(row), row.state, row.outcome.as_ref().map(Outcome::as_str)));
    assert_eq!(found.collect::<Vec<_>>(), ROWS);
    assert_eq!(strangers.len(), 1, "another account's row is there too");
    let by_label = |wanted| rows.iter().find(|row| label(row) == wanted).unwrap();
    let Some(Outcome::Accepted(Reply { attachments, .. })) = &by_label("raw with attachments").outcome else {
        panic!()
    };
    assert_eq!(attachments[..], [Bytes::from_static(b"\x02\x03")]);
    assert!(by_label("lost by the server").rolled_back);
    assert_eq!(by_label("parked").attempts, 1);
}

#[test]
fn a_schema_1_file_goes_on_where_it_was_left() {
    let (_folder, path) = copy_of(1);
    let mut bench = Bench::at(&path, EngineOptions::default());
    let rows = bench.list();
    let id = |wanted| rows.iter().find(|row| label(row) == wanted).map(|row: &OutboxEntry| row.id).unwrap();
    assert_eq!((bench.pending, bench.parked), (4, 2));
    bench.consume(Stream::job("7"), Consume { after: None, durable: true }).unwrap();
    let connect = bench.dial();
    assert_eq!(connect.args[0]["account"], "alice");
    assert_eq!(connect.args[0]["ledger"], json!({"epoch": "L1", "position": 5, "tag": tag(5)}));
    assert_eq!(connect.args[0]["resume"]["job:7"], json!({"epoch": "E1", "offset": 2, "tag": tag(2)}));
    let mut ready = ready_at(5, "ok");
    ready["streams"]["job:7"] = json!({"status": "ok", "epoch": "E1", "head": 2});
    bench.accept(ready);
    let mut sent: Vec<ActionId> = Vec::new();
    while let Some(next) = bench.sent.pop_front() {
        sent.push(if next.args.len() == 1 { next.void().id } else { next.meta().id });
    }
    sent.sort();
    let mut expected = vec![id("sent"), id("voiding"), id("retried"), id("queued")];
    expected.sort();
    assert_eq!(sent, expected);
}

/// A schema without a file fails here, and has one the next time: it is to be committed with the schema.
#[test]
fn the_present_schema_has_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.db");
    write(&path);
    let connection = rusqlite::Connection::open(&path).unwrap();
    let version: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    drop(connection);
    let fixture = fixture(version);
    if !fixture.exists() {
        fs::create_dir_all(fixture.parent().unwrap()).unwrap();
        fs::copy(&path, &fixture).unwrap();
        panic!("{} was made just now, for a schema that had none", fixture.display());
    }
}

fn fixture(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/schema-{version}.db"))
}

/// The file itself is never opened: that would change it.
fn copy_of(version: u32) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.db");
    fs::write(&path, fs::read(fixture(version)).unwrap()).unwrap();
    (folder, path)
}

fn label(row: &OutboxEntry) -> &str {
    row.label.as_deref().unwrap_or_default()
}

fn write(path: &Path) {
    let mut bench = Bench::at(path, EngineOptions { attempts_max: 1, ..EngineOptions::default() });
    against_a_plain_server(&mut bench);
    history(&mut bench);
    under_way(&mut bench);
    bench.lose();
    without_a_line(&mut bench);
    bench.options.account = Some("bob".to_owned());
    bench.restart();
    let foreign = bench.action("do:it:v1");
    bench.submit(foreign).unwrap();
}

fn labelled(bench: &mut Bench, label: &str, lane: &str) -> NewAction {
    let mut action = bench.action("do:it:v1");
    action.label = Some(label.to_owned());
    action.lane = Some(lane.to_owned()).filter(|lane| !lane.is_empty());
    action
}

/// Submits, and gives what was written to the line for it.
fn send(bench: &mut Bench, label: &str, lane: &str) -> (ActionId, Sent) {
    let action = labelled(bench, label, lane);
    let id = bench.submit(action).unwrap();
    (id, bench.next())
}

fn against_a_plain_server(bench: &mut Bench) {
    bench.go_online_plain();
    let mut silent = labelled(bench, "without acknowledgement", "a");
    silent.ack = AckMode::None;
    bench.submit(silent).unwrap();
    bench.next();
    bench.pass(Duration::from_millis(1));
    let mut raw = labelled(bench, "raw with attachments", "a");
    let args = payload(&json!(["a.png", {"_placeholder": true, "num": 0}]));
    raw.body = Body::Raw { args, attachments: vec![Bytes::from_static(b"\x01")] };
    bench.submit(raw).unwrap();
    let sent = bench.next();
    let args = Args::ack().value("done").unwrap().attachment(Bytes::from_static(b"\x02\x03")).build();
    bench.receive(Kind::Ack { id: sent.ack.unwrap(), args });
    bench.lose();
}

fn history(bench: &mut Bench) {
    bench.come_back(ready());
    let (_, sent) = send(bench, "lost by the server", "a");
    bench.applied(&sent, 1);
    bench.lose();
    bench.come_back(ready_at(0, "rolled_back"));
    let check = bench.next();
    bench.ack(&check, &json!({"ok": true, "confirmed": []}));
    let (accepted, sent) = send(bench, "accepted", "a");
    bench.applied(&sent, 1);
    bench.outcome(accepted).unwrap();
    let (_, sent) = send(bench, "rejected", "a");
    let error = json!({"code": "FORBIDDEN", "message": "no"});
    bench.ack(&sent, &json!({"ok": false, "error": error, "position": 2, "tag": tag(2)}));
    let (_, sent) = send(bench, "forgotten", "a");
    bench.failed(&sent, "INDETERMINATE", false);
    read_two_events(bench);
}

fn read_two_events(bench: &mut Bench) {
    let job = Stream::job("7");
    bench.consume(job.clone(), Consume { after: None, durable: true }).unwrap();
    let ask = bench.next();
    for offset in 1..=2 {
        let meta = json!({"stream": "job:7", "epoch": "E1", "offset": offset, "tag": tag(offset)});
        bench.event("tick:v1", &[json!({"at": offset}), meta]);
    }
    bench.ack(&ask, &json!({"ok": true, "status": "ok", "epoch": "E1", "from": 0, "head": 2, "more": false}));
    bench.taken(job, "E1", 2, Freed { events: 2, bytes: 20 });
    bench.pass(Duration::from_millis(100));
}

fn under_way(bench: &mut Bench) {
    send(bench, "sent", "sent");
    let (voiding, _) = send(bench, "voiding", "voiding");
    bench.cancel(voiding).unwrap();
    assert_eq!(bench.next().void().id, voiding);
    let (_, sent) = send(bench, "parked", "parked");
    bench.failed(&sent, "UNAVAILABLE", true);
    let mut park = |label: &str, position: u64| {
        let (id, sent) = send(bench, label, "");
        bench.failed(&sent, "UNAVAILABLE", true);
        let void = bench.next();
        let error = json!({"code": "VOID"});
        bench.ack(&void, &json!({"ok": false, "error": error, "position": position, "tag": tag(position)}));
        id
    };
    park("parked with a void", 4);
    let retried = park("retried", 5);
    let again = bench.retry(retried).unwrap();
    assert_eq!(bench.next().meta().id, again);
}

fn without_a_line(bench: &mut Bench) {
    let cancelled = labelled(bench, "cancelled", "a");
    let cancelled = bench.submit(cancelled).unwrap();
    bench.cancel(cancelled).unwrap();
    let mut expired = labelled(bench, "expired", "a");
    expired.ttl = Some(Duration::from_secs(1));
    bench.submit(expired).unwrap();
    bench.command(Command::Disconnect);
    bench.pass(Duration::from_secs(1));
    let mut queued = labelled(bench, "queued", "a");
    queued.coalesce = Some("draft".to_owned());
    bench.submit(queued).unwrap();
}
