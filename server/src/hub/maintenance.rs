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

/// How many ended jobs one look finds.
const FOUND: u32 = 200;

/// How many owners one look goes through; it is some microseconds each, and connects wait behind it.
const OWNERS: i64 = 500;

impl Hub {
    /// Removes what has been kept long enough. Runs now and then, in small transactions.
    pub(crate) async fn maintain(&self) -> Result<(), StorageError> {
        let newest = self.storage().read(newest_owner).await?;
        let kept = &self.0.retention;
        let before = [kept.user_log_age, kept.ledger_age, kept.reply_age].map(|age| self.before(age));
        let mut last = 0;
        while last < newest {
            let due = self.storage().read(move |conn| due_after(conn, last, before)).await?;
            for (owner, user_stream) in due {
                self.maintain_owner(owner, user_stream).await?;
            }
            last += OWNERS;
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

fn newest_owner(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("SELECT coalesce(max(id), 0) FROM owners")?.query_row([], |row| row.get(0))
}

/// Of the next owners those whose oldest event, entry or reply is old enough to go. Found by the reader, because most
/// owners have none and the writer has better things to do.
fn due_after(
    conn: &Connection,
    last: i64,
    [events, entries, replies]: [i64; 3],
) -> rusqlite::Result<Vec<(OwnerId, StreamId)>> {
    conn.prepare_cached(
        "SELECT owners.id, streams.id FROM owners JOIN streams ON streams.owner = owners.id AND streams.name = ?1 \
         WHERE owners.id > ?2 AND owners.id <= ?3 AND ( \
             (SELECT at_ms FROM events WHERE stream = streams.id ORDER BY offset LIMIT 1) < ?4 \
             OR (SELECT at_ms FROM ledger_entries WHERE owner = owners.id ORDER BY position LIMIT 1) < ?5 \
             OR (SELECT at_ms FROM ledger_entries WHERE owner = owners.id AND position > owners.replies_floor \
                 ORDER BY position LIMIT 1) < ?6)",
    )?
    .query_map(params![Stream::User.to_string(), last, last + OWNERS, events, entries, replies], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?
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
