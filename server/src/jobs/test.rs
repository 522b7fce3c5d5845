use std::time::Duration;

use keepline_protocol::{
    Event, Payload,
    catalogue::{TestJob, TestTick},
};
use serde::{Deserialize, Serialize};

use super::worker::{Job, Stopped};

pub(crate) const KIND: &str = "test";

/// How many events go into one step where there is no pause between them.
const BATCH: u64 = 250;

/// How many bytes of filling go into one step, so that a step of large events stays small as well.
const BATCH_BYTES: u64 = 256 * 1024;

#[derive(Default, Serialize, Deserialize)]
struct State {
    /// How many ticks there were.
    events: u64,
}

/// Ticks at a steady pace.
pub(super) async fn run(job: &Job) -> Result<Payload, Stopped> {
    let TestJob { events, interval_ms, bytes } = job.params()?;
    let mut state: State = job.state();
    let data = "x".repeat(usize::try_from(bytes).unwrap_or(0));
    let batch = if interval_ms > 0 { 1 } else { (BATCH_BYTES / (u64::from(bytes) + 64)).clamp(1, BATCH) };
    while state.events < events {
        let ticks = state.events..events.min(state.events + batch);
        state.events = ticks.end;
        let ticks = ticks.map(|index| {
            let tick = TestTick { job: job.id().to_owned(), index, data: data.clone() };
            (TestTick::NAME, Payload::new(&tick).expect("a tick is JSON"))
        });
        job.step(ticks.collect(), &state, (state.events, events)).await?;
        if interval_ms > 0 && state.events < events {
            tokio::time::sleep(Duration::from_millis(interval_ms)).await;
        }
    }
    Ok(Payload::new(&state).expect("a state is JSON"))
}
