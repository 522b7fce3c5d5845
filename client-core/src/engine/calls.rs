//! Calls: online only, never stored.

use std::time::Instant;

use keepline_protocol::{ActionAck, ErrorBody, ErrorCode, Payload, socket_io::Args};

use super::{Awaiting, Cx, Effect, Engine, timers::Timer};
use crate::{
    command::{Answer, Call, CallReply},
    error::CallError,
};

/// A call that waits for its answer.
#[derive(Debug)]
pub(super) struct PendingCall {
    answer: Answer<Result<CallReply, CallError>>,
    deadline: Instant,
}

impl Engine {
    pub(super) fn call(
        &mut self,
        cx: &mut Cx<'_, '_>,
        call: Call,
        answer: Answer<Result<CallReply, CallError>>,
    ) {
        let calls = self.awaiting.values().filter(|awaiting| matches!(awaiting, Awaiting::Call(_))).count();
        let bytes = call.args.bytes() as u64;
        let limit = self.peer_limit();
        let refused = if !self.session.may_send() {
            Some(CallError::NotOnline)
        } else if bytes > limit {
            Some(CallError::TooLarge { bytes, limit })
        } else if calls >= CALLS_MAX || !self.backlog.has_room(call.args.bytes(), CALLS_MAX) {
            // A call that has timed out leaves its packet behind where the socket has stalled.
            Some(CallError::Busy)
        } else {
            None
        };
        if let Some(error) = refused {
            return cx.effects.push_back(Effect::Called(answer, Err(error)));
        }
        let deadline = cx.now.at + call.timeout;
        let id = self.await_ack(Awaiting::Call(PendingCall { answer, deadline }));
        let packet = self.event_packet(Some(id), call.args);
        self.backlog.push(packet);
        self.set_call_timer();
    }

    pub(super) fn called(&mut self, cx: &mut Cx<'_, '_>, call: PendingCall, args: &Args) {
        let result = if self.session.is_plain() { plain_reply(args) } else { reply(args) };
        cx.effects.push_back(Effect::Called(call.answer, result));
        self.set_call_timer();
    }

    /// Written or dropped, and which of the two is the answer.
    pub(super) fn emit(&mut self, args: Args) -> bool {
        let bytes = args.bytes();
        let fits = bytes as u64 <= self.peer_limit() && self.backlog.has_room(bytes, VOLATILE_MAX);
        if !self.session.may_send() || !fits {
            return false;
        }
        let packet = self.event_packet(None, args);
        self.backlog.push(packet);
        true
    }

    pub(super) fn expire_calls(&mut self, cx: &mut Cx<'_, '_>) {
        let now = cx.now.at;
        self.end_calls(cx, |call| call.deadline <= now);
        self.set_call_timer();
    }

    /// The line is gone: what was called may have happened.
    pub(super) fn fail_calls(&mut self, cx: &mut Cx<'_, '_>) {
        self.end_calls(cx, |_| true);
    }

    fn end_calls(&mut self, cx: &mut Cx<'_, '_>, ended: impl Fn(&PendingCall) -> bool) {
        let over = |awaiting: &Awaiting| matches!(awaiting, Awaiting::Call(call) if ended(call));
        for (_, awaiting) in self.awaiting.extract_if(|_, awaiting| over(awaiting)) {
            if let Awaiting::Call(call) = awaiting {
                cx.effects.push_back(Effect::Called(call.answer, Err(CallError::TimedOut)));
            }
        }
    }

    fn set_call_timer(&mut self) {
        let deadlines = self.awaiting.values().filter_map(|awaiting| match awaiting {
            Awaiting::Call(call) => Some(call.deadline),
            _ => None,
        });
        match deadlines.min() {
            Some(at) => self.timers.set(Timer::Call, at),
            None => self.timers.clear(Timer::Call),
        }
    }
}

fn plain_reply(args: &Args) -> Result<CallReply, CallError> {
    let payload = Payload::parse(args.to_json()).map_err(|_| CallError::BadReply)?;
    Ok(CallReply { payload, attachments: args.attachments().to_vec() })
}

fn reply(args: &Args) -> Result<CallReply, CallError> {
    let ack: Option<ActionAck> = args.decode(0).map_err(|_| CallError::BadReply)?;
    let ack = ack.ok_or(CallError::BadReply)?;
    if ack.ok {
        let payload = ack.reply.unwrap_or_else(Payload::null);
        return Ok(CallReply { payload, attachments: args.attachments().to_vec() });
    }
    let error = ack.error.unwrap_or_else(|| ErrorBody::new(ErrorCode::Internal, ""));
    Err(CallError::Rejected { rejection: error.code, text: error.message })
}

/// How many calls may wait for their answers, and how many packets for the socket before a call is refused; a caller
/// that has more needs the outbox.
const CALLS_MAX: usize = 1_024;

/// How many packets may wait for the socket before a volatile one is dropped.
const VOLATILE_MAX: usize = 256;
