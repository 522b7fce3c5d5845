//! What an answer makes of a row.

use std::time::Duration;

use bytes::Bytes;
use keepline_protocol::{ActionAck, ActionId, ErrorBody, ErrorCode, Payload};

use super::{
    Outbox,
    entry::ActionState,
    lane::{Lane, Pace, Trouble},
    row::{Place, Row, RowKey, VoidReason, store_outcome},
};
use crate::{
    engine::{Cx, Effect, LanePolicy},
    error::StoreError,
    limits::RETRY_WISH_MAX,
    outcome::{Outcome, Rejection, Reply},
};

/// What an answer says, whatever kind of server gave it.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Done; a plain server gives no place.
    Applied { payload: Option<Payload>, attachments: Vec<Bytes>, place: Option<Place> },
    /// Refused for good, stored in the ledger.
    Refused { rejection: Rejection, place: Place },
    /// The ledger holds a void for this id.
    Voided { place: Place },
    /// The ledger has forgotten.
    Indeterminate,
    /// The id was used with another payload: this one was never applied and never will be.
    Conflict { rejection: Rejection },
    /// A predecessor is missing in the ledger.
    OutOfOrder,
    /// An error that may pass. A wish when to come back is about this action, whatever stands behind it on the server,
    /// and not about the server as a whole: that speaks by a rate limit, by draining, or when a client connects.
    Passing { rejection: Rejection, retry_after: Option<Duration> },
    /// Too fast: nothing is sent until then.
    Limited { retry_after: Duration },
    /// Refused from outside the ledger.
    Unstored { rejection: Rejection },
}

/// Reads a Keepline server's acknowledgement. "An answer with a position is an outcome; one without is not."
pub(crate) fn action_verdict(ack: ActionAck) -> Verdict {
    let place = ack.position.map(|position| Place { position, tag: ack.tag.unwrap_or_default() });
    if ack.ok {
        return match place {
            Some(_) => Verdict::Applied { payload: ack.reply, attachments: Vec::new(), place },
            // A success that the ledger does not hold proves nothing when it comes again.
            None => passing(ErrorBody::new(ErrorCode::Internal, "an acknowledgement without a position")),
        };
    }
    let error = ack.error.unwrap_or_else(|| ErrorBody::new(ErrorCode::Internal, ""));
    match (place, &error.code) {
        (Some(place), ErrorCode::Void) => Verdict::Voided { place },
        (Some(place), _) => Verdict::Refused { rejection: rejection(error), place },
        (None, ErrorCode::Indeterminate) => Verdict::Indeterminate,
        (None, ErrorCode::IdConflict) => Verdict::Conflict { rejection: rejection(error) },
        (None, ErrorCode::OutOfOrder) => Verdict::OutOfOrder,
        (None, ErrorCode::RateLimited) => Verdict::Limited {
            retry_after: error.retry_after_ms.map_or(RATE_LIMIT_REST, Duration::from_millis),
        },
        (None, _) if error.retryable => passing(error),
        (None, _) => Verdict::Unstored { rejection: rejection(error) },
    }
}

fn passing(error: ErrorBody) -> Verdict {
    let retry_after = error.retry_after_ms.map(Duration::from_millis);
    Verdict::Passing { rejection: rejection(error), retry_after }
}

fn rejection(error: ErrorBody) -> Rejection {
    Rejection { code: error.code, text: error.message }
}

