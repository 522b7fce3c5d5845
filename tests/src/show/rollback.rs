//! A server that comes back with less than it had: without its database, and with an older copy of it.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Claim, Env, Report, ShowError,
    queue::{self, QueueRow, with_outcome},
    records::{Feed, history, record, record_last},
};
use crate::{
    cut_proxy::{CutProxy, Plan},
    process::{Cli, CliLine, CliProcess, ServerOptions, ServerProcess},
};

/// The claim.
pub(super) const CLAIM: Claim = Claim {
    name: "rollback",
    says: "A server that lost its database, or got an older one, is noticed; no action vanishes in silence",
    time_max: Duration::from_secs(300),
    run: |env| Box::pin(run(env)),
};

async fn run(env: &Env) -> Result<Report, ShowError> {
    let mut report = database_deleted(env).await?;
    report.add(backup_restored(env).await?);
    Ok(report)
}

/// The server is killed with actions under way and its database is deleted; its secret stays.
async fn database_deleted(env: &Env) -> Result<Report, ShowError> {
    let mut report = Report::new();
    let data = env.path("deleted");
    let mut server = ServerProcess::start(ServerOptions::dev(&data)).await?;
    let proxy = CutProxy::start(server.addr(), Plan { delay: WAY, ..Plan::untouched() }).await?;
    let direct = env.cli("deleted.db", &server);
    let cli = Cli { url: format!("http://{}", proxy.addr()), ..direct }.flags(["--reconnect-max", "0.5"]);
    // The first session tells where the user stream stands: at its beginning.
    cli.run(&["status"]).await?;
    server.kill().await?;
    let mut feed = Feed::new(1..=DELETED_COUNT);
    feed.submit_rest(&cli, &[]).await?;
    server.start_again().await?;

    let mut client = cli.start(&["watch", "user", "--status"])?;
    let kill_at = 80 + env.rng(1).u64(..100);
    client.until("a record", |line| record(&line).filter(|record| record.n >= kill_at)).await?;
    server.kill().await?;
    client.until("that the line is lost", is_waiting).await?;
    let rows = queue::rows(&cli).await?;
    let settled = queue::ids(&rows, |row| row.outcome.is_some());
    let waiting = queue::ids(&rows, |row| row.outcome.is_none());
    report.at_least("deleted: settled when the database went", settled.len(), 1);
    report.at_least("deleted: without an outcome then", waiting.len(), 1);

    delete_database(&data)?;
    server.start_again().await?;
    let seen = after_rollback(&mut client, waiting.len()).await?;
    client.process.kill().await?;
    seen.judge(&mut report, "deleted", &settled);
    report.equal("deleted: reason of the reset", seen.reason.as_deref(), Some("epoch_changed"));
    let expected: Vec<u64> = waiting.iter().filter_map(|id| feed.number(id)).collect();
    let is_delivered = seen.numbers == expected;
    report.check(
        "deleted: what had no outcome came to the new database, once and in order",
        is_delivered,
        "true",
        is_delivered,
    );
    feed.until_settled(&cli).await?;
    judge_rows(&mut report, "deleted", &queue::rows(&cli).await?, &feed.ids(), &settled);
    let other = env.cli("deleted-other.db", &server);
    record_last(&other, DELETED_COUNT + 1).await?;
    let log = history(&other, expected.len() + 1).await?;
    let is_once = log.iter().map(|record| record.n).eq(expected.into_iter().chain([DELETED_COUNT + 1]));
    report.check("deleted: the new log holds nothing twice", is_once, "true", is_once);
    Ok(report)
}

