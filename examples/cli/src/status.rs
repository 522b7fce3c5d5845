//! How the line is, after giving it a moment to become what it will be.

use std::time::Duration;

use keepline::{Filter, Line, OpenError, OutboxReader, Status};

use crate::{
    args::Cli,
    failure::{Exit, Failure},
    output::Output,
    session,
};

pub(crate) async fn run(cli: &Cli, output: Output) -> Result<Exit, Failure> {
    let client = match session::open(cli) {
        Err(failure) if failure.code == OpenError::InUse.code() => return beside(cli, output),
        other => other?,
    };
    client.connect();
    let mut changes = client.status_changes();
    let settled = async {
        while matches!(client.status().line, Line::Connecting | Line::Idle) && changes.next().await.is_some()
        {
        }
    };
    // A line that is still being made when the time is over is told as such.
    let _ = tokio::time::timeout(cli.timeout.unwrap_or(PATIENCE), settled).await;
    output.status(&client.status());
    client.shutdown().await;
    Ok(Exit::Done)
}

/// Another process has the database: its line is its own affair, the counts can be read.
fn beside(cli: &Cli, output: Output) -> Result<Exit, Failure> {
    let reader = OutboxReader::open(session::database(cli)?)?;
    let mut totals = reader.totals()?;
    totals.retain(|totals| cli.account.as_ref().is_none_or(|account| *account == totals.account));
    let account = cli.account.clone();
    let oldest = reader.list(&Filter { account, pending_only: true, limit: 1, ..Filter::default() })?;
    let status = Status {
        line: Line::Idle,
        pending: totals.iter().map(|totals| totals.pending).sum(),
        parked: totals.iter().map(|totals| totals.parked).sum(),
        oldest: oldest.first().map(|entry| entry.age),
    };
    output.status_beside(&status);
    Ok(Exit::Done)
}

/// How long a connection may take before the answer is "connecting".
const PATIENCE: Duration = Duration::from_secs(5);
