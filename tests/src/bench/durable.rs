//! How fast the durable queue is: one submit, a lane end to end, a long queue.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use keepline::{Client, Config, catalogue::TestRecord};
use rusqlite::Connection;

use super::{
    Latency,
    rig::{BenchError, Rig, Running, roomy, seconds_since},
};

/// The time of one durable submit after the other, without a line.
///
/// # Errors
/// Where a submit fails.
pub async fn submit_latency(database: &Path, samples: usize) -> Result<Latency, BenchError> {
    let running = Running::open(unreachable(database))?;
    let latency = submits(&running.client, samples).await?;
    running.shutdown().await;
    Ok(latency)
}

/// The same with the client on a thread of its own, as `Client::open` runs it.
///
/// # Errors
/// Where a submit fails.
pub async fn submit_latency_own_thread(database: &Path, samples: usize) -> Result<Latency, BenchError> {
    let client = Client::open(unreachable(database))?;
    let latency = submits(&client, samples).await?;
    client.shutdown().await;
    Ok(latency)
}

async fn submits(client: &Client, samples: usize) -> Result<Latency, BenchError> {
    let warm = samples.div_ceil(10);
    let mut times = Vec::with_capacity(samples);
    for n in 0..samples + warm {
        let begun = Instant::now();
        client.submit(TestRecord { n: n as i64 }).await?;
        if n >= warm {
            times.push(begun.elapsed());
        }
    }
    Ok(Latency::of(times))
}

/// How many actions of one lane a second are committed by the client, committed by the server, and settled.
///
/// # Errors
/// Where not every action is settled.
pub async fn end_to_end_rate(rig: &Rig, actions: usize, database: &str) -> Result<f64, BenchError> {
    let running = Running::online(rig.config(database, database)?).await?;
    let begun = Instant::now();
    queue(&running.client, actions).await?;
    if !running.client.flush(FLUSH_MAX).await {
        return Err("the queue is not empty in time".into());
    }
    let rate = actions as f64 / seconds_since(begun);
    running.shutdown().await;
    Ok(rate)
}

/// Submits so many actions into one lane, many of them waiting for one commit.
async fn queue(client: &Client, actions: usize) -> Result<(), BenchError> {
    let mut submits = stream::iter(0..actions)
        .map(|n| client.submit(TestRecord { n: n as i64 }).lane("bench").into_future())
        .buffered(SUBMITS_AT_ONCE);
    while let Some(submitted) = submits.next().await {
        submitted?;
    }
    Ok(())
}

/// Fills a database with so many actions that no server has seen.
///
/// # Errors
/// Where a submit fails.
pub async fn fill(config: Config, actions: usize) -> Result<(), BenchError> {
    let running = Running::open(config)?;
    queue(&running.client, actions).await?;
    running.shutdown().await;
    Ok(())
}

/// Fills a database by copying rows inside it, for queues that would take minutes to submit.
///
/// # Errors
/// Where SQLite fails.
pub async fn fill_by_copying(config: Config, database: &Path, actions: usize) -> Result<(), BenchError> {
    fill(config, COPIED).await?;
    let db = Connection::open(database)?;
    let columns: Vec<String> = db
        .prepare("SELECT name FROM pragma_table_info('actions') WHERE name NOT IN ('seq', 'id')")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let columns = columns.join(", ");
    let copies = actions.div_ceil(COPIED) - 1;
    db.execute(
        &format!(
            "WITH RECURSIVE copies (copy) AS (SELECT 1 UNION ALL SELECT copy + 1 FROM copies WHERE copy < {copies}) \
             INSERT INTO actions (id, {columns}) SELECT randomblob(16), {columns} FROM actions, copies"
        ),
        [],
    )?;
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(())
}

/// Opens a database and says how long that took, in milliseconds.
///
/// # Errors
/// Where it cannot be opened.
pub fn open_ms(database: &Path) -> Result<(f64, u64), BenchError> {
    let begun = Instant::now();
    let (client, driver) = Client::with_driver(unreachable(database))?;
    let ms = seconds_since(begun) * 1e3;
    let pending = client.status().pending;
    drop(driver);
    Ok((ms, pending))
}

/// How long a queue took to empty, and how much memory that needed.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub struct Drained {
    /// From `connect` to the last outcome.
    pub seconds: f64,
    /// Resident before `connect`, with the queue on disk.
    pub idle_bytes: u64,
    /// The most that was resident meanwhile.
    pub peak_bytes: u64,
}

/// Connects a client whose queue is full and waits until it is empty. For a process of its own, whose memory is
/// measured.
///
/// # Errors
/// Where the queue is not empty in time.
pub async fn drain(config: Config) -> Result<Drained, BenchError> {
    let running = Running::open(config)?;
    let idle_bytes = resident_bytes().ok_or("the system does not tell how much memory this takes")?;
    let mut peak_bytes = idle_bytes;
    let begun = Instant::now();
    running.client.connect();
    let client = running.client.clone();
    let flushed = client.flush(FLUSH_MAX);
    tokio::pin!(flushed);
    let mut sampling = tokio::time::interval(Duration::from_millis(5));
    let is_empty = loop {
        tokio::select! {
            is_empty = &mut flushed => break is_empty,
            _ = sampling.tick() => peak_bytes = peak_bytes.max(resident_bytes().unwrap_or(0)),
        }
    };
    let seconds = seconds_since(begun);
    running.shutdown().await;
    if is_empty {
        Ok(Drained { seconds, idle_bytes, peak_bytes })
    } else {
        Err("the queue is not empty in time".into())
    }
}

fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    kib.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// A config whose server is never dialled.
fn unreachable(database: &Path) -> Config {
    roomy(Config::new("ws://127.0.0.1:9", database))
}

const FLUSH_MAX: Duration = Duration::from_secs(120);

/// As many as share a commit.
const SUBMITS_AT_ONCE: usize = 1_000;

/// How many real rows are copied.
const COPIED: usize = 1_000;
