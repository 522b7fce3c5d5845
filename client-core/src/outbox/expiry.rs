use std::time::Duration;

use rusqlite::params;

use super::{
    Outbox,
    row::{RowKey, read_id},
};
use crate::{engine::Cx, error::StoreError, outcome::Outcome};

impl Outbox {
    /// Rows from before the device was started again get an age by the wall clock's difference, never negative;
    /// after this one clock counts for every row.
    ///
    /// Which clock counts is noted beside the rows: a long queue is gone through once after each start of the device,
    /// and not at each start of the app.
    pub(super) fn rebase_clocks(&self, cx: &mut Cx<'_, '_>) -> Result<(), StoreError> {
        let (now, boot) = (cx.now, cx.now.boot.to_string());
        let known: Option<String> =
            cx.tx.first("SELECT value FROM meta WHERE key = 'boot'", [], |row| row.get(0))?;
        if known.as_ref() == Some(&boot) {
            return Ok(());
        }
        cx.tx.execute(
            "UPDATE actions SET boot = ?1, \
             submitted_ticks_ms = ?2 - max(0, ?3 - submitted_wall_ms), \
             expires_ticks_ms = expires_ticks_ms - submitted_ticks_ms + ?2 - max(0, ?3 - submitted_wall_ms) \
             WHERE state < 4 AND boot <> ?1",
            params![now.boot, now.ticks_ms, now.wall_ms],
        )?;
        cx.tx
            .execute(
                "INSERT INTO meta (key, value) VALUES ('boot', ?1) \
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                [boot],
            )
            .map(drop)
    }

    /// Settles what was never sent and has outlived its time.
    pub(crate) fn expire(&mut self, cx: &mut Cx<'_, '_>) -> Result<(), StoreError> {
        loop {
            let rows = cx.tx.all(
                "SELECT seq, id, lane FROM actions WHERE state = 0 AND expires_ticks_ms <= ?1 \
                 ORDER BY expires_ticks_ms LIMIT ?2",
                params![cx.now.ticks_ms, EXPIRED_AT_ONCE],
                |row| Ok((row.get::<_, i64>(0)?, read_id(row, 1)?, row.get::<_, String>(2)?)),
            )?;
            if rows.is_empty() {
                return self.find_next_expiry(cx);
            }
            for (seq, id, lane) in rows {
                self.finish(cx, RowKey { seq, id }, Outcome::Expired, None)?;
                self.lane_changed(&lane, seq);
            }
        }
    }

    pub(super) fn find_next_expiry(&mut self, cx: &mut Cx<'_, '_>) -> Result<(), StoreError> {
        let first: Option<i64> = cx.tx.first(
            "SELECT expires_ticks_ms FROM actions WHERE state = 0 ORDER BY expires_ticks_ms LIMIT 1",
            [],
            |row| row.get(0),
        )?;
        self.next_expiry = first.map(|ticks| cx.now.at + until(ticks - cx.now.ticks_ms));
        Ok(())
    }

    pub(super) fn expires(&mut self, cx: &Cx<'_, '_>, ttl: Duration) {
        let at = cx.now.at + ttl;
        self.next_expiry = Some(self.next_expiry.map_or(at, |known| known.min(at)));
    }

    /// Forgets outcomes that the app has read, beyond a number and beyond an age; unread ones by age alone.
    pub(crate) fn prune(&self, cx: &mut Cx<'_, '_>) -> Result<(), StoreError> {
        let age_ms = i64::try_from(self.options.outcomes_age.as_millis()).unwrap_or(i64::MAX);
        cx.tx.execute(
            "DELETE FROM actions WHERE state = 4 AND settled_wall_ms < ?1",
            [cx.now.wall_ms.saturating_sub(age_ms)],
        )?;
        let taken = self.totals(cx)?.taken;
        let Some(excess) = taken.checked_sub(self.options.outcomes_kept).filter(|excess| *excess > 0) else {
            return Ok(());
        };
        cx.tx
            .execute(
                "DELETE FROM actions WHERE seq IN (SELECT seq FROM actions WHERE account = ?1 AND state = 4 AND taken \
                 ORDER BY settled_wall_ms LIMIT ?2)",
                params![self.account, excess],
            )
            .map(drop)
    }
}

fn until(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

/// A step that keeps the work between two looks at the rest small.
const EXPIRED_AT_ONCE: u32 = 256;
