//! The client's queue as `keepline queue list` shows it, beside a running client or without one.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::ShowError;
use crate::process::Cli;

/// A row of the queue.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct QueueRow {
    pub(super) id: String,
    /// Its outcome, where it has one.
    pub(super) outcome: Option<String>,
    /// Whether a restored server has lost it after it was settled.
    pub(super) rolled_back: bool,
}

/// Every row, in the order of submission.
pub(super) async fn rows(cli: &Cli) -> Result<Vec<QueueRow>, ShowError> {
    let mut listed = cli.start(&["queue", "list"])?.process;
    listed.close_stdin();
    let lines = listed.remaining_lines().await?;
    let status = listed.exit().await?;
    if !status.success() {
        return Err(ShowError::unexpected(format!(
            "queue list ended with {status}: {}",
            listed.tail().join("; ")
        )));
    }
    let read = |line: &String| serde_json::from_str(line);
    let rows: Result<Vec<QueueRow>, _> = lines.iter().map(read).collect();
    rows.map_err(|error| ShowError::unexpected(format!("queue list prints something else: {error}")))
}

/// The ids of the rows that `which` picks.
pub(super) fn ids(rows: &[QueueRow], which: impl Fn(&QueueRow) -> bool) -> BTreeSet<String> {
    rows.iter().filter(|row| which(row)).map(|row| row.id.clone()).collect()
}

/// How many rows have this outcome.
pub(super) fn with_outcome(rows: &[QueueRow], outcome: &str) -> usize {
    rows.iter().filter(|row| row.outcome.as_deref() == Some(outcome)).count()
}