impl Outbox {
    /// Takes the answer to a row that was handed out on this connection. Late and repeated answers change nothing.
    pub(crate) fn answered(
        &mut self,
        cx: &mut Cx<'_, '_>,
        seq: i64,
        lane: &str,
        verdict: Verdict,
    ) -> Result<(), StoreError> {
        let Some(id) = self.leave(seq, lane, !verdict.is_outcome()) else { return Ok(()) };
        match verdict {
            Verdict::Applied { payload, attachments, place } => {
                self.finish(
                    cx,
                    RowKey { seq, id },
                    Outcome::Accepted(Reply { payload, attachments }),
                    place,
                )?;
            }
            Verdict::Refused { rejection, place } => {
                self.finish(cx, RowKey { seq, id }, Outcome::Rejected(rejection), Some(place))?;
            }
            Verdict::Voided { place } => self.voided(cx, seq, place)?,
            Verdict::Indeterminate => self.finish(cx, RowKey { seq, id }, Outcome::Indeterminate, None)?,
            Verdict::Conflict { rejection } => {
                self.finish(cx, RowKey { seq, id }, Outcome::Rejected(rejection), None)?
            }
            Verdict::OutOfOrder => self.trouble(lane, Trouble::at(seq)),
            Verdict::Passing { rejection, retry_after } => {
                self.trouble(lane, Trouble { error: Some(rejection), counts: true, ..Trouble::at(seq) });
                self.rest_lane(cx, lane, retry_after);
            }
            Verdict::Limited { retry_after } => {
                self.trouble(lane, Trouble::at(seq));
                self.hold(cx, retry_after);
            }
            Verdict::Unstored { rejection } => self.void_unstored(cx, seq, lane, rejection)?,
        }
        self.lane_answered(cx, lane)
    }

    /// Stores the outcome and tells.
    pub(super) fn finish(
        &mut self,
        cx: &mut Cx<'_, '_>,
        key: RowKey,
        outcome: Outcome,
        place: Option<Place>,
    ) -> Result<(), StoreError> {
        let RowKey { seq, id } = key;
        store_outcome(cx.tx, seq, cx.now.wall_ms, &outcome, place)?;
        self.careful.cleared(seq);
        self.settled += 1;
        cx.effects.push_back(Effect::Settle { id, outcome });
        Ok(())
    }

    /// A head that cannot be delivered: its lane waits for the app, or goes on once the server holds a void.
    pub(super) fn give_up(&mut self, cx: &mut Cx<'_, '_>, mut row: Row) -> Result<(), StoreError> {
        self.careful.cleared(row.seq);
        match self.policy(&row.lane) {
            LanePolicy::Block if row.state != ActionState::Voiding => row.mark_parked(cx.tx, None)?,
            LanePolicy::Block => {
                // A void that cannot be delivered is tried again for ever: it is the app's decision already.
                return Ok(());
            }
            LanePolicy::Skip => row.mark_voiding(cx.tx, row.void_reason.unwrap_or(VoidReason::Skip), None)?,
        }
        cx.effects.push_back(Effect::Changed { id: row.id });
        Ok(())
    }

    /// Takes the row out of the window; `None` where it is not in it (any more).
    fn leave(&mut self, seq: i64, lane: &str, keep_for_void: bool) -> Option<ActionId> {
        let lane = self.lanes.get_mut(lane)?;
        let entry = lane.in_flight.get_mut(&seq)?;
        entry.answers -= 1;
        let id = entry.id;
        if !keep_for_void {
            lane.fruitless = 0;
        }
        if keep_for_void && entry.answers > 0 {
            // Its void is still under way and will be answered.
            return None;
        }
        lane.in_flight.remove(&seq);
        self.in_flight -= 1;
        Some(id)
    }

    fn voided(&mut self, cx: &mut Cx<'_, '_>, seq: i64, place: Place) -> Result<(), StoreError> {
        let Some(mut row) = Row::load(cx.tx, seq)? else { return Ok(()) };
        match (row.state, row.void_reason) {
            (ActionState::Voiding, Some(VoidReason::Cancel)) => {
                row.note_void(cx.tx)?;
                self.finish(cx, row.key(), Outcome::Cancelled, Some(place))
            }
            (ActionState::Voiding, Some(VoidReason::Settle)) => {
                row.note_void(cx.tx)?;
                let error =
                    row.error.unwrap_or(Rejection { code: ErrorCode::BadRequest, text: String::new() });
                self.finish(cx, RowKey { seq, id: row.id }, Outcome::Rejected(error), Some(place))
            }
            // Skipped here, or voided by a copy of this database.
            _ => {
                row.mark_parked(cx.tx, Some(place))?;
                self.careful.cleared(seq);
                cx.effects.push_back(Effect::Changed { id: row.id });
                Ok(())
            }
        }
    }

