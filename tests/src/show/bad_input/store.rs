//! A database that is damaged, of a later version, or open elsewhere.

use std::{
    fs,
    path::{Path, PathBuf},
};

use keepline::{Client, Config, OpenError};
use rusqlite::Connection;
use serde_json::json;

use super::place::{NOWHERE, Place, done, ended, with};
use crate::{
    app,
    process::Cli,
    show::Report,
    wire::{Checked, hold},
};

pub(super) async fn show(place: &Place<'_>, report: &mut Report) -> Checked {
    let good = queued(place).await?;
    for (what, damage) in DAMAGES {
        let mut bytes = fs::read(&good)?;
        damage(&mut bytes);
        let path = place.env.path("damaged.db");
        fs::write(&path, &bytes)?;
        refused(report, what, &path, "STORE_CORRUPT").await?;
    }
    let newer = place.env.path("newer.db");
    fs::copy(&good, &newer)?;
    Connection::open(&newer)?.execute_batch("PRAGMA user_version = 999")?;
    refused(report, "a newer schema", &newer, "STORE_NEWER").await?;
    let opened = Client::open(Config::new(NOWHERE, &newer)).err();
    hold(matches!(opened, Some(OpenError::NewerSchema { found: 999 })), || format!("{opened:?}"))?;
    in_use(place, report, &good).await?;
    set_aside(place, report, &good).await?;
    delivered(place, report, &good).await
}

/// A database with actions in its queue, closed.
async fn queued(place: &Place<'_>) -> Checked<PathBuf> {
    let path = place.env.path("good.db");
    let client = Client::open(Config::new(NOWHERE, &path))?;
    for n in 0..QUEUED {
        // Large enough for pages in the middle that hold nothing else.
        client.submit_json("test:echo:v1", &json!({ "n": n, "text": "x".repeat(3_000) })).await?;
    }
    client.shutdown().await;
    hold(!path.with_extension("db-wal").exists(), || "a log beside a closed database".to_owned())?;
    Ok(path)
}

/// The command and the library refuse it, with this code, and leave every byte as it is.
async fn refused(report: &mut Report, what: &str, path: &Path, code: &str) -> Checked {
    let before = fs::read(path)?;
    let cli = Cli::new(path, NOWHERE);
    let submitted = cli.run(&["submit", "test:echo:v1", "1"]).await?;
    report.equal(format!("{what}: exit of submit"), ended(&submitted), with(4, code));
    let opened = Client::open(Config::new(NOWHERE, path)).err().map(|error| error.code());
    report.equal(format!("{what}: error of open"), opened, Some(code));
    report.equal(format!("{what}: bytes left as they were"), fs::read(path)? == before, true);
    Ok(())
}

async fn in_use(place: &Place<'_>, report: &mut Report, good: &Path) -> Checked {
    let path = place.env.path("in-use.db");
    fs::copy(good, &path)?;
    let client = Client::open(Config::new(NOWHERE, &path))?;
    let cli = Cli::new(&path, NOWHERE);
    let submitted = cli.run(&["submit", "test:echo:v1", "1"]).await?;
    report.equal("a database in use: exit of submit", ended(&submitted), with(4, "IN_USE"));
    let opened = Client::open(Config::new(NOWHERE, &path)).err().map(|error| error.code());
    report.equal("a database in use: error of open", opened, Some("IN_USE"));
    let listed = cli.run(&["queue", "list"]).await?;
    report.equal("a database in use: exit of queue list", ended(&listed), done());
    report.equal("a database in use: actions listed beside it", listed.lines.len() as u64, QUEUED);
    client.shutdown().await;
    Ok(())
}

/// Only by the app's wish, and nothing of it is thrown away.
async fn set_aside(place: &Place<'_>, report: &mut Report, good: &Path) -> Checked {
    let path = place.env.path("aside.db");
    let mut bytes = fs::read(good)?;
    bytes[..100].fill(0xA5);
    fs::write(&path, &bytes)?;
    Client::open(Config::new(NOWHERE, &path).set_corrupt_aside(true))?.shutdown().await;
    let aside = fs::read(place.env.path("aside.db.corrupt-1"))?;
    report.equal("set aside by wish: every byte is kept", aside == bytes, true);
    Ok(())
}

/// The database that all of this was copied from has lost nothing.
async fn delivered(place: &Place<'_>, report: &mut Report, good: &Path) -> Checked {
    let name = good.file_name().and_then(|name| name.to_str()).ok_or("a database without a name")?;
    let client = app::connected(place.config(name, "store").await?)?;
    app::status(&client, "an empty queue", |status| status.pending == 0).await?;
    let rows = client.outbox(keepline::Filter::default()).await?;
    let accepted = rows.iter().filter(|row| matches!(row.outcome, Some(keepline::Outcome::Accepted(_))));
    report.equal("actions of the good database, delivered", accepted.count() as u64, QUEUED);
    client.shutdown().await;
    Ok(())
}

/// What can happen to a file.
type Damage = fn(&mut Vec<u8>);

const DAMAGES: [(&str, Damage); 4] = [
    ("no database", |bytes| bytes[..100].fill(0xA5)),
    ("a damaged page in the middle", |bytes| {
        let page = bytes.len() / PAGE_BYTES / 2;
        bytes[page * PAGE_BYTES..(page + 1) * PAGE_BYTES].fill(0xA5);
    }),
    ("cut off in the middle", |bytes| bytes.truncate(bytes.len() / 2)),
    ("the schema overwritten", |bytes| bytes[100..PAGE_BYTES].fill(0)),
];

const QUEUED: u64 = 40;

/// SQLite's default.
const PAGE_BYTES: usize = 4_096;
