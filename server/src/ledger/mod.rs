//! What was applied, once: the rules of the ledger, one owner at a time.
//!
//! 1. The id is known: its stored outcome is the answer, whatever else the action says; another payload under it
//!    is a conflict.
//! 2. The mark lies below the floor: the action may have been applied and forgotten, so it is not applied.
//! 3. The predecessor is not known: the action came out of order and is not applied.
//! 4. Else it is applied. Done or refused for good, the outcome takes the next position.
//!
//! All of it happens in the transaction that also holds the action's effects.

mod history;
mod outcome;

pub(crate) use history::{Ledger, compare, confirmed, forget_replies, prune_by_age};
use keepline_protocol::{ActionId, ErrorBody, ErrorCode, LedgerMark, limits::LEDGER_CHECKPOINT_EVERY};
pub(crate) use outcome::{Digest, Outcome, Recorded};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    ids::OwnerId,
    storage::{LedgerHead, StorageError, Txn},
    tag_column::tag,
};

/// An action's place among others, as the ledger's rules read it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    pub(crate) id: ActionId,
    pub(crate) prev: Option<ActionId>,
    pub(crate) mark: Option<LedgerMark>,
}

/// What the rules say of an action before it is applied.
pub(crate) enum Admission {
    /// Rule 1: it has an outcome.
    Known(Recorded),
    /// Rules 1, 2 and 3: it is not applied, and nothing is stored.
    Refused(ErrorBody),
    /// Rule 4.
    Apply,
}

/// Rules 1 to 3. A void has no digest, and conflicts with nothing.
pub(crate) fn admit(
    tx: &mut Txn<'_>,
    owner: OwnerId,
    claim: Claim,
    digest: Option<Digest>,
) -> Result<Admission, StorageError> {
    let known = find(tx.conn, owner, claim.id)?;
    #[cfg(feature = "planted")]
    let known = known.filter(|_| !crate::planted::is(crate::planted::Planted::NoDedup));
    if let Some((known, recorded)) = known {
        let conflict = known.zip(digest).is_some_and(|(known, digest)| known != digest);
        return Ok(if conflict {
            refused(ErrorCode::IdConflict, "the id was used with another payload")
        } else {
            Admission::Known(recorded)
        });
    }
    let floor = head(tx, owner)?.floor;
    if claim.mark.is_some_and(|mark| mark.position < floor) {
        return Ok(refused(ErrorCode::Indeterminate, "older than what the ledger remembers"));
    }
    let prev = claim.prev;
    #[cfg(feature = "planted")]
    let prev = prev.filter(|_| !crate::planted::is(crate::planted::Planted::AnyOrder));
    if let Some(prev) = prev
        && !contains(tx.conn, owner, prev)?
    {
        return Ok(refused(ErrorCode::OutOfOrder, "the action before it has not arrived"));
    }
    Ok(Admission::Apply)
}

/// Rule 4's end: the outcome takes the next position.
pub(crate) fn record(
    tx: &mut Txn<'_>,
    owner: OwnerId,
    id: ActionId,
    digest: Option<Digest>,
    outcome: Outcome,
) -> Result<Recorded, StorageError> {
    #[cfg(feature = "planted")]
    if crate::planted::is(crate::planted::Planted::NoDedup) {
        tx.conn
            .prepare_cached("DELETE FROM ledger_entries WHERE owner = ?1 AND id = ?2")?
            .execute(params![owner, id.uuid().as_bytes()])?;
    }
    let mut head = head(tx, owner)?;
    head.position += 1;
    let body = outcome.body();
    head.tag = head.tag.next(id.uuid().as_bytes(), outcome.fingerprint(body.as_deref()).as_bytes());
    tx.conn
        .prepare_cached(
            "INSERT INTO ledger_entries (owner, id, position, digest, verdict, body, tag, at_ms) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            owner,
            id.uuid().as_bytes(),
            head.position,
            digest.as_ref().map_or(&[][..], |digest| &digest.0[..]),
            outcome.verdict(),
            body,
            head.tag.to_bytes(),
            tx.now_ms,
        ])?;
    if head.position % LEDGER_CHECKPOINT_EVERY == 0 {
        tx.conn
            .prepare_cached("INSERT INTO ledger_checkpoints (owner, position, tag) VALUES (?1, ?2, ?3)")?
            .execute(params![owner, head.position, head.tag.to_bytes()])?;
    }
    tx.heads.ledgers.change(owner, head);
    Ok(Recorded { outcome, position: head.position, tag: head.tag, dup: false, forgotten: false })
}

/// Writes the changed heads and forgets what is beyond the ledger's size. Before each commit.
pub(crate) fn write_heads(tx: &mut Txn<'_>) -> rusqlite::Result<()> {
    for (owner, mut head) in tx.heads.ledgers.take_dirty() {
        let cut = head.position.saturating_sub(tx.retention.ledger_max);
        if cut > head.floor {
            remove_until(tx.conn, owner, cut)?;
            head.floor = cut;
            tx.heads.ledgers.learn(owner, head);
        }
        write_head(tx.conn, owner, &head)?;
    }
    Ok(())
}

fn head(tx: &mut Txn<'_>, owner: OwnerId) -> Result<LedgerHead, StorageError> {
    if let Some(head) = tx.heads.ledgers.find(owner) {
        return Ok(*head);
    }
    let head = tx
        .conn
        .prepare_cached("SELECT position, tag, floor FROM owners WHERE id = ?1")?
        .query_row(params![owner], |row| {
            Ok(LedgerHead { position: row.get(0)?, tag: tag(row, 1)?, floor: row.get(2)? })
        })?;
    tx.heads.ledgers.learn(owner, head);
    Ok(head)
}

fn find(
    conn: &Connection,
    owner: OwnerId,
    id: ActionId,
) -> rusqlite::Result<Option<(Option<Digest>, Recorded)>> {
    conn.prepare_cached(
        "SELECT digest, verdict, body, position, tag FROM ledger_entries WHERE owner = ?1 AND id = ?2",
    )?
    .query_row(params![owner, id.uuid().as_bytes()], |row| {
        let digest = row.get_ref(0)?.as_blob()?.try_into().ok().map(Digest);
        let body: Option<String> = row.get(2)?;
        let forgotten = body.is_none();
        let outcome = Outcome::read(row.get(1)?, body.as_deref()).ok_or(rusqlite::Error::InvalidQuery)?;
        let forgotten = forgotten && matches!(outcome, Outcome::Applied(_));
        Ok((digest, Recorded { outcome, position: row.get(3)?, tag: tag(row, 4)?, dup: true, forgotten }))
    })
    .optional()
}

fn contains(conn: &Connection, owner: OwnerId, id: ActionId) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM ledger_entries WHERE owner = ?1 AND id = ?2")?
        .exists(params![owner, id.uuid().as_bytes()])
}

fn refused(code: ErrorCode, text: &str) -> Admission {
    Admission::Refused(ErrorBody::new(code, text))
}

fn remove_until(conn: &Connection, owner: OwnerId, position: u64) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM ledger_entries WHERE owner = ?1 AND position <= ?2")?
        .execute(params![owner, position])?;
    Ok(())
}

fn write_head(conn: &Connection, owner: OwnerId, head: &LedgerHead) -> rusqlite::Result<()> {
    conn.prepare_cached("UPDATE owners SET position = ?2, tag = ?3, floor = ?4 WHERE id = ?1")?
        .execute(params![owner, head.position, head.tag.to_bytes(), head.floor])?;
    Ok(())
}

#[cfg(test)]
mod tests;
