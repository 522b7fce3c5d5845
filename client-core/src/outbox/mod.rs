//! The durable queue: what the app asked for, until its outcome is known.
//!
//! A row is written by `submit` and is durable when `submit` returns. Rows of a lane leave in order and up to a
//! window of them is under way at once. A row is committed as sent before it is handed to the line; from then on it
//! can end only by an answer of the server, never by a decision made here, because a copy of the frame may still be
//! on its way. What the server answers decides:
//!
//! - an answer with a place in the ledger is the outcome and settles the row;
//! - `OUT_OF_ORDER` and errors that may pass let the lane's window run empty; then it is sent again from its head;
//! - an error from outside the ledger is settled by asking the server to void the id first.
//!
//! The rules behind this are in `docs/protocol.md`; the model in `tests/model` shows why each is needed.

mod careful;
mod control;
mod entry;
mod expiry;
mod lane;
mod list;
mod rollback;
mod row;
mod send;
mod settle;
mod submit;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};

use keepline_protocol::LedgerMark;
use rusqlite::params;

pub use self::entry::{AckMode, ActionState, Filter, OutboxEntry};
pub(crate) use self::entry::{Body, NewAction};
use self::{careful::Careful, lane::Lane};
pub(crate) use self::{
    list::{Totals, list, totals},
    row::Place,
    send::Outgoing,
    settle::{Verdict, action_verdict},
};
use crate::{
    engine::{Cx, EngineOptions, LanePolicy, Timer},
    error::StoreError,
};

/// What the engine keeps of the queue in memory: the windows in flight. Everything else stays in SQLite.
#[derive(Debug)]
pub(crate) struct Outbox {
    account: String,
    options: EngineOptions,
    /// The ledger as known now: the mark of what is submitted now.
    mark: LedgerMark,
    /// Sorted, so that a simulation that is run twice does the same.
    lanes: BTreeMap<String, Lane>,
    /// Lanes that may have something to send, in turn.
    turn: VecDeque<String>,
    /// Rows in flight and in the lanes' pages; their sum is bounded by the total window.
    in_flight: usize,
    paged: usize,
    /// When rows were handed out, oldest first; answered ones are dropped lazily.
    sent: VecDeque<(Instant, i64, String)>,
    /// Rows in flight that are to be voided at once.
    urgent: VecDeque<i64>,
    /// Plain rows without acknowledgement, settled once the driver has written them.
    written: Vec<i64>,
    written_at: Option<Instant>,
    hold_until: Option<Instant>,
    next_expiry: Option<Instant>,
    careful: Careful,
    /// How many rows got their outcome in this process.
    settled: u64,
    /// No row before this one is pending: where the search for the oldest goes on.
    oldest_from: i64,
    rng: fastrand::Rng,
    plain: bool,
    online: bool,
}

impl Outbox {
    /// Takes up the queue of an account where it was left.
    pub(crate) fn open(
        cx: &mut Cx<'_, '_>,
        account: &str,
        options: &EngineOptions,
        seed: u64,
    ) -> Result<Self, StoreError> {
        let mut outbox = Self {
            account: account.to_owned(),
            options: options.clone(),
            mark: LedgerMark::default(),
            lanes: BTreeMap::new(),
            turn: VecDeque::new(),
            in_flight: 0,
            paged: 0,
            sent: VecDeque::new(),
            urgent: VecDeque::new(),
            written: Vec::new(),
            written_at: None,
            hold_until: None,
            next_expiry: None,
            careful: Careful::default(),
            settled: 0,
            oldest_from: 0,
            rng: fastrand::Rng::with_seed(seed),
            plain: false,
            online: false,
        };
        outbox.rebase_clocks(cx)?;
        outbox.reload(cx)?;
        Ok(outbox)
    }

    /// Begins anew with another account's rows.
    pub(crate) fn switch_account(&mut self, cx: &mut Cx<'_, '_>, account: &str) -> Result<(), StoreError> {
        account.clone_into(&mut self.account);
        self.mark = LedgerMark::default();
        self.lanes.clear();
        // Suspects of another account are never answered here, and would hold the window at one for ever.
        self.careful = Careful::default();
        self.reload(cx)
    }

    /// Gives the rows that were submitted before anybody was known to `account`.
    pub(crate) fn claim(&mut self, cx: &mut Cx<'_, '_>, account: &str) -> Result<(), StoreError> {
        let moved = cx.tx.execute("UPDATE actions SET account = ?1 WHERE account = ''", [account])?;
        if moved > 0 {
            cx.tx.execute(
                "INSERT INTO totals (account, pending, parked, taken, bytes) \
                 SELECT ?1, pending, parked, taken, bytes FROM totals WHERE account = '' \
                 ON CONFLICT (account) DO UPDATE SET pending = pending + excluded.pending, \
                 parked = parked + excluded.parked, taken = taken + excluded.taken, bytes = bytes + excluded.bytes",
                [account],
            )?;
            cx.tx.execute("DELETE FROM totals WHERE account = ''", [])?;
        }
        self.switch_account(cx, account)
    }

    /// Where the ledger stands now; new submissions carry it.
    pub(crate) fn set_mark(&mut self, mark: LedgerMark) {
        self.mark = mark;
    }

    /// The line is up: everything without an outcome goes out, from the head of each lane.
    pub(crate) fn line_up(&mut self, cx: &mut Cx<'_, '_>, plain: bool) -> Result<(), StoreError> {
        self.plain = plain;
        self.online = true;
        // The timer does not run while the device sleeps; what outlived its time meanwhile must not be sent.
        self.expire(cx)?;
        self.find_lanes(cx)
    }

