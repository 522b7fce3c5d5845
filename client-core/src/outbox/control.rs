//! What the app may do to a row after `submit`.

use keepline_protocol::ActionId;
use rusqlite::params;

use super::{
    Outbox,
    entry::ActionState,
    row::{Place, Row, VoidReason, read_id, read_outcome},
};
use crate::{
    engine::{Cx, Effect},
    error::{ControlError, StoreError},
    outcome::Outcome,
    store::Tx,
};

impl Outbox {
    /// Never sent: cancelled here, for certain. Sent: the server is asked for a void, and the outcome tells.
    pub(crate) fn cancel(
        &mut self,
        cx: &mut Cx<'_, '_>,
        id: ActionId,
    ) -> Result<Result<(), ControlError>, StoreError> {
        let Some(mut row) = Row::find(cx.tx, id)? else { return Ok(Err(ControlError::NotFound)) };
        match row.state {
            ActionState::Settled => return Ok(Err(ControlError::Settled)),
            ActionState::Parked => return self.discard(cx, id),
            ActionState::Queued => self.finish(cx, row.key(), Outcome::Cancelled, None)?,
            #[cfg(feature = "planted")]
            ActionState::Sent if crate::planted::is(crate::planted::Planted::VoidLocally) => {
                self.finish(cx, row.key(), Outcome::Cancelled, None)?;
            }
            ActionState::Sent | ActionState::Voiding => {
                let was_voiding = row.state == ActionState::Voiding;
                row.mark_voiding(cx.tx, VoidReason::Cancel, None)?;
                cx.effects.push_back(Effect::Changed { id: row.id });
                let is_in_flight =
                    self.lanes.get(&row.lane).is_some_and(|lane| lane.in_flight.contains_key(&row.seq));
                if is_in_flight && !self.plain {
                    // The void of an earlier cancel is on its way: another would be one more answer to count.
                    if !was_voiding {
                        self.urgent.push_back(row.seq);
                    }
                    return Ok(Ok(()));
                }
            }
        }
        self.lane_changed(&row.lane, row.seq);
        Ok(Ok(()))
    }

    /// Gives a parked action up.
    pub(crate) fn discard(
        &mut self,
        cx: &mut Cx<'_, '_>,
        id: ActionId,
    ) -> Result<Result<(), ControlError>, StoreError> {
        let mut row = match find_parked(cx.tx, id)? {
            Ok(row) => row,
            Err(error) => return Ok(Err(error)),
        };
        if let (true, Some(position)) = (row.voided, row.position) {
            let place = Place { position, tag: row.tag.unwrap_or_default() };
            self.finish(cx, row.key(), Outcome::Cancelled, Some(place))?;
        } else {
            row.mark_voiding(cx.tx, VoidReason::Cancel, None)?;
            cx.effects.push_back(Effect::Changed { id: row.id });
        }
        self.lane_changed(&row.lane, row.seq);
        Ok(Ok(()))
    }

    /// Sends a parked action again; where the ledger holds a void for it, under the id that every copy would take.
    pub(crate) fn retry(
        &mut self,
        cx: &mut Cx<'_, '_>,
        id: ActionId,
    ) -> Result<Result<ActionId, ControlError>, StoreError> {
        let mut row = match find_parked(cx.tx, id)? {
            Ok(row) => row,
            Err(error) => return Ok(Err(error)),
        };
        let old = row.id;
        row.mark_retried(cx.tx)?;
        if row.id != old {
            cx.effects.push_back(Effect::Renamed { old, new: row.id });
        }
        cx.effects.push_back(Effect::Changed { id: row.id });
        self.lane_changed(&row.lane, row.seq);
        Ok(Ok(row.id))
    }

    /// The outcome, where there is one; the row then counts as taken and may be pruned by number.
    pub(crate) fn take_outcome(
        &mut self,
        cx: &mut Cx<'_, '_>,
        id: ActionId,
    ) -> Result<Result<Option<Outcome>, ControlError>, StoreError> {
        let Some(row) = Row::find(cx.tx, id)? else { return Ok(Err(ControlError::NotFound)) };
        let outcome = read_outcome(cx.tx, row.seq)?;
        if outcome.is_some() {
            cx.tx.execute("UPDATE actions SET taken = 1 WHERE seq = ?1 AND taken = 0", [row.seq])?;
            self.prune(cx)?;
        }
        Ok(Ok(outcome))
    }

    /// Removes every row of the account, as `sign_out(Discard)` asks; whoever waits is told.
    pub(crate) fn discard_all(&mut self, cx: &mut Cx<'_, '_>) -> Result<(), StoreError> {
        let unsettled = cx.tx.all(
            "SELECT id, state FROM actions WHERE account = ?1 AND state < 4",
            [&self.account],
            |row| Ok((read_id(row, 0)?, row.get::<_, i64>(1)?)),
        )?;
        for (id, state) in unsettled {
            let outcome = if state == 0 { Outcome::Cancelled } else { Outcome::Indeterminate };
            cx.effects.push_back(Effect::Settle { id, outcome });
        }
        cx.tx.execute("DELETE FROM actions WHERE account = ?1", params![self.account])?;
        self.lanes.clear();
        self.turn.clear();
        self.reload(cx)
    }

    /// Rows of a lane changed from `seq` on: what was read ahead is void, and the lane may have work again.
    pub(super) fn lane_changed(&mut self, name: &str, seq: i64) {
        if let Some(lane) = self.lanes.get_mut(name) {
            self.paged -= lane.changed(seq);
        }
        self.oldest_from = self.oldest_from.min(seq);
        self.wake_lane(name);
    }
}

fn find_parked(tx: &Tx<'_>, id: ActionId) -> Result<Result<Row, ControlError>, StoreError> {
    let Some(row) = Row::find(tx, id)? else { return Ok(Err(ControlError::NotFound)) };
    Ok(match row.state {
        ActionState::Parked => Ok(row),
        ActionState::Settled => Err(ControlError::Settled),
        _ => Err(ControlError::NotParked),
    })
}
