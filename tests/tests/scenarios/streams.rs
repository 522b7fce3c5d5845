//! What comes back.

use std::time::Duration;

use keepline::{
    Client, Envelope, Event, EventType, Events, Item, Outcome, Payload, ResetReason, Stream,
    catalogue::{JobCompleted, JobStarted, StartSearch, TestEmit, TestJob, TestTick},
};
use serde::Deserialize;

use crate::world::{World, ok, soon};

#[tokio::test]
async fn connects_and_streams_a_search() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs");
    let world = World::new(&["--corpus", corpus]).await;
    let client = world.connected("queue.db").await;
    let search = StartSearch { query: "outbox".to_owned(), limit: None };
    let sent = client.submit(search).await.unwrap();
    let Outcome::Accepted(started) = soon(sent.outcome()).await.unwrap() else { panic!("not accepted") };
    let mut events = client.events(Stream::job(started.job)).unwrap();
    let (mut offsets, mut results) = (Vec::new(), 0);
    loop {
        let Some(Item::Event(event)) = soon(events.next_item()).await else { panic!("no event") };
        offsets.push(event.place.clone().unwrap().offset);
        match Event::from(Item::Event(event)) {
            Event::SearchResult(_) => results += 1,
            Event::JobCompleted(_) => break,
            _ => {}
        }
    }
    assert!(results > 0);
    assert_eq!(offsets, (1..=offsets.len() as u64).collect::<Vec<_>>());
    ok("connects_and_streams_a_search");
}

#[tokio::test]
async fn resumes_a_job_from_another_process() {
    let world = World::new(&[]).await;
    let client = world.connected("queue.db").await;
    let job = start(&client, TestJob { events: 200, interval_ms: 5, bytes: 0 }).await;
    let database = world.database("other.db");
    let mut child =
        world.child(&["--db", database.to_str().unwrap(), "read", "--job", &job, "--count", "50"]);
    let lines = child.remaining_lines().await.unwrap();
    assert!(child.exit().await.unwrap().success());
    let mut offsets: Vec<u64> = lines.iter().map(|line| line.parse().unwrap()).collect();
    assert_eq!(offsets.len(), 50);

    let other = world.connected("other.db").await;
    let mut events = other.events(Stream::job(job)).unwrap();
    loop {
        let event = event(soon(events.next_item()).await);
        offsets.push(event.place.as_ref().unwrap().offset);
        if event.name() == JobCompleted::NAME {
            break;
        }
    }
    assert_eq!(offsets, (1..=offsets.len() as u64).collect::<Vec<_>>());
    assert!(offsets.len() > 200);
    ok("resumes_a_job_from_another_process");
}

#[tokio::test]
async fn resets_when_the_log_was_trimmed() {
    let world = World::new(&["--job-log-max", "100"]).await;
    let client = world.connected("queue.db").await;
    let job = start(&client, TestJob { events: 2_000, interval_ms: 2, bytes: 0 }).await;
    let mut ahead = client.events(Stream::job(job.clone())).unwrap();
    while !matches!(soon(ahead.next()).await, Some(Event::TestTick(tick)) if tick.index >= 500) {}
    let other = world.connected("other.db").await;
    let mut events = other.events(Events::of(Stream::job(job)).after(10)).unwrap();
    let Some(Item::Reset(reset)) = soon(events.next_item()).await else { panic!("no reset") };
    assert_eq!(reset.reason, ResetReason::Trimmed);
    assert!(reset.snapshot.is_some() && reset.offset > 10);
    for offset in reset.offset + 1.. {
        let event = event(soon(events.next_item()).await);
        assert_eq!(event.place.as_ref().unwrap().offset, offset);
        if event.name() == JobCompleted::NAME {
            break;
        }
    }
    ok("resets_when_the_log_was_trimmed");
}

#[tokio::test]
async fn delivers_custom_typed_events() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Note {
        id: u64,
        text: String,
    }
    impl EventType for Note {
        const NAME: &'static str = "app:note:v1";
    }
    let world = World::new(&[]).await;
    let client = world.connected("queue.db").await;
    let mut events = client.events(Stream::User).unwrap();
    let payload = Payload::new(&serde_json::json!({ "id": 7, "text": "a note" })).unwrap();
    let emit = TestEmit { stream: Stream::User, name: Note::NAME.to_owned(), payload, count: 3 };
    client.submit(emit).await.unwrap();
    let mut notes = Vec::new();
    while notes.len() < 3 {
        notes.extend(event(soon(events.next_item()).await).decode::<Note>().unwrap());
    }
    assert!(notes.iter().all(|note| *note == Note { id: 7, text: "a note".to_owned() }));
    ok("delivers_custom_typed_events");
}

/// Reads a job of 500 events, and goes away from every second wait as soon as it has begun.
pub(crate) async fn every_second_wait_is_given_up(client: &Client) {
    let job = start(client, TestJob { events: 500, interval_ms: 1, bytes: 0 }).await;
    let batches = client.event_batches(Stream::job(job.clone())).unwrap();
    let (mut held, mut taken, mut indexes, mut given_up) = (0, 0, Vec::new(), 0);
    loop {
        // What a binding does: a batch that did not arrive comes again.
        let pull = batches.pull(held, taken, 16);
        if tokio::time::timeout(Duration::ZERO, pull).await.is_err() {
            given_up += 1;
        }
        let batch = soon(batches.pull(held, taken, 16)).await;
        (held, taken) = (batch.number, batch.items.len());
        let mut is_over = false;
        for item in &batch.items {
            let Item::Event(event) = item else { panic!("{item:?}") };
            indexes.extend(event.decode::<TestTick>().unwrap().map(|tick| tick.index));
            is_over |= event.name() == JobCompleted::NAME;
        }
        if is_over {
            break;
        }
    }
    assert!(given_up > 0, "no wait was given up");
    let first = indexes[0];
    assert_eq!(indexes, (first..first + 500).collect::<Vec<_>>());
}

pub(crate) async fn start(client: &Client, job: TestJob) -> String {
    let sent = client.submit(job).await.unwrap();
    let outcome = soon(sent.outcome()).await.unwrap();
    let Outcome::Accepted(JobStarted { job }) = outcome else { panic!("{outcome:?}") };
    job
}

pub(crate) fn event(item: Option<Item>) -> Envelope {
    match item {
        Some(Item::Event(event)) => event,
        other => panic!("no event: {other:?}"),
    }
}
