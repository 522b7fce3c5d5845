use std::time::Duration;

use bytes::Bytes;
use keepline_protocol::ActionId;
use rusqlite::params;

use super::{
    Outbox,
    entry::{AckMode, Body, NewAction},
    list::unsettled,
    row::{RowKey, insert_attachments, read_attachments, read_id},
};
use crate::{
    engine::{Cx, Effect},
    error::{StoreError, SubmitError},
    outcome::Outcome,
};

impl Outbox {
    /// Writes the action. What fails here fails alone: other submits of the same commit are not touched.
    ///
    /// # Errors
    /// The outer error where the whole transaction is lost.
    pub(crate) fn submit(
        &mut self,
        cx: &mut Cx<'_, '_>,
        action: &NewAction,
        server_limit: Option<u64>,
    ) -> Result<Result<ActionId, SubmitError>, StoreError> {
        // The handle has checked everything else; the server's limit is known here only.
        let (bytes, limit) = (action.body.bytes(), self.options.action_bytes_max);
        let limit = server_limit.map_or(limit, |server| server.min(limit));
        if bytes > limit {
            return Ok(Err(SubmitError::TooLarge { bytes, limit }));
        }
        let (tx, told) = (cx.tx, cx.effects.len());
        let written = tx.savepoint(|| self.write(cx, action))?;
        if written.is_err() {
            // What it would have replaced was not.
            cx.effects.truncate(told);
        }
        if matches!(written, Err(SubmitError::Store)) {
            // Not this action's fault: the database is opened again, as after any failure.
            return Err(StoreError::Io);
        }
        if let Ok(Written::New) = written {
            let lane = action.lane.as_deref().unwrap_or_default();
            self.expires(cx, self.ttl(action));
            self.wake_lane(lane);
            self.drop_idle_lanes(cx)?;
            cx.effects.push_back(Effect::Changed { id: action.id });
        }
        Ok(written.map(|_| action.id))
    }

    fn write(&mut self, cx: &mut Cx<'_, '_>, action: &NewAction) -> Result<Written, WriteError> {
        if let Some(known) = self.find_same(cx, action)? {
            return known;
        }
        if let Some(key) = &action.coalesce {
            self.replace_queued(cx, action.lane.as_deref().unwrap_or_default(), key)?;
        }
        self.check_room(cx, action)?;
        self.insert(cx, action)?;
        Ok(Written::New)
    }

