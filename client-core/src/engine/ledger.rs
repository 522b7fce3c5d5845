use keepline_protocol::{Epoch, LedgerCursor, LedgerMark, LedgerReady, Tag};
use rusqlite::params;

use super::{Cx, Engine};
use crate::{error::StoreError, outbox::Place, store::Tx};

impl Engine {
    pub(super) fn load_ledger(&mut self, tx: &Tx<'_>) -> Result<(), StoreError> {
        let sql = "SELECT epoch, position, tag FROM ledgers WHERE account = ?1";
        let found = tx.first(sql, [&self.account], |row| {
            Ok((row.get::<_, String>(0)?, row.get(1)?, row.get::<_, [u8; 8]>(2)?))
        })?;
        self.ledger = found.and_then(|(epoch, position, tag)| {
            Some(LedgerCursor { epoch: Epoch::new(epoch).ok()?, position, tag: Tag::from_bytes(tag) })
        });
        self.outbox.set_mark(self.mark());
        Ok(())
    }

    /// The ledger as the session gave it.
    pub(super) fn know_ledger(&mut self, cx: &Cx<'_, '_>, ready: &LedgerReady) -> Result<(), StoreError> {
        self.ledger =
            Some(LedgerCursor { epoch: ready.epoch.clone(), position: ready.position, tag: ready.tag });
        self.store_ledger(cx.tx)
    }

    /// An answer named its place: new submissions carry it as their mark.
    pub(super) fn note_place(&mut self, place: Place) {
        let Some(ledger) = self.ledger.as_mut().filter(|ledger| place.position > ledger.position) else {
            return;
        };
        ledger.position = place.position;
        ledger.tag = place.tag;
        self.ledger_moved = true;
        self.outbox.set_mark(self.mark());
    }

    pub(super) fn store_ledger(&mut self, tx: &Tx<'_>) -> Result<(), StoreError> {
        self.ledger_moved = false;
        self.outbox.set_mark(self.mark());
        let Some(ledger) = &self.ledger else { return Ok(()) };
        tx.execute(
            "INSERT INTO ledgers (account, epoch, position, tag) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (account) DO UPDATE SET epoch = excluded.epoch, position = excluded.position, \
             tag = excluded.tag",
            params![self.account, ledger.epoch.as_str(), ledger.position, ledger.tag.to_bytes()],
        )
        .map(drop)
    }

    fn mark(&self) -> LedgerMark {
        self.ledger.as_ref().map_or_else(LedgerMark::default, |ledger| LedgerMark {
            position: ledger.position,
            tag: ledger.tag,
        })
    }
}
