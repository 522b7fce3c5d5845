//! The table `cursors`: up to where the app has taken each stream.

use keepline_protocol::{Epoch, Stream, Tag};
use rusqlite::{params, types::Type};

use super::{Inbox, Place};
use crate::{engine::Cx, error::StoreError, store::Tx};

pub(super) fn load(tx: &Tx<'_>, account: &str, stream: &Stream) -> Result<Option<Place>, StoreError> {
    tx.first(
        "SELECT epoch, offset, tag FROM cursors WHERE account = ?1 AND stream = ?2",
        params![account, stream.to_string()],
        |row| {
            let epoch = Epoch::new(row.get::<_, String>(0)?)
                .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, error.into()))?;
            let tag = row.get::<_, Option<[u8; 8]>>(2)?.map(Tag::from_bytes);
            Ok(Place { epoch: Some(epoch), offset: row.get(1)?, tag })
        },
    )
}

pub(super) fn store(tx: &Tx<'_>, account: &str, stream: &Stream, place: &Place) -> Result<(), StoreError> {
    let Some(epoch) = &place.epoch else { return Ok(()) };
    tx.execute(
        "INSERT INTO cursors (account, stream, epoch, offset, tag) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (account, stream) DO UPDATE SET epoch = excluded.epoch, offset = excluded.offset, \
         tag = excluded.tag",
        params![account, stream.to_string(), epoch.as_str(), place.offset, place.tag.map(Tag::to_bytes)],
    )
    .map(drop)
}

pub(super) fn remove(tx: &Tx<'_>, account: &str, stream: &Stream) -> Result<(), StoreError> {
    tx.execute("DELETE FROM cursors WHERE account = ?1 AND stream = ?2", params![account, stream.to_string()])
        .map(drop)
}

/// Removes every cursor of an account, as `sign_out(Discard)` asks.
pub(crate) fn forget_cursors(tx: &Tx<'_>, account: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM cursors WHERE account = ?1", [account]).map(drop)
}

impl Inbox {
    /// Writes every cursor that has moved.
    pub(crate) fn store_cursors(&mut self, cx: &mut Cx<'_, '_>) -> Result<(), StoreError> {
        self.flush_at = None;
        for (stream, feed) in &mut self.feeds {
            if let Some(place) = feed.unstored() {
                store(cx.tx, &self.account, stream, &place)?;
            }
        }
        Ok(())
    }
}
