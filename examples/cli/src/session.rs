//! Opening the client from the flags, and what every connected command listens to beside its own work.

use std::{path::PathBuf, time::Duration};

use keepline::{Client, Config, Line, OutboxChange, Tap, Tapped};

use crate::{
    args::Cli,
    failure::{Exit, Failure},
    output::Output,
};

/// Opens the database; no network yet.
pub(crate) fn open(cli: &Cli) -> Result<Client, Failure> {
    let url = cli.url.clone().ok_or_else(|| Failure::usage("--url is missing"))?;
    open_with(cli, url)
}

/// Opens the database for a command that never connects.
pub(crate) fn open_offline(cli: &Cli) -> Result<Client, Failure> {
    open_with(cli, cli.url.clone().unwrap_or_else(|| "http://127.0.0.1/".to_owned()))
}

pub(crate) fn database(cli: &Cli) -> Result<PathBuf, Failure> {
    cli.db.clone().ok_or_else(|| Failure::usage("--db is missing"))
}

fn open_with(cli: &Cli, url: String) -> Result<Client, Failure> {
    // Room for payloads of the usual size; the disk's own limit comes after it.
    let bytes = CAPACITY_BYTES.max(cli.capacity.saturating_mul(1_024));
    let mut config = Config::new(url, database(cli)?)
        .sdk(concat!("keepline-cli/", env!("CARGO_PKG_VERSION")))
        .path(&cli.path)
        .namespace(&cli.namespace)
        .allow_plain_text(cli.allow_plain_text)
        .capacity(cli.capacity, bytes);
    if let Some(token) = &cli.token {
        config = config.token(token.0.as_str());
    }
    if let Some(account) = &cli.account {
        config = config.account(account);
    }
    if let Some(longest) = cli.reconnect_max {
        config = config.reconnect(RECONNECT_FIRST.min(longest), longest);
    }
    Ok(Client::open(config)?)
}

/// Asks for a line. What the first session tells can come at once, so whoever wants to hear it listens before.
pub(crate) fn connect(client: &Client) -> Tap<OutboxChange> {
    let changes = client.outbox_changes();
    client.connect();
    changes
}

/// Prints which settled actions a restored server has lost. Runs until the client is gone.
pub(crate) async fn tell_rollbacks(mut changes: Tap<OutboxChange>, output: Output) -> Failure {
    while let Some(change) = changes.next().await {
        if let Tapped::Item(OutboxChange::RolledBack(actions)) = change {
            output.rolled_back(&actions);
        }
    }
    Failure::new(Exit::Store, "CLOSED", "the client was shut down")
}

/// Prints each state of the line, where `wanted`. Runs until the client is gone.
pub(crate) async fn tell_states(client: &Client, output: Output, wanted: bool) -> Failure {
    if !wanted {
        return std::future::pending().await;
    }
    let mut changes = client.status_changes();
    let mut told = None;
    while let Some(change) = changes.next().await {
        let Tapped::Item(status) = change else { continue };
        // The counts change with every action; a state is told once, and each attempt is a state of its own.
        let attempt = if let Line::Waiting { attempt, .. } = status.line { attempt } else { 0 };
        let state = Some((status.line.as_str(), attempt));
        if told != state {
            output.status(&status);
            told = state;
        }
    }
    Failure::new(Exit::Store, "CLOSED", "the client was shut down")
}

/// Ends when the server or the provider refuses the token: nothing will happen by itself any more.
pub(crate) async fn auth_refused(client: &Client) -> Failure {
    let mut changes = client.status_changes();
    let mut status = client.status();
    loop {
        if let Line::AuthRequired { reason } = &status.line {
            let code = reason.as_str().to_uppercase();
            return Failure::new(Exit::Refused, code, "the server wants another token; the queue is kept");
        }
        match changes.next().await {
            Some(_) => status = client.status(),
            None => return Failure::new(Exit::Store, "CLOSED", "the client was shut down"),
        }
    }
}

/// Waits for as long as `--timeout` says.
pub(crate) async fn time_is_over(cli: &Cli) -> Failure {
    match cli.timeout {
        Some(timeout) => tokio::time::sleep(timeout).await,
        None => std::future::pending().await,
    }
    Failure::timed_out()
}

/// The default limit of the client, which a larger `--capacity` raises.
const CAPACITY_BYTES: u64 = 50 * 1024 * 1024;

/// The default of the client, as long as it is below what `--reconnect-max` says.
const RECONNECT_FIRST: Duration = Duration::from_millis(500);
