use std::time::Duration;

use keepline_protocol::Stream;
use rusqlite::{Connection, params};

use super::Hub;
use crate::{
    ids::{OwnerId, StreamId},
    ledger, log,
    storage::{StorageError, Txn},
};

/// How many rows one transaction of the upkeep touches, so that actions never wait long behind it.
const ROWS: u32 = 500;

/// How many owners or jobs one look finds.
const FOUND: u32 = 200;

impl Hub {
    /// Removes what has been kept long enough. Runs now and then, in small transactions.
    pub(crate) async fn maintain(&self) -> Result<(), StorageError> {
        let mut last = OwnerId(0);
        loop {
            let owners = self.storage().read(move |conn| owners_after(conn, last)).await?;
            let Some((newest, _)) = owners.last() else { break };
            last = *newest;
            for (owner, user_stream) in owners {
                self.maintain_owner(owner, user_stream).await?;
            }
        }
        self.remove_streams().await?;
        self.remove_jobs().await
    }

    async fn maintain_owner(&self, owner: OwnerId, user_stream: StreamId) -> Result<(), StorageError> {
        let kept = self.0.retention.clone();
        loop {
            let kept = kept.clone();
            let work = move |tx: &mut Txn<'_>| {
                let events = log::trim_by_age(tx, user_stream, kept.user_log_age, ROWS)?;
                let entries = ledger::prune_by_age(tx, owner, kept.ledger_age, ROWS)?;
                Ok(events + entries + ledger::forget_replies(tx, owner, kept.reply_age, ROWS)?)
            };
            if self.storage().write(work).await? == 0 {
                return Ok(());
            }
        }
    }

    /// Streams of jobs that ended a while ago.
    async fn remove_streams(&self) -> Result<(), StorageError> {
        let before = self.before(self.0.retention.job_log_age);
        loop {
            let ended = self.storage().read(move |conn| ended_streams(conn, before)).await?;
            if ended.is_empty() {
                return Ok(());
            }
            for id in ended {
                self.storage().write(move |tx| log::remove(tx, id)).await?;
            }
        }
    }

    /// Jobs that ended long ago become tombstones, and in the end nothing.
    async fn remove_jobs(&self) -> Result<(), StorageError> {
        let before = self.before(self.0.retention.job_age);
        let forgotten = self.before(self.0.retention.job_tombstone_age);
        self.storage()
            .write(move |tx| {
                tx.conn
                    .prepare_cached(
                        "UPDATE jobs SET status = 'removed', params = '{}', state = '{}', result = NULL, error = NULL \
                         WHERE status IN ('completed', 'failed', 'cancelled') AND ended_ms < ?1",
                    )?
                    .execute([before])?;
                tx.conn
                    .prepare_cached("DELETE FROM jobs WHERE status = 'removed' AND ended_ms < ?1")?
                    .execute([forgotten])?;
                Ok(())
            })
            .await
    }

    fn before(&self, age: Duration) -> i64 {
        self.now_ms().saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
    }
}

fn owners_after(conn: &Connection, last: OwnerId) -> rusqlite::Result<Vec<(OwnerId, StreamId)>> {
    conn.prepare_cached(
        "SELECT owners.id, streams.id FROM owners JOIN streams ON streams.owner = owners.id AND streams.name = ?2 \
         WHERE owners.id > ?1 ORDER BY owners.id LIMIT ?3",
    )?
    .query_map(params![last, Stream::User.to_string(), FOUND], |row| Ok((row.get(0)?, row.get(1)?)))?
    .collect()
}

fn ended_streams(conn: &Connection, before: i64) -> rusqlite::Result<Vec<StreamId>> {
    conn.prepare_cached(
        "SELECT streams.id FROM jobs JOIN streams ON streams.id = jobs.stream \
         WHERE jobs.status IN ('completed', 'failed', 'cancelled') AND jobs.ended_ms < ?1 LIMIT ?2",
    )?
    .query_map(params![before, FOUND], |row| row.get(0))?
    .collect()
}
