use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};

use keepline_protocol::ActionId;

use super::row::Row;
use crate::{engine::LanePolicy, outcome::Rejection};

/// A strict order of actions, and the part of it that is under way.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) policy: LanePolicy,
    pub(super) in_flight: BTreeMap<i64, InFlight>,
    /// Rows read ahead; they are committed as sent only when they are handed out.
    pub(super) page: VecDeque<Row>,
    /// The last row handed out on this connection.
    pub(super) cursor: i64,
    /// Nothing lies beyond the cursor, as far as is known.
    pub(super) exhausted: bool,
    pub(super) pace: Pace,
    /// The server's wish for this lane, until it is heeded when the window has run empty.
    pub(super) not_before: Option<Instant>,
    /// The head has failed before: it goes alone until it has its outcome.
    pub(super) one_at_a_time: bool,
    /// The first row that was answered with an error that may pass.
    pub(super) trouble: Option<Trouble>,
    /// How many windows in a row ended without an outcome.
    pub(super) fruitless: u32,
    /// Whether the lane stands in the outbox's turn.
    pub(super) in_turn: bool,
}

/// A row that was handed out on this connection and has no outcome.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) id: ActionId,
    /// When it was handed out last.
    pub(super) sent_at: Instant,
    /// How many answers are still to come: an action and its void may both be under way.
    pub(super) answers: u8,
}

/// Whether a lane sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    Flowing,
    /// The order was broken: nothing new until the window has run empty, then again from the head.
    Emptying,
    /// The head failed and is tried again then.
    Resting(Instant),
    /// The head is parked and the policy is to wait for the app.
    Blocked,
}

#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) seq: i64,
    pub(super) error: Option<Rejection>,
    /// Whether it counts as an attempt of the head; a broken order never does.
    pub(super) counts: bool,
}

impl Trouble {
    /// Of this row, without an error and without counting.
    pub(super) fn at(seq: i64) -> Self {
        Self { seq, error: None, counts: false }
    }
}

impl Lane {
    pub(super) fn new(policy: LanePolicy) -> Self {
        Self {
            policy,
            in_flight: BTreeMap::new(),
            page: VecDeque::new(),
            cursor: 0,
            exhausted: false,
            pace: Pace::Flowing,
            not_before: None,
            one_at_a_time: false,
            trouble: None,
            fruitless: 0,
            in_turn: false,
        }
    }

    /// Something was added behind the cursor.
    pub(super) fn more(&mut self) {
        self.exhausted = false;
    }

    /// Rows changed under the lane; `from` is the first of them. What was read ahead is read again.
    pub(super) fn changed(&mut self, from: i64) -> usize {
        let unread = self.page.len();
        self.page.clear();
        self.cursor = self.cursor.min(from - 1);
        self.exhausted = false;
        if self.pace == Pace::Blocked {
            self.pace = Pace::Flowing;
        }
        unread
    }

    /// Begins again from the head. A rest goes on: it belongs to the action, not to the line.
    pub(super) fn rewind(&mut self) {
        #[cfg(feature = "planted")]
        let cursor = self.cursor;
        self.in_flight.clear();
        self.page.clear();
        self.cursor = 0;
        #[cfg(feature = "planted")]
        if crate::planted::is(crate::planted::Planted::ForgetsInFlight) {
            self.cursor = cursor;
        }
        self.exhausted = false;
        self.trouble = None;
        self.in_turn = false;
        if !matches!(self.pace, Pace::Resting(_)) {
            // The wish outlives the line, as a rest does.
            self.pace = self.not_before.map_or(Pace::Flowing, Pace::Resting);
        }
        self.not_before = None;
    }

    /// Rests for as long as the server wishes, where the lane would go on earlier.
    pub(super) fn heed_wish(&mut self, now: Instant) {
        let wish = self.not_before.take().filter(|wish| *wish > now);
        if let Some(until) = wish.max(self.resting_until()) {
            self.pace = Pace::Resting(until);
        }
    }

    pub(super) fn resting_until(&self) -> Option<Instant> {
        if let Pace::Resting(until) = self.pace { Some(until) } else { None }
    }

    /// Keeps the error of the row nearest to the head; only the head's own will count.
    pub(super) fn note_trouble(&mut self, trouble: Trouble) {
        self.pace = Pace::Emptying;
        if self.trouble.as_ref().is_none_or(|known| trouble.seq < known.seq) {
            self.trouble = Some(trouble);
        }
    }

    /// The nearest predecessor in flight. Rows are handed out in order, so it is the nearest without an outcome.
    pub(super) fn predecessor(&self, seq: i64) -> Option<ActionId> {
        self.in_flight.range(..seq).next_back().map(|(_, entry)| entry.id)
    }
}
