//! Looking into the queue and deciding about single actions, without a network.

use keepline::{ActionId, Filter, OutboxReader};

use crate::{
    args::{Cli, Queue},
    failure::{Exit, Failure},
    output::Output,
    session,
};

pub(crate) async fn run(cli: &Cli, command: &Queue, output: Output) -> Result<Exit, Failure> {
    match command {
        Queue::List { payload, pending } => list(cli, output, *payload, *pending),
        Queue::Export { payload } => list(cli, Output::new(true), *payload, false),
        Queue::Show { id, payload } => show(cli, output, *id, *payload),
        Queue::Cancel { id } => {
            let client = session::open_offline(cli)?;
            let result = client.cancel(*id).await;
            client.shutdown().await;
            result?;
            show(cli, output, *id, false)
        }
        Queue::Retry { id } => {
            let client = session::open_offline(cli)?;
            let result = client.retry(*id).await;
            client.shutdown().await;
            show(cli, output, result?, false)
        }
        Queue::Discard { id } => {
            let client = session::open_offline(cli)?;
            let result = client.discard(*id).await;
            client.shutdown().await;
            result?;
            show(cli, output, *id, false)
        }
    }
}

fn list(cli: &Cli, output: Output, with_payload: bool, pending_only: bool) -> Result<Exit, Failure> {
    let reader = OutboxReader::open(session::database(cli)?)?;
    let mut filter = Filter { pending_only, lane: cli.lane.clone(), limit: PAGE_ROWS, ..Filter::default() };
    loop {
        let rows = reader.list(&filter)?;
        rows.iter().for_each(|entry| output.entry(entry, with_payload));
        match rows.last() {
            Some(last) if rows.len() == PAGE_ROWS as usize => filter.after = Some(last.id),
            _ => return Ok(Exit::Done),
        }
    }
}

fn show(cli: &Cli, output: Output, id: ActionId, with_payload: bool) -> Result<Exit, Failure> {
    let reader = OutboxReader::open(session::database(cli)?)?;
    let rows = reader.list(&Filter { id: Some(id), limit: 1, ..Filter::default() })?;
    let entry = rows.first().ok_or_else(|| Failure::from(keepline::ControlError::NotFound))?;
    output.entry(entry, with_payload);
    Ok(Exit::Done)
}

/// Memory stays flat however long the queue is.
const PAGE_ROWS: u32 = 1_000;