/// The server goes on from a copy of its database that is older than what its clients know.
async fn backup_restored(env: &Env) -> Result<Report, ShowError> {
    let mut report = Report::new();
    let (data, backup) = (env.path("restored"), env.path("backup"));
    let mut server = ServerProcess::start(ServerOptions::dev(&data)).await?;
    let cli = env.cli("restored.db", &server).flags(["--reconnect-max", "0.5"]);
    let mut kept = Feed::new(1..=20);
    kept.submit_rest(&cli, &["--wait"]).await?;
    server.terminate()?;
    server.exit().await?;
    copy_database(&data, &backup)?;

    server.start_again().await?;
    let mut lost = Feed::new(21..=40);
    lost.submit_rest(&cli, &["--wait"]).await?;
    let taken = cli.run(&["watch", "user", "--count", "40"]).await?;
    report.equal("restored: events before", taken.lines.iter().filter_map(record).count(), 40);
    server.kill().await?;
    let mut later = Feed::new(41..=50);
    later.submit_rest(&cli, &[]).await?;

    delete_database(&data)?;
    copy_database(&backup, &data)?;
    server.start_again().await?;
    let mut client = cli.start(&["watch", "user"])?;
    let seen = after_rollback(&mut client, 10).await?;
    client.process.kill().await?;
    seen.judge(&mut report, "restored", &lost.ids());
    report.equal("restored: reason of the reset", seen.reason.as_deref(), Some("ahead"));
    let is_delivered = seen.numbers.iter().copied().eq(41..=50);
    report.check(
        "restored: actions submitted meanwhile, once and in order",
        is_delivered,
        "true",
        is_delivered,
    );
    later.until_settled(&cli).await?;
    let all = &(&kept.ids() | &lost.ids()) | &later.ids();
    judge_rows(&mut report, "restored", &queue::rows(&cli).await?, &all, &lost.ids());
    let other = env.cli("restored-other.db", &server);
    record_last(&other, 51).await?;
    let log = history(&other, 31).await?;
    let is_once = log.iter().map(|record| record.n).eq((1..=20).chain(41..=51));
    report.check("restored: the log holds 1 to 20 and 41 to 50, each once", is_once, "true", is_once);
    Ok(report)
}

/// What a watching client was told after the server had come back with less.
#[derive(Debug, Default)]
struct Seen {
    lost: Option<BTreeSet<String>>,
    reason: Option<String>,
    numbers: Vec<u64>,
}

impl Seen {
    fn judge(&self, report: &mut Report, which: &str, expected: &BTreeSet<String>) {
        let told = self.lost.as_ref();
        report.equal(
            format!("{which}: actions named by rolled_back"),
            told.map(BTreeSet::len),
            Some(expected.len()),
        );
        let are_these = told == Some(expected);
        report.check(
            format!("{which}: they are the settled ones that were lost"),
            are_these,
            "true",
            are_these,
        );
    }
}

/// Reads until the reset, the line `rolled_back` and so many records have come.
async fn after_rollback(client: &mut CliProcess, records: usize) -> Result<Seen, ShowError> {
    let mut seen = Seen::default();
    while seen.reason.is_none() || seen.lost.is_none() || seen.numbers.len() < records {
        match client.next().await? {
            Some(CliLine::RolledBack { actions }) => seen.lost = Some(actions.into_iter().collect()),
            Some(CliLine::Reset { reason, .. }) => seen.reason = Some(reason),
            // What came before the reset belongs to the lost history.
            Some(line) if seen.reason.is_some() => seen.numbers.extend(record(&line).map(|record| record.n)),
            Some(_) => {}
            None => return Err(ShowError::unexpected("the watching client ended")),
        }
    }
    Ok(seen)
}

/// Every id that was ever submitted is there and has a fate; the lost ones are marked.
fn judge_rows(
    report: &mut Report,
    which: &str,
    rows: &[QueueRow],
    submitted: &BTreeSet<String>,
    lost: &BTreeSet<String>,
) {
    let missing = submitted.difference(&queue::ids(rows, |_| true)).count();
    report.equal(format!("{which}: submitted ids that are not in queue list"), missing, 0);
    report.equal(format!("{which}: ids with an outcome"), with_outcome(rows, "accepted"), submitted.len());
    let marked = queue::ids(rows, |row| row.rolled_back);
    report.equal(format!("{which}: rows marked as rolled back"), marked.len(), lost.len());
    let are_these = &marked == lost;
    report.check(format!("{which}: the marked ones are those lost"), are_these, "true", are_these);
}

fn is_waiting(line: CliLine) -> Option<()> {
    matches!(line, CliLine::Status { state, .. } if state == "waiting").then_some(())
}

/// The server's database with what SQLite keeps beside it. The secret is none of it.
fn database_files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir)?.collect::<io::Result<Vec<_>>>()?;
    let is_database = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("keepline.db"))
    };
    Ok(entries.into_iter().map(|entry| entry.path()).filter(is_database).collect())
}

fn delete_database(data: &Path) -> Result<(), ShowError> {
    let files = database_files(data)?;
    if files.is_empty() {
        return Err(ShowError::unexpected("there was no database to delete"));
    }
    files.iter().try_for_each(fs::remove_file)?;
    Ok(())
}

fn copy_database(from: &Path, to: &Path) -> Result<(), ShowError> {
    fs::create_dir_all(to)?;
    for file in database_files(from)? {
        fs::copy(&file, to.join(file.file_name().unwrap_or_default()))?;
    }
    Ok(())
}

/// What is left when the server is killed takes more than a second.
const DELETED_COUNT: u64 = 600;

/// How long a chunk takes in each direction: a window of 64 actions every 200 ms.
const WAY: Duration = Duration::from_millis(100);