    /// The same id with the same content is the app's own retry; with another content it is a mistake. The content is
    /// what is sent: name, kind, payload and attachments.
    fn find_same(
        &self,
        cx: &Cx<'_, '_>,
        action: &NewAction,
    ) -> Result<Option<Result<Written, WriteError>>, WriteError> {
        let known: Option<(i64, bool)> = cx.tx.first(
            "SELECT seq, name = ?2 AND payload = ?3 AND account = ?4 AND kind = ?5 FROM actions \
             WHERE id = ?1 OR origin = ?1",
            params![
                action.id.uuid().as_bytes(),
                action.name,
                action.body.text(),
                self.account,
                action.body.is_raw()
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let Some((seq, is_same)) = known else { return Ok(None) };
        let is_same = is_same && read_attachments(cx.tx, seq, false)? == action.body.attachments();
        Ok(Some(if is_same { Ok(Written::Known) } else { Err(SubmitError::IdConflict) }))
    }

    /// Only rows that were never sent can be replaced.
    fn replace_queued(&mut self, cx: &mut Cx<'_, '_>, lane: &str, key: &str) -> Result<(), StoreError> {
        let replaced = cx.tx.all(
            "SELECT seq, id FROM actions WHERE account = ?1 AND lane = ?2 AND coalesce_key = ?3 AND state = 0",
            params![self.account, lane, key],
            |row| Ok((row.get::<_, i64>(0)?, read_id(row, 1)?)),
        )?;
        for (seq, id) in replaced {
            self.finish(cx, RowKey { seq, id }, Outcome::Cancelled, None)?;
            self.lane_changed(lane, seq);
        }
        Ok(())
    }

    fn check_room(&self, cx: &Cx<'_, '_>, action: &NewAction) -> Result<(), WriteError> {
        let totals = self.totals(cx)?;
        let is_full = totals.pending + totals.parked >= self.options.capacity_rows
            || totals.bytes + action.body.bytes() > self.options.capacity_bytes
            || !cx.tx.has_room_to_submit(action.body.bytes(), unsettled(cx.tx)?)?;
        if is_full {
            return Err(SubmitError::QueueFull);
        }
        match &action.lane {
            Some(lane) => self.check_lanes(cx, lane),
            None => Ok(()),
        }
    }

    /// The table knows which lanes have something in them; what is in memory says nothing about that.
    fn check_lanes(&self, cx: &Cx<'_, '_>, lane: &str) -> Result<(), WriteError> {
        let known = cx.tx.first(
            "SELECT 1 FROM actions WHERE account = ?1 AND lane = ?2 AND state < 4 LIMIT 1",
            params![self.account, lane],
            |_| Ok(()),
        )?;
        if known.is_some() {
            return Ok(());
        }
        let lanes: u64 = cx
            .tx
            .first(
                "WITH RECURSIVE lanes (lane) AS ( \
                    SELECT min(lane) FROM actions WHERE account = ?1 AND state < 4 AND lane > '' \
                    UNION ALL \
                    SELECT (SELECT min(lane) FROM actions WHERE account = ?1 AND state < 4 AND lane > lanes.lane) \
                    FROM lanes WHERE lanes.lane IS NOT NULL) \
                 SELECT count(*) FROM lanes WHERE lane IS NOT NULL AND lane <> ?2",
                params![self.account, lane],
                |row| row.get(0),
            )?
            .unwrap_or_default();
        if lanes >= LANES_MAX { Err(SubmitError::TooManyLanes) } else { Ok(()) }
    }

    fn insert(&self, cx: &mut Cx<'_, '_>, action: &NewAction) -> Result<(), StoreError> {
        let ttl_ms = i64::try_from(self.ttl(action).as_millis()).unwrap_or(i64::MAX);
        let inserted = cx.tx.first(
            "INSERT INTO actions (id, account, lane, name, kind, payload, label, coalesce_key, ack, \
             submitted_wall_ms, submitted_ticks_ms, boot, expires_ticks_ms, mark_position, mark_tag, state) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, 0) RETURNING seq",
            params![
                action.id.uuid().as_bytes(),
                self.account,
                action.lane.as_deref().unwrap_or_default(),
                action.name,
                action.body.is_raw(),
                action.body.text(),
                action.label,
                action.coalesce,
                action.ack == AckMode::None,
                cx.now.wall_ms,
                cx.now.ticks_ms,
                cx.now.boot,
                cx.now.ticks_ms.saturating_add(ttl_ms),
                self.mark.position,
                self.mark.tag.to_bytes()
            ],
            |row| row.get::<_, i64>(0),
        )?;
        match inserted {
            Some(seq) => insert_attachments(cx.tx, seq, false, action.body.attachments()),
            None => Ok(()),
        }
    }

    fn ttl(&self, action: &NewAction) -> Duration {
        action.ttl.unwrap_or(self.options.ttl)
    }
}

impl Body {
    /// The JSON text as it is stored and sent.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Payload(payload) | Self::Raw { args: payload, .. } => payload.as_str(),
        }
    }

    /// What counts against the limits: JSON and attachments.
    pub(crate) fn bytes(&self) -> u64 {
        let attachments: usize = self.attachments().iter().map(Bytes::len).sum();
        (self.text().len() + attachments) as u64
    }

    fn is_raw(&self) -> bool {
        matches!(self, Self::Raw { .. })
    }

    fn attachments(&self) -> &[Bytes] {
        match self {
            Self::Payload(_) => &[],
            Self::Raw { attachments, .. } => attachments,
        }
    }
}

#[derive(Debug)]
enum Written {
    New,
    Known,
}

/// A refusal, or a store that cannot write; the latter is the submit's own failure where only this part is undone.
type WriteError = SubmitError;

impl From<StoreError> for SubmitError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::DiskFull,
            _ => Self::Store,
        }
    }
}

/// How many named lanes may have something in them: each costs a seek at every connect.
pub(super) const LANES_MAX: u64 = 1_000;
