//! The client's decisions, without a clock, a socket or a random device.
//!
//! [`Engine`] composes three parts: the [`session`] (is there a line, and with whom), the
//! [`Outbox`](crate::outbox::Outbox) and the [`Inbox`](crate::inbox::Inbox). The driver feeds inputs in and carries
//! outputs out; a test does the same on virtual time.

#![deny(clippy::disallowed_methods)]

mod backlog;
mod backoff;
mod calls;
mod commands;
mod diagnostics;
mod effect;
mod greeting;
mod ledger;
mod options;
mod packets;
mod session;
#[cfg(test)]
mod tests;
mod timers;

use std::{
    collections::{HashMap, VecDeque},
    time::Instant,
};

use keepline_protocol::{LedgerCursor, Limits, MetaReader, Stream, Token, socket_io::Packet};

use self::{backlog::Backlog, calls::PendingCall, diagnostics::History, session::Session, timers::Timers};
pub(crate) use self::{
    backlog::packet_bytes,
    effect::{Arrival, Delivery, Effect, IncomingEvent, LinkEvent, TokenFailure},
    options::{Backoff, EngineOptions},
    timers::Timer,
};
pub use self::{effect::TokenReason, options::LanePolicy};
use crate::{
    clock::Now,
    command::Command,
    error::StoreError,
    inbox::Inbox,
    outbox::{Outbox, Outgoing},
    status::Status,
    store::Tx,
};

/// What every step works on: one moment, one transaction, and where outputs go.
pub(crate) struct Cx<'a, 'tx> {
    pub(crate) now: Now,
    pub(crate) tx: &'a Tx<'tx>,
    pub(crate) effects: &'a mut VecDeque<Effect>,
}

/// The state machine of one client.
///
/// The contract with its caller:
/// - One input (`handle_*`) or several, then `poll_transmit` while the socket has room, then `finish`, all in one
///   transaction. Then the commit. Only then the effects (`poll_effect`) are run and the packets written.
/// - Then, where `cursors_are_due`, `store_cursors` in a transaction of its own, which need not wait for the disk.
/// - After every transaction the caller asks `poll_timeout` and calls `handle_timeout` when that moment has come.
/// - After a failed transaction the engine is dropped and opened anew from disk: its memory may be ahead of it.
/// - Effects name channels to answer on; a dropped engine drops them, which the waiting side sees as a store failure.
#[derive(Debug)]
pub(crate) struct Engine {
    options: EngineOptions,
    /// Whom the rows belong to; empty until a session says so.
    account: String,
    /// A Keepline server was met: never again plain mode.
    keepline_seen: bool,
    session: Session,
    outbox: Outbox,
    inbox: Inbox,
    ledger: Option<LedgerCursor>,
    /// The ledger's place has moved and is not stored yet.
    ledger_moved: bool,
    /// The server's limits, as of the last session.
    limits: Option<Limits>,
    max_payload: Option<u64>,
    timers: Timers,
    effects: VecDeque<Effect>,
    backlog: Backlog,
    awaiting: HashMap<u64, Awaiting>,
    next_ack: u64,
    /// Counts links, so that an acknowledgement for an old one is not sent on a new one.
    connection: u64,
    /// The meta of the event that is read now, beside that of the one before.
    meta: MetaReader,
    rng: fastrand::Rng,
    history: History,
    last_status: Option<Status>,
    /// How many rows had been written when the status was counted last.
    counted_at: u64,
}

/// What an acknowledgement belongs to.
#[derive(Debug)]
enum Awaiting {
    Action { seq: i64, lane: String },
    Subscribe(Stream),
    Refresh,
    Check,
    Call(PendingCall),
}

