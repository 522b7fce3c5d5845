//! A hundred clients come back after their server was killed.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use keepline::{Client, Config, Line, Status, Tap, Tapped};

use super::{Claim, Env, Report, ShowError};
use crate::process::ServerProcess;

/// The claim.
pub(super) const CLAIM: Claim = Claim {
    name: "back-online",
    says: "A server is killed and started again, and 99 of 100 clients are back online within 2 s of its return",
    time_max: Duration::from_secs(180),
    run: |env| Box::pin(run(env)),
};

async fn run(env: &Env) -> Result<Report, ShowError> {
    let mut report = Report::new();
    let mut server = env.server(&[]).await?;
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        clients.push(Member::open(env, &server, number)?);
    }
    try_join_all(clients.iter_mut().map(|client| client.until_online())).await?;
    report.equal("clients online before", clients.len(), CLIENTS);

    let restart = outage(&mut server, &mut clients, 0).await?;
    report.note("restart: ms from the kill to the server's return", restart.lasted_ms);
    report.equal("restart: clients back online", restart.back_ms.len(), CLIENTS);
    report.note("restart: ms until back online, p50", restart.back_ms[CLIENTS / 2 - 1]);
    report.at_most("restart: ms until back online, p99", restart.back_ms[CLIENTS * 99 / 100 - 1], 2_000);
    report.note("restart: ms until back online, the last", restart.back_ms[CLIENTS - 1]);

    // Told and not judged: the longer and the more often a server is away, the longer its clients wait.
    let longer = outage(&mut server, &mut clients, 1).await?;
    report.note("soon again, each client failed once: ms until the return", longer.lasted_ms);
    report.note("soon again: ms until back online, p99", longer.back_ms[CLIENTS * 99 / 100 - 1]);
    for client in clients {
        client.client.shutdown().await;
    }
    Ok(report)
}

/// A server that was away, and how its clients came back.
struct Outage {
    lasted_ms: u64,
    /// From the server's return until each client was online, the quickest first.
    back_ms: Vec<u64>,
}

/// Kills the server, and starts it again once each client has noticed and then failed so many times.
async fn outage(
    server: &mut ServerProcess,
    clients: &mut [Member],
    failures: u32,
) -> Result<Outage, ShowError> {
    let killed = Instant::now();
    server.kill().await?;
    try_join_all(clients.iter_mut().map(|client| client.until_failed(failures))).await?;
    server.start_again().await?;
    let returned = Instant::now();
    let mut back_ms: Vec<u64> = try_join_all(clients.iter_mut().map(|client| client.until_online()))
        .await?
        .into_iter()
        .map(|at| at.saturating_duration_since(returned).as_millis() as u64)
        .collect();
    back_ms.sort_unstable();
    Ok(Outage { lasted_ms: (returned - killed).as_millis() as u64, back_ms })
}

/// One of the crowd, with a database of its own and the defaults of every app.
struct Member {
    client: Client,
    statuses: Tap<Status>,
}

impl Member {
    fn open(env: &Env, server: &ServerProcess, number: usize) -> Result<Self, ShowError> {
        let config = Config::new(server.url(), env.path(&format!("client-{number}.db")));
        let client = Client::open(config.token(server.token().unwrap_or_default()));
        let client = client.map_err(|error| ShowError::unexpected(format!("client {number}: {error}")))?;
        let statuses = client.status_changes();
        client.connect();
        Ok(Self { client, statuses })
    }

    async fn until_online(&mut self) -> Result<Instant, ShowError> {
        self.until(|line| matches!(line, Line::Online { .. })).await
    }

    async fn until_failed(&mut self, times: u32) -> Result<(), ShowError> {
        self.until(|line| matches!(line, Line::Waiting { .. })).await?;
        for _ in 0..times {
            self.until(|line| matches!(line, Line::Connecting)).await?;
            self.until(|line| matches!(line, Line::Waiting { .. })).await?;
        }
        Ok(())
    }

    /// When the status was such.
    async fn until(&mut self, is_it: impl Fn(&Line) -> bool) -> Result<Instant, ShowError> {
        while let Some(status) = self.statuses.next().await {
            if matches!(status, Tapped::Item(status) if is_it(&status.line)) {
                return Ok(Instant::now());
            }
        }
        Err(ShowError::unexpected("a client was shut down"))
    }
}

const CLIENTS: usize = 100;
