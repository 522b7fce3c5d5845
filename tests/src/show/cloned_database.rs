//! A client's database that was copied and is used from both places.

use std::{collections::BTreeMap, fs, time::Duration};

use super::{
    Claim, Env, Report, ShowError,
    queue::{self, with_outcome},
    records::{Feed, history, record_last},
};

/// The claim.
pub(super) const CLAIM: Claim = Claim {
    name: "cloned-database",
    says: "A database that was copied and is used from both places has each of its actions applied once",
    time_max: Duration::from_secs(180),
    run: |env| Box::pin(run(env)),
};

async fn run(env: &Env) -> Result<Report, ShowError> {
    let mut report = Report::new();
    let mut server = env.server(&[]).await?;
    server.kill().await?;
    let (original, copy) = (env.cli("original.db", &server), env.cli("copy.db", &server));

    let mut shared = Feed::new(1..=SHARED);
    shared.submit_rest(&original, &[]).await?;
    // No process has it open: what is not yet in the database itself lies in the log beside it.
    let mut files = Vec::new();
    for ending in ["", "-wal"] {
        let from = env.path(&format!("original.db{ending}"));
        if from.exists() {
            fs::copy(&from, env.path(&format!("copy.db{ending}")))?;
            files.push(format!("original.db{ending}"));
        }
    }
    report.note("files copied", files);
    let in_copy = queue::ids(&queue::rows(&copy).await?, |row| row.outcome.is_none());
    report.equal("actions in the queue of the copy", in_copy.len() as u64, SHARED);

    server.start_again().await?;
    let (mut of_original, mut of_copy) = (Feed::new(101..=100 + OWN), Feed::new(201..=200 + OWN));
    let flags = ["--wait"];
    let (one, two) =
        tokio::join!(of_original.submit_rest(&original, &flags), of_copy.submit_rest(&copy, &flags));
    one.and(two)?;
    shared.until_settled(&original).await?;
    shared.until_settled(&copy).await?;
    for (which, cli) in [("original", &original), ("copy", &copy)] {
        let accepted = with_outcome(&queue::rows(cli).await?, "accepted") as u64;
        report.equal(format!("actions accepted in the {which}"), accepted, SHARED + OWN);
    }

    let other = env.cli("other.db", &server);
    record_last(&other, LAST).await?;
    let expected = SHARED + 2 * OWN;
    let log = history(&other, expected as usize + 1).await?;
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    for record in &log {
        *counts.entry(record.n).or_default() += 1;
    }
    report.equal("events of the last number, recorded after all others", counts.remove(&LAST), Some(1));
    report.equal("actions applied", counts.values().sum::<usize>() as u64, expected);
    report.equal("different actions applied", counts.len() as u64, expected);
    report.equal("actions applied more than once", counts.values().filter(|count| **count > 1).count(), 0);
    report.equal("offset of the last event", log.last().map(|record| record.offset), Some(expected + 1));
    Ok(report)
}

/// In the queue when the database is copied.
const SHARED: u64 = 50;

/// Submitted by each of the two afterwards.
const OWN: u64 = 100;

/// The number recorded at the end.
const LAST: u64 = 1_000;
