use std::time::Duration;

use rusqlite::{Row as SqlRow, params};

use super::{
    entry::{Filter, OutboxEntry},
    row::{read_error, read_id, read_outcome, read_payload, read_state},
};
use crate::{clock::Now, error::StoreError, store::Tx};

/// What an account has in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Totals {
    pub(crate) pending: u64,
    pub(crate) parked: u64,
    /// Settled, and read by the app.
    pub(crate) taken: u64,
    pub(crate) bytes: u64,
}

/// Counts without counting: the table is kept by triggers.
pub(crate) fn totals(tx: &Tx<'_>, account: &str) -> Result<Totals, StoreError> {
    let read = |row: &SqlRow<'_>| {
        Ok(Totals { pending: row.get(0)?, parked: row.get(1)?, taken: row.get(2)?, bytes: row.get(3)? })
    };
    let sql = "SELECT pending, parked, taken, bytes FROM totals WHERE account = ?1";
    Ok(tx.first(sql, [account], read)?.unwrap_or_default())
}

/// How many rows of all accounts still need room for an outcome.
pub(super) fn unsettled(tx: &Tx<'_>) -> Result<u64, StoreError> {
    let count = tx.first("SELECT coalesce(sum(pending + parked), 0) FROM totals", [], |row| row.get(0))?;
    Ok(count.unwrap_or_default())
}

/// The rows that a filter lets through, oldest first; of every account where none is given.
pub(crate) fn list(
    tx: &Tx<'_>,
    now: Now,
    account: Option<&str>,
    filter: &Filter,
) -> Result<Vec<OutboxEntry>, StoreError> {
    let id = filter.id.map(|id| *id.uuid().as_bytes());
    let after = filter.after.map(|id| *id.uuid().as_bytes());
    let rows = tx.all(
        "SELECT seq, id, name, payload, lane, label, state, attempts, submitted_wall_ms, submitted_ticks_ms, boot, \
         rolled_back, error_code, error_text, account FROM actions \
         WHERE (?1 IS NULL OR account = ?1) AND (?2 = 0 OR state < 4) AND (?3 IS NULL OR lane = ?3) \
         AND (?4 IS NULL OR id = ?4 OR origin = ?4) \
         AND seq > coalesce((SELECT seq FROM actions WHERE id = ?5 OR origin = ?5), 0) \
         AND (?7 IS NULL OR account = ?7) ORDER BY seq LIMIT ?6",
        params![account, filter.pending_only, filter.lane, id, after, filter.limit, filter.account],
        |row| read_entry(row, now),
    )?;
    rows.into_iter()
        .map(|(seq, mut entry)| {
            entry.outcome = read_outcome(tx, seq)?;
            Ok(entry)
        })
        .collect()
}

fn read_entry(row: &SqlRow<'_>, now: Now) -> rusqlite::Result<(i64, OutboxEntry)> {
    let lane: String = row.get(4)?;
    let entry = OutboxEntry {
        id: read_id(row, 1)?,
        account: row.get(14)?,
        name: row.get(2)?,
        payload: read_payload(row, 3)?,
        lane: Some(lane).filter(|lane| !lane.is_empty()),
        label: row.get(5)?,
        state: read_state(row, 6)?,
        attempts: row.get(7)?,
        age: age(now, row.get(8)?, row.get(9)?, row.get(10)?),
        outcome: None,
        last_error: read_error(row, 12)?,
        rolled_back: row.get(11)?,
    };
    Ok((row.get(0)?, entry))
}

/// Under the same boot by the clock that runs in suspend, across boots by the wall clock; never negative.
pub(super) fn age(now: Now, wall_ms: i64, ticks_ms: i64, boot: i64) -> Duration {
    let ms = if boot == now.boot { now.ticks_ms - ticks_ms } else { now.wall_ms - wall_ms };
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
