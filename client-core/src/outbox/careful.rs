//! A poison action must not hold the line for ever.
//!
//! An action that makes the server (or a proxy before it) drop the connection is never answered, so it never counts
//! an attempt by an answer. When the line is lost three times in a row with the same unanswered heads, they are
//! sent one at a time, and a loss with one action in flight counts as that action's attempt.

use std::collections::BTreeSet;

use super::{Outbox, entry::ActionState, row::Row};
use crate::{engine::Cx, error::StoreError};

/// Which heads are suspected.
#[derive(Debug, Default)]
pub(super) struct Careful {
    heads: BTreeSet<i64>,
    losses: u32,
    suspects: BTreeSet<i64>,
}

impl Careful {
    pub(super) fn is_on(&self) -> bool {
        !self.suspects.is_empty()
    }

    /// The action was answered or is parked: it is no suspect.
    pub(super) fn cleared(&mut self, seq: i64) {
        self.suspects.remove(&seq);
        if self.heads.contains(&seq) {
            self.losses = 0;
        }
    }

    fn lost_with(&mut self, heads: BTreeSet<i64>) {
        self.losses = if heads == self.heads { self.losses + 1 } else { 1 };
        self.heads = heads;
        if self.losses >= LOSSES_SUSPICIOUS {
            self.suspects.extend(&self.heads);
        }
    }
}

impl Outbox {
    pub(super) fn remember_loss(&mut self, cx: &mut Cx<'_, '_>) -> Result<(), StoreError> {
        let heads: BTreeSet<i64> =
            self.lanes.values().filter_map(|lane| lane.in_flight.keys().next().copied()).collect();
        let Some(first) = heads.first().copied() else { return Ok(()) };
        if !self.careful.is_on() || self.in_flight != 1 {
            self.careful.lost_with(heads);
            return Ok(());
        }
        // One that got its outcome with this loss must not be parked after it.
        let row = Row::load(cx.tx, first)?
            .filter(|row| matches!(row.state, ActionState::Sent | ActionState::Voiding));
        if let Some(mut row) = row {
            row.count_attempt(cx.tx, None)?;
            if row.attempts >= self.options.attempts_max {
                self.give_up(cx, row)?;
            }
        }
        Ok(())
    }
}

/// Fewer would suspect the actions that a flaky network happens to catch.
const LOSSES_SUSPICIOUS: u32 = 3;
