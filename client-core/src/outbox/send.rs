//! Handing rows out: which, in what order, and that each is committed as sent first.

use keepline_protocol::{ActionId, ActionMeta, ErrorCode, VoidRequest, names, socket_io::Args};
use rusqlite::params;

use super::{
    Outbox,
    entry::{AckMode, ActionState, Body},
    lane::{InFlight, Lane, Pace},
    row::{Row, VoidReason},
};
use crate::{
    engine::{Cx, LanePolicy},
    error::StoreError,
    outcome::{Outcome, Rejection},
};

/// A row on its way to the line.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) seq: i64,
    pub(crate) lane: String,
    pub(crate) args: Args,
    /// Whether an acknowledgement is to be asked for.
    pub(crate) ack: bool,
}

impl Outbox {
    /// The next row to send, marked as sent in this transaction. `peer_limit` is the largest payload the peer takes.
    pub(crate) fn next_outgoing(
        &mut self,
        cx: &mut Cx<'_, '_>,
        peer_limit: u64,
    ) -> Result<Option<Outgoing>, StoreError> {
        if !self.online || self.hold_until.is_some() {
            return Ok(None);
        }
        if let Some(outgoing) = self.next_urgent(cx)? {
            return Ok(Some(outgoing));
        }
        while self.in_flight < self.window() {
            let Some(name) = self.turn.pop_front() else { return Ok(None) };
            let Some(mut lane) = self.lanes.remove(&name) else { continue };
            let result = self.next_in_lane(cx, &name, &mut lane, peer_limit);
            self.put_back(name, lane, matches!(result, Ok(Some(_))));
            if let Some(outgoing) = result? {
                return Ok(Some(outgoing));
            }
        }
        Ok(None)
    }

    /// The time of a rest or a hold may have come.
    pub(crate) fn handle_timeout(&mut self, cx: &mut Cx<'_, '_>) -> Result<(), StoreError> {
        let now = cx.now.at;
        if self.hold_until.is_some_and(|until| until <= now) {
            self.hold_until = None;
        }
        let rested: Vec<String> = self
            .lanes
            .iter_mut()
            .filter(|(_, lane)| lane.resting_until().is_some_and(|until| until <= now))
            .map(|(name, lane)| {
                lane.pace = Pace::Flowing;
                name.clone()
            })
            .collect();
        for name in rested {
            if self.online {
                self.wake_lane(&name);
            } else {
                self.lanes.remove(&name);
            }
        }
        if self.next_expiry.is_some_and(|at| at <= now) {
            self.expire(cx)?;
        }
        self.settle_written(cx)
    }

    /// Whether the oldest action in flight has waited too long for its answer. A plain server's silence counts as
    /// the action's attempt, and after the last one nobody knows.
    pub(crate) fn is_answer_overdue(&mut self, cx: &mut Cx<'_, '_>) -> Result<bool, StoreError> {
        let Some((at, seq, _)) = self.sent.front() else { return Ok(false) };
        if *at + self.options.answer_timeout > cx.now.at {
            return Ok(false);
        }
        if let (true, Some(mut row)) = (self.plain, Row::load(cx.tx, *seq)?) {
            row.count_attempt(cx.tx, None)?;
            if row.attempts >= self.options.attempts_max {
                self.finish(cx, row.key(), Outcome::Indeterminate, None)?;
            }
        }
        Ok(true)
    }

    /// Forgets the times of what was answered meanwhile, so that no timer fires for it.
    pub(crate) fn tidy(&mut self) {
        while let Some((at, seq, lane)) = self.sent.front() {
            let entry = self.lanes.get(lane).and_then(|lane| lane.in_flight.get(seq));
            if entry.is_some_and(|entry| entry.sent_at == *at) {
                break;
            }
            self.sent.pop_front();
        }
    }

    fn window(&self) -> usize {
        if self.careful.is_on() { 1 } else { self.options.window_total }
    }

    fn put_back(&mut self, name: String, mut lane: Lane, has_more: bool) {
        lane.in_turn = has_more;
        if has_more {
            self.turn.push_back(name.clone());
        } else if lane.exhausted && lane.in_flight.is_empty() && lane.pace == Pace::Flowing {
            return;
        }
        self.lanes.insert(name, lane);
    }

    fn next_in_lane(
        &mut self,
        cx: &mut Cx<'_, '_>,
        name: &str,
        lane: &mut Lane,
        peer_limit: u64,
    ) -> Result<Option<Outgoing>, StoreError> {
        let window = if self.plain || lane.one_at_a_time { 1 } else { self.options.window_lane };
        loop {
            if lane.pace != Pace::Flowing || lane.in_flight.len() >= window {
                return Ok(None);
            }
            let Some(row) = self.next_row(cx, name, lane)? else { return Ok(None) };
            if let Some(outgoing) = self.try_send(cx, lane, row, peer_limit)? {
                return Ok(Some(outgoing));
            }
        }
    }

    fn next_row(
        &mut self,
        cx: &mut Cx<'_, '_>,
        name: &str,
        lane: &mut Lane,
    ) -> Result<Option<Row>, StoreError> {
        if lane.page.is_empty() && !lane.exhausted {
            // What lies read ahead in all lanes is bounded by the window too: memory does not grow with the queue.
            let room = self.options.window_total.saturating_sub(self.in_flight + self.paged).max(1);
            let limit = room.min(self.options.window_lane);
            lane.page = Row::page(cx.tx, &self.account, name, lane.cursor, limit)?.into();
            lane.exhausted = lane.page.len() < limit;
            self.paged += lane.page.len();
        }
        let row = lane.page.pop_front();
        self.paged -= usize::from(row.is_some());
        Ok(row)
    }

