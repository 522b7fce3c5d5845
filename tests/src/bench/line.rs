//! How fast the line is: echoes, acknowledgements, events.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use keepline::{
    Client, Events, Item, Payload, Stream,
    catalogue::{TestEcho, TestEmit, TestJob},
};

use super::{
    Latency, Load,
    rig::{BenchError, Rig, Running, seconds_since, until_online},
};

const PATIENCE: Duration = Duration::from_secs(60);

fn payload(load: Load) -> Payload {
    let value = serde_json::json!({ "n": 123_456, "data": "x".repeat(load.bytes) });
    Payload::new(&value).expect("an object is JSON")
}

/// The time of one online call there and back, one after the other; the client shares the caller's thread, as the
/// bare echo's does.
///
/// # Errors
/// Where the client is not answered.
pub async fn call_round_trip(rig: &Rig, load: Load) -> Result<Latency, BenchError> {
    let running = Running::online(rig.config("echo", ":memory:")?).await?;
    let latency = round_trips(&running.client, load).await?;
    running.shutdown().await;
    Ok(latency)
}

/// The same with the client on a thread of its own, as `Client::open` runs it.
///
/// # Errors
/// Where the client is not answered.
pub async fn call_round_trip_own_thread(rig: &Rig, load: Load) -> Result<Latency, BenchError> {
    let client = Client::open(rig.config("echo", ":memory:")?)?;
    client.connect();
    until_online(&client).await?;
    let latency = round_trips(&client, load).await?;
    client.shutdown().await;
    Ok(latency)
}

async fn round_trips(client: &Client, load: Load) -> Result<Latency, BenchError> {
    let mut times = Vec::with_capacity(load.round_trips);
    for round in 0..load.round_trips + load.tenth().round_trips {
        let begun = Instant::now();
        client.call(TestEcho(payload(load)), PATIENCE).await?;
        if round >= load.tenth().round_trips {
            times.push(begun.elapsed());
        }
    }
    Ok(Latency::of(times))
}

/// How many calls a second are answered with a window of them under way.
///
/// # Errors
/// Where the client is not answered.
pub async fn call_rate(rig: &Rig, load: Load) -> Result<f64, BenchError> {
    let running = Running::online(rig.config("acks", ":memory:")?).await?;
    let mut rate = 0.0;
    for load in [load.tenth(), load] {
        let begun = Instant::now();
        let mut calls = stream::iter(0..load.acks)
            .map(|_| running.client.call(TestEcho(payload(load)), PATIENCE))
            .buffer_unordered(load.window);
        while let Some(answer) = calls.next().await {
            answer?;
        }
        rate = load.acks as f64 / seconds_since(begun);
    }
    running.shutdown().await;
    Ok(rate)
}

/// How many events a second one client takes from a log that has them all: pages, asked for as they are used up.
///
/// # Errors
/// Where events are missing.
pub async fn replay_rate(rig: &Rig, load: Load) -> Result<f64, BenchError> {
    let subject = format!("replay-{}", fastrand::u64(..));
    let running = Running::online(rig.config(&subject, ":memory:")?).await?;
    let mut emitted = 0;
    while emitted < load.events {
        let count = (load.events - emitted).min(EMIT_MAX);
        let action = TestEmit {
            stream: Stream::User,
            name: "bench:event:v1".to_owned(),
            payload: payload(load),
            count: u32::try_from(count)?,
        };
        running.client.call(action, PATIENCE).await?;
        emitted += count;
    }
    let begun = Instant::now();
    let mut events = running.client.events(Events::of(Stream::User).after(0))?;
    for offset in 1..=load.events as u64 {
        match events.next_item().await {
            Some(Item::Event(event)) if event.place.as_ref().is_some_and(|place| place.offset == offset) => {}
            other => return Err(format!("instead of event {offset}: {other:?}").into()),
        }
    }
    let rate = load.events as f64 / seconds_since(begun);
    running.shutdown().await;
    Ok(rate)
}

/// How many events a second a job writes to its log and one client takes live.
///
/// # Errors
/// Where events are missing.
pub async fn live_rate(rig: &Rig, load: Load) -> Result<f64, BenchError> {
    let running = Running::online(rig.config("live", ":memory:")?).await?;
    let begun = Instant::now();
    let action = TestJob { events: load.events as u64, interval_ms: 0, bytes: u32::try_from(load.bytes)? };
    let started = running.client.call(action, PATIENCE).await?;
    let mut events = running.client.events(Stream::job(&started.job))?;
    let mut ticks = 0;
    while ticks < load.events {
        match events.next_item().await {
            Some(Item::Event(event)) => ticks += usize::from(event.name() == "test:tick:v1"),
            other => return Err(format!("after {ticks} ticks: {other:?}").into()),
        }
    }
    let rate = load.events as f64 / seconds_since(begun);
    running.shutdown().await;
    Ok(rate)
}

/// The most that one `test:emit:v1` appends.
const EMIT_MAX: usize = 10_000;
