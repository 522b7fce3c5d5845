//! A server that was restored from a backup has lost effects and ledger entries together.
//!
//! The client finds the last place that both still know, lowers the marks of what it will send again to it, repeats
//! the voids that were lost, and tells which outcomes no longer hold.
//!
//! A void that was lost is repeated for an action that was settled by it, too. The app was told that it will never be
//! applied, and a copy of this database that has it as sent would have it applied all the same.

use keepline_protocol::{ActionId, Epoch, LedgerCursor, LedgerMark, Tag, limits::LEDGER_CURSORS_MAX};
use rusqlite::params;

use super::{
    Outbox,
    row::{COLUMNS, Row, RowKey, VoidReason, read_id, read_outcome},
};
use crate::{
    engine::{Cx, Effect},
    error::StoreError,
    outcome::Outcome,
};

impl Outbox {
    /// The places of this ledger that the database remembers, newest first: marks of what is pending, and outcomes.
    pub(crate) fn known_places(
        &self,
        cx: &Cx<'_, '_>,
        epoch: &Epoch,
    ) -> Result<Vec<LedgerCursor>, StoreError> {
        let places = cx.tx.all(
            "SELECT position, tag FROM ( \
                SELECT mark_position AS position, mark_tag AS tag FROM actions WHERE account = ?1 AND state < 4 \
                UNION SELECT position, tag FROM actions WHERE account = ?1 AND position IS NOT NULL AND tag IS NOT NULL) \
             WHERE position > 0 ORDER BY position DESC",
            [&self.account],
            |row| Ok((row.get::<_, u64>(0)?, row.get::<_, [u8; 8]>(1)?)),
        )?;
        Ok(thin_out(places)
            .into_iter()
            .map(|(position, tag)| LedgerCursor { epoch: epoch.clone(), position, tag: Tag::from_bytes(tag) })
            .collect())
    }

    /// Goes back to the last place that the server confirmed; `None` confirms nothing.
    pub(crate) fn roll_back(
        &mut self,
        cx: &mut Cx<'_, '_>,
        confirmed: Option<LedgerMark>,
    ) -> Result<(), StoreError> {
        let last = confirmed.unwrap_or_default();
        self.tell_lost(cx, last)?;
        self.void_settled(cx, last)?;
        self.void_retried(cx, last)?;
        self.repeat_voids(cx, last)?;
        cx.tx.execute(
            "UPDATE actions SET mark_position = ?2, mark_tag = ?3 \
             WHERE account = ?1 AND state < 4 AND mark_position > ?2",
            params![self.account, last.position, last.tag.to_bytes()],
        )?;
        self.reload(cx)
    }

    /// What was settled by a void that is lost is asked for again, and gets its outcome once more.
    fn void_settled(&mut self, cx: &mut Cx<'_, '_>, last: LedgerMark) -> Result<(), StoreError> {
        let rows = cx.tx.all(
            "SELECT seq FROM actions WHERE account = ?1 AND position > ?2 AND state = 4 AND voided",
            params![self.account, last.position],
            |row| row.get::<_, i64>(0),
        )?;
        for seq in rows {
            let outcome = read_outcome(cx.tx, seq)?;
            let Some(mut row) = Row::load(cx.tx, seq)? else { continue };
            let reason = match outcome {
                Some(Outcome::Rejected(_)) => VoidReason::Settle,
                _ => VoidReason::Cancel,
            };
            self.void_again(cx, &mut row, reason)?;
        }
        Ok(())
    }

    /// A retried row whose mark is cut: a copy may have sent the same id before the backup was made.
    fn void_retried(&mut self, cx: &mut Cx<'_, '_>, last: LedgerMark) -> Result<(), StoreError> {
        let rows = cx.tx.all(
            "SELECT seq, id FROM actions WHERE account = ?1 AND state < 4 AND retries > 0 AND mark_position > ?2",
            params![self.account, last.position],
            |row| Ok((row.get::<_, i64>(0)?, read_id(row, 1)?)),
        )?;
        for (seq, id) in rows {
            self.finish(cx, RowKey { seq, id }, Outcome::Indeterminate, None)?;
        }
        Ok(())
    }

    /// A parked row whose void was lost is voided again before it can be retried, or both ids would be applied.
    fn repeat_voids(&mut self, cx: &mut Cx<'_, '_>, last: LedgerMark) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM actions WHERE account = ?1 AND position > ?2 AND state = 3 AND voided"
        );
        for mut row in cx.tx.all(&sql, params![self.account, last.position], Row::read)? {
            self.void_again(cx, &mut row, VoidReason::Skip)?;
        }
        Ok(())
    }

    fn void_again(&self, cx: &mut Cx<'_, '_>, row: &mut Row, reason: VoidReason) -> Result<(), StoreError> {
        row.mark_voiding(cx.tx, reason, None)?;
        row.forget_void(cx.tx)?;
        cx.effects.push_back(Effect::Changed { id: row.id });
        Ok(())
    }

    /// Which settled actions lay beyond. What was applied or refused there stays as it was told, and is marked as lost
    /// by the server.
    fn tell_lost(&self, cx: &mut Cx<'_, '_>, last: LedgerMark) -> Result<(), StoreError> {
        let lost: Vec<ActionId> = cx.tx.all(
            "SELECT id FROM actions WHERE account = ?1 AND state = 4 AND position > ?2 ORDER BY seq",
            params![self.account, last.position],
            |row| read_id(row, 0),
        )?;
        cx.tx.execute(
            "UPDATE actions SET rolled_back = 1, position = NULL, tag = NULL \
             WHERE account = ?1 AND state = 4 AND position > ?2 AND NOT voided",
            params![self.account, last.position],
        )?;
        if !lost.is_empty() {
            cx.effects.push_back(Effect::RolledBack { actions: lost });
        }
        Ok(())
    }
}

/// Keeps the newest places and, of the older ones, evenly many: one confirmed place near the cut is enough.
fn thin_out(places: Vec<(u64, [u8; 8])>) -> Vec<(u64, [u8; 8])> {
    if places.len() <= LEDGER_CURSORS_MAX {
        return places;
    }
    let newest = LEDGER_CURSORS_MAX / 2;
    let step = (places.len() - newest).div_ceil(LEDGER_CURSORS_MAX - newest);
    let (head, tail) = places.split_at(newest);
    head.iter().chain(tail.iter().step_by(step)).copied().collect()
}