    /// Sends the row, or does here what makes sending it needless.
    fn try_send(
        &mut self,
        cx: &mut Cx<'_, '_>,
        lane: &mut Lane,
        mut row: Row,
        peer_limit: u64,
    ) -> Result<Option<Outgoing>, StoreError> {
        let seq = row.seq;
        lane.cursor = seq;
        if lane.in_flight.contains_key(&seq) {
            return Ok(None);
        }
        match row.state {
            ActionState::Parked if lane.policy == LanePolicy::Block => {
                lane.cursor = seq - 1;
                lane.pace = Pace::Blocked;
                self.paged -= lane.page.len();
                lane.page.clear();
                return Ok(None);
            }
            ActionState::Parked if row.voided => return Ok(None),
            ActionState::Parked => {
                row.mark_voiding(cx.tx, VoidReason::Skip, None)?;
                self.oldest_from = self.oldest_from.min(seq);
            }
            ActionState::Queued if row.body.bytes() > peer_limit => {
                let text = format!("larger than the server's limit of {peer_limit} bytes");
                let outcome = Outcome::Rejected(Rejection { code: ErrorCode::TooLarge, text });
                self.finish(cx, row.key(), outcome, None)?;
                return Ok(None);
            }
            _ => {}
        }
        if self.plain && row.state == ActionState::Voiding {
            // A plain server knows no voids: what was sent may have been done.
            self.finish(cx, row.key(), Outcome::Indeterminate, None)?;
            return Ok(None);
        }
        if lane.in_flight.is_empty() && row.attempts > 0 && row.state != ActionState::Voiding {
            lane.one_at_a_time = true;
        }
        if row.state == ActionState::Queued {
            row.mark_sent(cx.tx)?;
        }
        let prev = lane.predecessor(seq);
        lane.in_flight.insert(seq, InFlight { id: row.id, sent_at: cx.now.at, answers: 1 });
        self.in_flight += 1;
        self.sent.push_back((cx.now.at, seq, row.lane.clone()));
        Ok(Some(self.outgoing(cx, row, prev)))
    }

    /// The void of a row that is in flight at this moment.
    fn next_urgent(&mut self, cx: &mut Cx<'_, '_>) -> Result<Option<Outgoing>, StoreError> {
        while let Some(seq) = self.urgent.pop_front() {
            let Some(row) = Row::load(cx.tx, seq)?.filter(|row| row.state == ActionState::Voiding) else {
                continue;
            };
            let Some(lane) = self.lanes.get_mut(&row.lane) else { continue };
            let Some(entry) = lane.in_flight.get_mut(&seq) else { continue };
            entry.answers += 1;
            // After trouble the window does not hold every predecessor, so the table is asked.
            let prev = cx.tx.first(
                "SELECT id FROM actions WHERE account = ?1 AND lane = ?2 AND seq < ?3 AND state < 4 \
                 AND NOT (state = 3 AND voided) ORDER BY seq DESC LIMIT 1",
                params![self.account, row.lane, seq],
                |found| super::row::read_id(found, 0),
            )?;
            return Ok(Some(self.outgoing(cx, row, prev)));
        }
        Ok(None)
    }

    fn outgoing(&mut self, cx: &Cx<'_, '_>, row: Row, prev: Option<ActionId>) -> Outgoing {
        let Row { seq, id, lane, mark, .. } = row;
        if row.state == ActionState::Voiding {
            let void = VoidRequest { id, prev, mark: Some(mark) };
            let args = Args::event(names::ACTION_VOID).value(&void).map(|builder| builder.build());
            return Outgoing { seq, lane, args: args.expect("a void is JSON"), ack: true };
        }
        let args = Args::event(&row.name);
        let args = match row.body {
            Body::Payload(payload) => args.payload(&payload),
            Body::Raw { args: items, attachments } => args.elements(&items).attachments(attachments),
        };
        if self.plain {
            let ack = row.ack == AckMode::Required;
            if !ack {
                self.written.push(seq);
                self.written_at = Some(cx.now.at);
            }
            return Outgoing { seq, lane, args: args.build(), ack };
        }
        let age_ms = u64::try_from(cx.now.ticks_ms - row.submitted_ticks_ms).unwrap_or(0);
        let meta = ActionMeta { id, prev, mark: Some(mark), age_ms: Some(age_ms) };
        let args = args.value(&meta).expect("a meta is JSON").build();
        Outgoing { seq, lane, args, ack: true }
    }

    /// What needs no acknowledgement counts as sent once the driver has written it, which it has by the next input.
    fn settle_written(&mut self, cx: &mut Cx<'_, '_>) -> Result<(), StoreError> {
        self.written_at = None;
        for seq in std::mem::take(&mut self.written) {
            let Some(row) = Row::load(cx.tx, seq)? else { continue };
            if let Some(lane) = self.lanes.get_mut(&row.lane) {
                self.in_flight -= usize::from(lane.in_flight.remove(&seq).is_some());
            }
            self.finish(cx, row.key(), Outcome::Sent, None)?;
            self.wake_lane(&row.lane);
        }
        Ok(())
    }
}
