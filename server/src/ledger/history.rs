use std::time::Duration;

use keepline_protocol::{Epoch, LedgerCursor, LedgerStatus, Tag};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    ids::OwnerId,
    storage::{StorageError, Txn},
    tag_column::tag,
};

/// An owner's ledger as it was committed last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ledger {
    pub(crate) position: u64,
    pub(crate) tag: Tag,
    pub(crate) floor: u64,
}

impl Ledger {
    pub(crate) fn read(conn: &Connection, owner: OwnerId) -> rusqlite::Result<Self> {
        conn.prepare_cached("SELECT position, tag, floor FROM owners WHERE id = ?1")?
            .query_row(params![owner], |row| {
                Ok(Self { position: row.get(0)?, tag: tag(row, 1)?, floor: row.get(2)? })
            })
    }
}

/// How the ledger stands to a place that a client remembers.
pub(crate) fn compare(
    conn: &Connection,
    owner: OwnerId,
    epoch: &Epoch,
    cursor: &LedgerCursor,
) -> rusqlite::Result<LedgerStatus> {
    if cursor.epoch != *epoch {
        return Ok(LedgerStatus::RolledBack);
    }
    let ledger = Ledger::read(conn, owner)?;
    if cursor.position > ledger.position {
        return Ok(LedgerStatus::RolledBack);
    }
    let ours = match cursor.position {
        0 => Some(Tag::START),
        position if position == ledger.position => Some(ledger.tag),
        position => tag_at(conn, owner, position)?,
    };
    Ok(match ours {
        Some(ours) if ours == cursor.tag => LedgerStatus::Ok,
        Some(_) => LedgerStatus::RolledBack,
        None => LedgerStatus::Unverifiable,
    })
}

/// Which of the places lie in the ledger's history, in the order asked.
pub(crate) fn confirmed(
    conn: &Connection,
    owner: OwnerId,
    epoch: &Epoch,
    cursors: Vec<LedgerCursor>,
) -> rusqlite::Result<Vec<LedgerCursor>> {
    let mut confirmed = Vec::new();
    for cursor in cursors {
        if compare(conn, owner, epoch, &cursor)? == LedgerStatus::Ok {
            confirmed.push(cursor);
        }
    }
    Ok(confirmed)
}

/// Removes an owner's entries that are too old, at most `rows`, and raises the floor. Gives how many went.
pub(crate) fn prune_by_age(
    tx: &mut Txn<'_>,
    owner: OwnerId,
    age: Duration,
    rows: u32,
) -> Result<u64, StorageError> {
    let before = age_limit(tx, age);
    let mut head = super::head(tx, owner)?;
    let cut: Option<u64> = tx
        .conn
        .prepare_cached(
            "SELECT max(position) FROM (SELECT position, at_ms FROM ledger_entries WHERE owner = ?1 \
             ORDER BY position LIMIT ?2) WHERE at_ms < ?3",
        )?
        .query_row(params![owner, rows, before], |row| row.get(0))?;
    let Some(cut) = cut.filter(|cut| *cut > head.floor) else { return Ok(0) };
    let removed = cut - head.floor;
    super::remove_until(tx.conn, owner, cut)?;
    head.floor = cut;
    super::write_head(tx.conn, owner, &head)?;
    tx.heads.ledgers.change(owner, head);
    Ok(removed)
}

/// Forgets the replies of an owner's applied actions that are too old, at most `rows`. Their verdicts stay. Gives
/// how many entries were looked through.
pub(crate) fn forget_replies(
    tx: &mut Txn<'_>,
    owner: OwnerId,
    age: Duration,
    rows: u32,
) -> Result<u64, StorageError> {
    let before = age_limit(tx, age);
    let from: u64 = tx
        .conn
        .prepare_cached("SELECT replies_floor FROM owners WHERE id = ?1")?
        .query_row(params![owner], |row| row.get(0))?;
    let cut: Option<u64> = tx
        .conn
        .prepare_cached(
            "SELECT max(position) FROM (SELECT position, at_ms FROM ledger_entries \
             WHERE owner = ?1 AND position > ?2 ORDER BY position LIMIT ?3) WHERE at_ms < ?4",
        )?
        .query_row(params![owner, from, rows, before], |row| row.get(0))?;
    let Some(cut) = cut else { return Ok(0) };
    tx.conn
        .prepare_cached(
            "UPDATE ledger_entries SET body = NULL \
             WHERE owner = ?1 AND position > ?2 AND position <= ?3 AND verdict = 0",
        )?
        .execute(params![owner, from, cut])?;
    tx.conn
        .prepare_cached("UPDATE owners SET replies_floor = ?2 WHERE id = ?1")?
        .execute(params![owner, cut])?;
    Ok(cut - from)
}

fn age_limit(tx: &Txn<'_>, age: Duration) -> i64 {
    tx.now_ms.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}

fn tag_at(conn: &Connection, owner: OwnerId, position: u64) -> rusqlite::Result<Option<Tag>> {
    let entry = conn
        .prepare_cached("SELECT tag FROM ledger_entries WHERE owner = ?1 AND position = ?2")?
        .query_row(params![owner, position], |row| tag(row, 0))
        .optional()?;
    if entry.is_some() {
        return Ok(entry);
    }
    conn.prepare_cached("SELECT tag FROM ledger_checkpoints WHERE owner = ?1 AND position = ?2")?
        .query_row(params![owner, position], |row| tag(row, 0))
        .optional()
}
