//! `test:job:v1` jobs and what their streams tell.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::ShowError;
use crate::process::{Cli, CliLine};

/// Starts a job and gives its id.
pub(super) async fn start(cli: &Cli, events: u64, interval_ms: u64, bytes: u64) -> Result<String, ShowError> {
    let payload = json!({ "events": events, "interval_ms": interval_ms, "bytes": bytes }).to_string();
    let run = cli.run(&["submit", "test:job:v1", &payload, "--wait"]).await?;
    let job = run.lines.iter().find_map(|line| match line {
        CliLine::Outcome { reply: Some(reply), .. } => reply.get("job")?.as_str().map(str::to_owned),
        _ => None,
    });
    job.ok_or_else(|| ShowError::unexpected(format!("the job was not started: {:?}", run.tail)))
}

/// The number of the tick that a line tells of.
pub(super) fn tick(line: &CliLine) -> Option<u64> {
    match line {
        CliLine::Event { name, payload, .. } if name == "test:tick:v1" => payload.get("index")?.as_u64(),
        _ => None,
    }
}

/// What a watcher was told of a job.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The numbers of the ticks, in the order in which they came.
    pub(super) ticks: Vec<u64>,
    /// The offsets of all events.
    pub(super) offsets: Vec<u64>,
    /// Each reset.
    pub(super) resets: Vec<ResetTold>,
    /// The names of all events that are no ticks.
    pub(super) turns: Vec<String>,
}

/// A reset, and what it says.
#[derive(Debug)]
pub(super) struct ResetTold {
    pub(super) offset: u64,
    pub(super) reason: String,
    pub(super) snapshot: Value,
    /// How many events had come before it.
    pub(super) after_events: usize,
}

impl Told {
    pub(super) fn of(lines: &[CliLine]) -> Self {
        let mut told = Self::default();
        for line in lines {
            match line {
                CliLine::Event { name, offset, .. } => {
                    told.offsets.extend(offset);
                    match tick(line) {
                        Some(index) => told.ticks.push(index),
                        None => told.turns.push(name.clone()),
                    }
                }
                CliLine::Reset { offset, reason, snapshot, .. } => told.resets.push(ResetTold {
                    offset: offset.unwrap_or_default(),
                    reason: reason.clone(),
                    snapshot: snapshot.clone().unwrap_or_default(),
                    after_events: told.offsets.len(),
                }),
                _ => {}
            }
        }
        told
    }

    pub(super) fn repeated_ticks(&self) -> usize {
        self.ticks.len() - self.ticks.iter().collect::<BTreeSet<_>>().len()
    }
}