    /// The line is gone: what was in flight will be sent again. `unexpected` losses are remembered, see [`Careful`].
    pub(crate) fn line_lost(&mut self, cx: &mut Cx<'_, '_>, unexpected: bool) -> Result<(), StoreError> {
        if unexpected {
            self.remember_loss(cx)?;
        }
        self.online = false;
        for lane in self.lanes.values_mut() {
            lane.rewind();
        }
        // The others are found in the table when the line is up again.
        let is_kept = |lane: &Lane| lane.resting_until().is_some();
        #[cfg(feature = "planted")]
        let is_kept =
            |lane: &Lane| is_kept(lane) || crate::planted::is(crate::planted::Planted::ForgetsInFlight);
        self.lanes.retain(|_, lane| is_kept(lane));
        self.turn.clear();
        self.sent.clear();
        self.urgent.clear();
        self.written.clear();
        self.written_at = None;
        self.hold_until = None;
        self.in_flight = 0;
        self.paged = 0;
        Ok(())
    }

    /// How many rows got their outcome in this process.
    pub(crate) fn settled(&self) -> u64 {
        self.settled
    }

    /// Whether something was sent and not answered.
    pub(crate) fn is_waiting_for_answers(&self) -> bool {
        self.in_flight > 0
    }

    /// Counts for the status.
    pub(crate) fn totals(&self, cx: &Cx<'_, '_>) -> Result<Totals, StoreError> {
        totals(cx.tx, &self.account)
    }

    /// When the oldest row without an outcome was submitted, in ticks.
    pub(crate) fn oldest_ticks_ms(&mut self, cx: &Cx<'_, '_>) -> Result<Option<i64>, StoreError> {
        // Rows before the last known oldest are settled for good, so the scan never goes over them again; a row that
        // is pending again (a retry, a void repeated) resets it.
        let oldest: Option<(i64, i64)> = cx.tx.first(
            "SELECT seq, submitted_ticks_ms FROM actions WHERE seq >= ?1 AND account = ?2 AND state < 3 \
             ORDER BY seq LIMIT 1",
            params![self.oldest_from, self.account],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        self.oldest_from = match oldest {
            Some((seq, _)) => seq,
            None => cx
                .tx
                .first("SELECT coalesce(max(seq), 0) + 1 FROM actions", [], |row| row.get(0))?
                .unwrap_or(0),
        };
        Ok(oldest.map(|(_, ticks)| ticks))
    }

    /// The next deadline of the queue's own.
    pub(crate) fn next_deadline(&self) -> Option<(Instant, Timer)> {
        let resting = self.lanes.values().filter_map(Lane::resting_until).min();
        let answer = self.sent.front().map(|(at, ..)| *at + self.options.answer_timeout);
        [
            (resting, Timer::LaneRetry),
            (self.hold_until, Timer::RateLimit),
            (answer, Timer::Answer),
            (self.next_expiry, Timer::Expiry),
            (self.written_at, Timer::Written),
        ]
        .into_iter()
        .filter_map(|(at, timer)| at.map(|at| (at, timer)))
        .min_by_key(|(at, _)| *at)
    }

    fn reload(&mut self, cx: &mut Cx<'_, '_>) -> Result<(), StoreError> {
        self.oldest_from = 0;
        self.find_next_expiry(cx)?;
        if self.online { self.find_lanes(cx) } else { Ok(()) }
    }

    /// Every lane with something in it, by one seek a lane.
    fn find_lanes(&mut self, cx: &mut Cx<'_, '_>) -> Result<(), StoreError> {
        let names: Vec<String> = cx.tx.all(
            "WITH RECURSIVE lanes (lane) AS ( \
                SELECT min(lane) FROM actions WHERE account = ?1 AND state < 4 \
                UNION ALL \
                SELECT (SELECT min(lane) FROM actions WHERE account = ?1 AND state < 4 AND lane > lanes.lane) \
                FROM lanes WHERE lanes.lane IS NOT NULL) \
             SELECT lane FROM lanes WHERE lane IS NOT NULL",
            [&self.account],
            |row| row.get(0),
        )?;
        for name in names {
            self.wake_lane(&name);
        }
        Ok(())
    }

    /// The lane has something new to look at. Without a line nobody looks: lanes are found when it is up.
    fn wake_lane(&mut self, name: &str) {
        if !self.online {
            return;
        }
        let policy = self.policy(name);
        let lane = self.lanes.entry(name.to_owned()).or_insert_with(|| Lane::new(policy));
        lane.more();
        if !lane.in_turn {
            lane.in_turn = true;
            self.turn.push_back(name.to_owned());
        }
    }

    /// Forgets lanes that were emptied while the socket took nothing, or their names would pile up in memory.
    fn drop_idle_lanes(&mut self, cx: &mut Cx<'_, '_>) -> Result<(), StoreError> {
        if self.lanes.len() <= LANES_IN_MEMORY_MAX {
            return Ok(());
        }
        self.lanes.retain(|_, lane| !lane.in_flight.is_empty() || lane.resting_until().is_some());
        self.turn.retain(|name| self.lanes.contains_key(name));
        self.paged = self.lanes.values().map(|lane| lane.page.len()).sum();
        // Those of them that have something in them are looked at again.
        self.find_lanes(cx)
    }

    #[cfg(test)]
    pub(crate) fn lanes_in_memory(&self) -> usize {
        self.lanes.len().max(self.turn.len())
    }

    fn policy(&self, lane: &str) -> LanePolicy {
        match self.options.lane_policies.get(lane) {
            Some(policy) => *policy,
            None if lane.is_empty() => self.options.default_lane_policy,
            None => LanePolicy::Block,
        }
    }
}

/// How many lanes are kept in memory before the idle ones are dropped: twice what may have something in them, so that
/// it happens after as many new lanes again.
const LANES_IN_MEMORY_MAX: usize = 2 * submit::LANES_MAX as usize;
