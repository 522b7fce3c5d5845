use std::{
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, Result};

use super::{Latency, Load};

/// The time of one durable commit of one row: WAL, `synchronous=FULL`, a file in `dir`.
///
/// # Errors
/// Where SQLite fails.
pub fn commit_latency(dir: &Path, samples: usize, load: Load) -> Result<Latency> {
    let mut queue = Queue::create(&dir.join("commit.db"), load)?;
    for _ in 0..samples.div_ceil(10) {
        queue.insert(1)?;
    }
    let times = (0..samples).map(|_| queue.insert(1)).collect::<Result<_>>()?;
    Ok(Latency::of(times))
}

/// How many rows a second become durable where each commit takes `batch` of them.
///
/// # Errors
/// Where SQLite fails.
pub fn batch_rate(dir: &Path, rows: usize, batch: usize, load: Load) -> Result<f64> {
    let mut queue = Queue::create(&dir.join("batch.db"), load)?;
    queue.insert(batch)?;
    let commits = rows.div_ceil(batch);
    let took = (0..commits).map(|_| queue.insert(batch)).sum::<Result<Duration>>()?;
    Ok((commits * batch) as f64 / took.as_secs_f64())
}

/// A table such as any queue has: a number, a key, a payload.
struct Queue {
    db: Connection,
    payload: String,
    next: u64,
}

impl Queue {
    fn create(file: &Path, load: Load) -> Result<Self> {
        let db = Connection::open(file)?;
        db.pragma_update(None, "journal_mode", "wal")?;
        db.pragma_update(None, "synchronous", "full")?;
        db.execute_batch(
            "CREATE TABLE queue (
                row INTEGER PRIMARY KEY AUTOINCREMENT,
                id BLOB NOT NULL UNIQUE,
                payload TEXT NOT NULL
            ) STRICT",
        )?;
        Ok(Self { db, payload: load.frame(), next: 0 })
    }

    /// One transaction with so many rows: how long it took.
    fn insert(&mut self, rows: usize) -> Result<Duration> {
        let begun = Instant::now();
        let tx = self.db.transaction()?;
        let mut insert = tx.prepare_cached("INSERT INTO queue (id, payload) VALUES (?1, ?2)")?;
        for _ in 0..rows {
            self.next += 1;
            // Ascending, as a UUIDv7 is.
            insert.execute((u128::from(self.next).to_be_bytes(), &self.payload))?;
        }
        drop(insert);
        tx.commit()?;
        Ok(begun.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_commits_and_batches() {
        let dir = tempfile::tempdir().unwrap();
        let latency = commit_latency(dir.path(), 10, Load::tiny()).unwrap();
        assert_eq!(latency.samples, 10);
        assert!(latency.p50 > Duration::ZERO);
        assert!(batch_rate(dir.path(), 100, 32, Load::tiny()).unwrap() > 0.0);
        let rows = |file| {
            let db = Connection::open(dir.path().join(file)).unwrap();
            db.query_row("SELECT count(*) FROM queue", (), |row| row.get::<_, usize>(0)).unwrap()
        };
        assert_eq!((rows("commit.db"), rows("batch.db")), (11, 5 * 32));
    }
}
