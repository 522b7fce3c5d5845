//! Looking into the queue and deciding about single actions, without a network.

use keepline::{ActionId, Client, ControlError, Filter, OutboxEntry, OutboxReader};

use crate::{
    args::{Cli, Queue},
    failure::{Exit, Failure},
    output::{Output, not_written},
    session,
};

pub(crate) async fn run(cli: &Cli, command: &Queue, output: Output) -> Result<Exit, Failure> {
    match command {
        Queue::List { payload, pending } => list(cli, output, *payload, *pending),
        Queue::Export { payload } => list(cli, Output::new(true), *payload, false),
        Queue::Show { id, payload } => show(cli, output, *id, *payload),
        Queue::Cancel { id } => {
            let client = open_for(cli, *id)?;
            let result = client.cancel(*id).await;
            client.shutdown().await;
            result?;
            show(cli, output, *id, false)
        }
        Queue::Retry { id } => {
            let client = open_for(cli, *id)?;
            let result = client.retry(*id).await;
            client.shutdown().await;
            show(cli, output, result?, false)
        }
        Queue::Discard { id } => {
            let client = open_for(cli, *id)?;
            let result = client.discard(*id).await;
            client.shutdown().await;
            result?;
            show(cli, output, *id, false)
        }
    }
}

fn list(cli: &Cli, output: Output, with_payload: bool, pending_only: bool) -> Result<Exit, Failure> {
    let reader = OutboxReader::open(session::database(cli)?)?;
    let (account, lane) = (cli.account.clone(), cli.lane.clone());
    let mut filter = Filter { account, pending_only, lane, limit: PAGE_ROWS, ..Filter::default() };
    loop {
        let rows = reader.list(&filter)?;
        for entry in &rows {
            if let Err(error) = output.entry(entry, with_payload) {
                return not_written(&error);
            }
        }
        match rows.last() {
            Some(last) if rows.len() == PAGE_ROWS as usize => filter.after = Some(last.id),
            _ => return Ok(Exit::Done),
        }
    }
}

fn show(cli: &Cli, output: Output, id: ActionId, with_payload: bool) -> Result<Exit, Failure> {
    match output.entry(&find(cli, id)?, with_payload) {
        Ok(()) => Ok(Exit::Done),
        Err(error) => not_written(&error),
    }
}

/// The row with this id; with `--account`, only if it is that one's.
fn find(cli: &Cli, id: ActionId) -> Result<OutboxEntry, Failure> {
    let reader = OutboxReader::open(session::database(cli)?)?;
    let filter = Filter { account: cli.account.clone(), id: Some(id), limit: 1, ..Filter::default() };
    reader.list(&filter)?.pop().ok_or_else(|| ControlError::NotFound.into())
}

/// Opens the client to decide about this row.
fn open_for(cli: &Cli, id: ActionId) -> Result<Client, Failure> {
    let client = session::open_offline(cli)?;
    // By now nobody else changes it.
    find(cli, id)?;
    Ok(client)
}

/// Memory stays flat however long the queue is.
const PAGE_ROWS: u32 = 1_000;