impl Engine {
    /// Takes up where the database was left. Nothing is dialled before `Command::Connect`.
    pub(crate) fn open(now: Now, tx: &Tx<'_>, options: EngineOptions, seed: u64) -> Result<Self, StoreError> {
        let mut effects = VecDeque::new();
        let mut cx = Cx { now, tx, effects: &mut effects };
        let account = match &options.account {
            Some(account) => account.clone(),
            None => load_meta(tx, META_ACCOUNT)?.unwrap_or_default(),
        };
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut outbox = Outbox::open(&mut cx, &account, &options, rng.u64(..))?;
        if !account.is_empty() {
            outbox.claim(&mut cx, &account)?;
        }
        let inbox = Inbox::new(&account, &options, rng.u64(..));
        let mut engine = Self {
            options,
            account,
            keepline_seen: load_meta(tx, META_KEEPLINE)?.is_some(),
            session: Session::default(),
            outbox,
            inbox,
            ledger: None,
            ledger_moved: false,
            limits: None,
            max_payload: None,
            timers: Timers::default(),
            effects,
            backlog: Backlog::default(),
            awaiting: HashMap::new(),
            next_ack: 0,
            connection: 0,
            meta: MetaReader::default(),
            rng,
            history: History::default(),
            last_status: None,
            counted_at: 0,
        };
        engine.load_ledger(tx)?;
        engine.run(now, tx, |engine, cx| engine.outbox.prune(cx))?;
        Ok(engine)
    }

    /// Something the app asked for.
    pub(crate) fn handle_command(
        &mut self,
        now: Now,
        tx: &Tx<'_>,
        command: Command,
    ) -> Result<(), StoreError> {
        self.run(now, tx, |engine, cx| engine.command(cx, command))
    }

    /// Something that happened on the link.
    pub(crate) fn handle_link(&mut self, now: Now, tx: &Tx<'_>, event: LinkEvent) -> Result<(), StoreError> {
        self.run(now, tx, |engine, cx| engine.link(cx, event))
    }

    /// The answer to [`Effect::FetchToken`].
    pub(crate) fn handle_token(
        &mut self,
        now: Now,
        tx: &Tx<'_>,
        token: Result<Token, TokenFailure>,
    ) -> Result<(), StoreError> {
        self.run(now, tx, |engine, cx| engine.token(cx, token))
    }

    /// The moment that `poll_timeout` gave has come. Calling it early does nothing.
    pub(crate) fn handle_timeout(&mut self, now: Now, tx: &Tx<'_>) -> Result<(), StoreError> {
        self.run(now, tx, Self::timeout)
    }

    /// Writes what is kept back to be written in groups. To be called before the store is closed.
    pub(crate) fn handle_closing(&mut self, now: Now, tx: &Tx<'_>) -> Result<(), StoreError> {
        self.run(now, tx, |engine, cx| {
            let result = engine.inbox.store_cursors(cx);
            engine.hang_up(cx)?;
            result
        })
    }

    /// Ends the inputs of a transaction: writes and tells once what each of them may have changed.
    pub(crate) fn finish(&mut self, now: Now, tx: &Tx<'_>) -> Result<(), StoreError> {
        if self.ledger_moved {
            self.store_ledger(tx)?;
        }
        let mut effects = std::mem::take(&mut self.effects);
        let result = self.update_status(&mut Cx { now, tx, effects: &mut effects });
        self.effects = effects;
        result?;
        // A transaction that writes anyway takes them along.
        if tx.has_written() && self.cursors_are_due(now) { self.store_cursors(now, tx) } else { Ok(()) }
    }

    /// Whether there is a group of cursors to store that no transaction has taken along.
    pub(crate) fn cursors_are_due(&self, now: Now) -> bool {
        self.inbox.cursors_are_due(now.at)
    }

    /// Stores the cursors that have moved. Nobody has to wait until the disk has them: what a lost one leaves behind is
    /// events that come again.
    pub(crate) fn store_cursors(&mut self, now: Now, tx: &Tx<'_>) -> Result<(), StoreError> {
        let before = tx.rows_written();
        self.run(now, tx, |engine, cx| engine.inbox.store_cursors(cx))?;
        // They are no rows of the queue.
        self.counted_at += tx.rows_written() - before;
        Ok(())
    }