    fn void_unstored(
        &mut self,
        cx: &mut Cx<'_, '_>,
        seq: i64,
        lane: &str,
        rejection: Rejection,
    ) -> Result<(), StoreError> {
        let Some(mut row) = Row::load(cx.tx, seq)? else { return Ok(()) };
        if row.state == ActionState::Voiding {
            // Even the void was refused: as an error that may pass, or the row would never end.
            self.trouble(lane, Trouble { error: Some(rejection), counts: true, ..Trouble::at(seq) });
            return Ok(());
        }
        row.mark_voiding(cx.tx, VoidReason::Settle, Some(&rejection))?;
        cx.effects.push_back(Effect::Changed { id: row.id });
        self.trouble(lane, Trouble::at(seq));
        Ok(())
    }

    fn trouble(&mut self, lane: &str, trouble: Trouble) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            self.paged -= lane.page.len();
            lane.page.clear();
            lane.note_trouble(trouble);
        }
    }

    /// Nothing is sent until then, in any lane.
    fn hold(&mut self, cx: &Cx<'_, '_>, rest: Duration) {
        let until = cx.now.at + rest.min(RETRY_WISH_MAX);
        self.hold_until = self.hold_until.max(Some(until));
    }

    /// The lane begins again no earlier than this, once its window has run empty.
    fn rest_lane(&mut self, cx: &Cx<'_, '_>, lane: &str, wish: Option<Duration>) {
        if let (Some(lane), Some(wish)) = (self.lanes.get_mut(lane), wish) {
            lane.not_before = lane.not_before.max(Some(cx.now.at + wish.min(RETRY_WISH_MAX)));
        }
    }

    /// A lane whose window has run empty after trouble begins again at its head, after the head's rest.
    fn lane_answered(&mut self, cx: &mut Cx<'_, '_>, name: &str) -> Result<(), StoreError> {
        let Some(lane) = self.lanes.get_mut(name) else { return Ok(()) };
        if lane.pace == Pace::Emptying && lane.in_flight.is_empty() {
            let trouble = lane.trouble.take();
            restart(lane);
            lane.fruitless += 1;
            if lane.fruitless > FRUITLESS_MAX {
                // Nothing was settled for several windows: going on at once would be a loop.
                let rest = self.options.retry.delay(lane.fruitless - FRUITLESS_MAX, &mut self.rng);
                lane.pace = Pace::Resting(cx.now.at + rest);
            }
            if let Some(trouble) = trouble.filter(|trouble| trouble.counts) {
                self.count_head(cx, name, trouble)?;
            }
            if let Some(lane) = self.lanes.get_mut(name) {
                lane.heed_wish(cx.now.at);
            }
        } else if lane.pace == Pace::Flowing && lane.in_flight.is_empty() {
            lane.one_at_a_time = false;
        }
        self.wake_lane(name);
        Ok(())
    }

    /// Only the head counts attempts.
    fn count_head(&mut self, cx: &mut Cx<'_, '_>, name: &str, trouble: Trouble) -> Result<(), StoreError> {
        let head = Row::head(cx.tx, &self.account, name)?;
        let Some(mut head) = head.filter(|head| head.seq == trouble.seq) else { return Ok(()) };
        head.count_attempt(cx.tx, trouble.error.as_ref())?;
        cx.effects.push_back(Effect::Changed { id: head.id });
        if head.attempts >= self.options.attempts_max && head.state != ActionState::Voiding {
            return self.give_up(cx, head);
        }
        let rest = self.options.retry.delay(head.attempts - 1, &mut self.rng);
        if let Some(lane) = self.lanes.get_mut(name) {
            lane.pace = Pace::Resting(cx.now.at + rest);
            lane.one_at_a_time = true;
        }
        Ok(())
    }
}

fn restart(lane: &mut Lane) {
    lane.cursor = 0;
    lane.exhausted = false;
    lane.pace = Pace::Flowing;
}

impl Verdict {
    fn is_outcome(&self) -> bool {
        matches!(
            self,
            Self::Applied { .. }
                | Self::Refused { .. }
                | Self::Voided { .. }
                | Self::Indeterminate
                | Self::Conflict { .. }
        )
    }
}

/// How many windows may end without an outcome before the lane rests.
const FRUITLESS_MAX: u32 = 3;

/// Where a server limits and does not say for how long.
const RATE_LIMIT_REST: Duration = Duration::from_secs(1);