    /// The next thing to do, after the commit.
    pub(crate) fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// The next packet, to be written after the commit. Rows are marked as sent in this transaction.
    pub(crate) fn poll_transmit(&mut self, now: Now, tx: &Tx<'_>) -> Result<Option<Packet>, StoreError> {
        if let Some(packet) = self.backlog.pop() {
            return Ok(Some(packet));
        }
        if !self.session.may_send() {
            return Ok(None);
        }
        if let Some((stream, ask)) = self.inbox.next_ask(now.at) {
            return Ok(Some(self.ask_packet(stream, ask)));
        }
        let mut effects = std::mem::take(&mut self.effects);
        let limit = self.peer_limit();
        let outgoing = self.outbox.next_outgoing(&mut Cx { now, tx, effects: &mut effects }, limit);
        self.effects = effects;
        let Some(Outgoing { seq, lane, args, ack }) = outgoing? else { return Ok(None) };
        let id = ack.then(|| self.await_ack(Awaiting::Action { seq, lane }));
        Ok(Some(self.event_packet(id, args)))
    }

    /// When to call `handle_timeout`, and why.
    pub(crate) fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        let inbox = self.inbox.next_deadline().map(|at| (at, Timer::Inbox));
        let answer = self.inbox.answer_deadline().map(|at| (at, Timer::Answer));
        [self.timers.next(), self.outbox.next_deadline(), inbox, answer].into_iter().flatten().min()
    }

    /// Runs one input. Each state of the line is told; the counts are told once for all inputs, by `finish`.
    fn run(
        &mut self,
        now: Now,
        tx: &Tx<'_>,
        input: impl FnOnce(&mut Self, &mut Cx<'_, '_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        // The queue of effects is lent to the step, so that the parts of the engine can be borrowed beside it.
        let mut effects = std::mem::take(&mut self.effects);
        let mut cx = Cx { now, tx, effects: &mut effects };
        let result = input(self, &mut cx).and_then(|()| {
            self.outbox.tidy();
            let is_same_line =
                self.last_status.as_ref().is_some_and(|known| known.line == self.session.line());
            if is_same_line { Ok(()) } else { self.update_status(&mut cx) }
        });
        self.effects = effects;
        result
    }

    fn update_status(&mut self, cx: &mut Cx<'_, '_>) -> Result<(), StoreError> {
        let line = self.session.line();
        let known = self.last_status.as_ref();
        // What was not written to has the same totals as before.
        let rows_written = cx.tx.rows_written();
        if rows_written == self.counted_at && known.is_some_and(|known| known.line == line) {
            return Ok(());
        }
        self.counted_at = rows_written;
        let totals = self.outbox.totals(cx)?;
        let is_same = known.is_some_and(|known| {
            known.line == line && known.pending == totals.pending && known.parked == totals.parked
        });
        if is_same {
            return Ok(());
        }
        if known.is_none_or(|known| known.line != line) {
            self.history.note(cx.now, &line);
        }
        let oldest = if totals.pending > 0 { self.outbox.oldest_ticks_ms(cx)? } else { None };
        let oldest = oldest.map(|ticks| {
            std::time::Duration::from_millis(u64::try_from(cx.now.ticks_ms - ticks).unwrap_or(0))
        });
        let status = Status { line, pending: totals.pending, parked: totals.parked, oldest };
        self.last_status = Some(status.clone());
        cx.effects.push_back(Effect::Status(status));
        Ok(())
    }

    /// The largest payload that the peer takes.
    fn peer_limit(&self) -> u64 {
        let action = self.limits.as_ref().map_or(u64::MAX, |limits| limits.action_bytes);
        // A packet's name, meta and framing take less than this.
        let packet = self.max_payload.map_or(u64::MAX, |bytes| bytes.saturating_sub(PACKET_OVERHEAD_BYTES));
        action.min(packet)
    }
}

fn load_meta(tx: &Tx<'_>, key: &str) -> Result<Option<String>, StoreError> {
    tx.first("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
}

fn store_meta(tx: &Tx<'_>, key: &str, value: &str) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [key, value],
    )
    .map(drop)
}

const META_ACCOUNT: &str = "account";
const META_KEEPLINE: &str = "keepline";

/// Name (128), meta (about 250) and framing of the largest action, with room.
const PACKET_OVERHEAD_BYTES: u64 = 1_024;
