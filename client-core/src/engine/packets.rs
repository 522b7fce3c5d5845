//! Socket.IO packets of the session: which part of the engine each belongs to.

use keepline_protocol::{
    ActionAck, ErrorBody, ErrorCode, Payload, ServerDraining, SessionAck, SessionReady, Stream, names,
    socket_io::{Args, Kind, Packet},
};
use serde::de::DeserializeOwned;

use super::{
    Awaiting, Cx, Engine, IncomingEvent,
    session::{Phase, Wish},
    timers::Timer,
};
use crate::{
    error::StoreError,
    inbox::Ask,
    outbox::{Place, Verdict, action_verdict},
    status::LineTrouble,
};

impl Engine {
    pub(super) fn packet(&mut self, cx: &mut Cx<'_, '_>, packet: Packet) -> Result<(), StoreError> {
        if packet.namespace != self.options.namespace {
            return Ok(());
        }
        match packet.kind {
            Kind::Connect(payload) => self.joined(cx, payload),
            Kind::ConnectError(payload) => self.refused(cx, &payload),
            Kind::Disconnect => self.lost(cx, LineTrouble::Disconnected, None),
            Kind::Event { id, args } => self.event(cx, id, args),
            Kind::Ack { id, args } => self.ack(cx, id, &args),
        }
    }

    /// Notes what the next acknowledgement id belongs to.
    pub(super) fn await_ack(&mut self, awaiting: Awaiting) -> u64 {
        let id = self.next_ack;
        self.next_ack += 1;
        self.awaiting.insert(id, awaiting);
        id
    }

    pub(super) fn event_packet(&self, id: Option<u64>, args: Args) -> Packet {
        self.packet_of(Kind::Event { id, args })
    }

    pub(super) fn ask_packet(&mut self, stream: Stream, ask: Ask) -> Packet {
        let (name, payload, id) = match ask {
            Ask::Subscribe(subscribe) => {
                let id = self.await_ack(Awaiting::Subscribe(stream));
                (names::STREAM_SUBSCRIBE, Payload::new(&subscribe), Some(id))
            }
            Ask::Unsubscribe(unsubscribe) => (names::STREAM_UNSUBSCRIBE, Payload::new(&unsubscribe), None),
        };
        let payload = payload.expect("a subscription is JSON");
        self.event_packet(id, Args::event(name).payload(&payload).build())
    }

    /// Answers an event of the server's on the connection that asked.
    pub(super) fn ack_event(&mut self, connection: u64, ack: u64, args: Args) {
        let is_due = connection == self.connection && self.session.may_send();
        if is_due && self.backlog.has_room(args.bytes(), ANSWERS_MAX) {
            let packet = self.packet_of(Kind::Ack { id: ack, args });
            self.backlog.push(packet);
        }
    }

    fn event(&mut self, cx: &mut Cx<'_, '_>, ack: Option<u64>, args: Args) -> Result<(), StoreError> {
        let Some(name) = args.name() else { return self.lost(cx, LineTrouble::Protocol, None) };
        match &self.session.phase {
            Phase::Greeting if name == names::SESSION_READY => match first::<SessionReady>(&args) {
                Some(ready) => return self.greeted(cx, ready),
                None => return self.lost(cx, LineTrouble::Protocol, None),
            },
            Phase::Online { plain: true, .. } => {}
            Phase::Online { .. } | Phase::Draining { .. } => match name.as_ref() {
                names::AUTH_EXPIRING => {
                    self.expiring(cx);
                    return Ok(());
                }
                names::AUTH_EXPIRED => return self.lost(cx, LineTrouble::TokenExpired, None),
                names::SERVER_DRAINING => return self.draining(cx, first(&args)),
                _ => {}
            },
            // Nothing may come before the greeting; what does is not ours to judge.
            _ => return Ok(()),
        }
        let event = IncomingEvent::new(args, ack.map(|id| (self.connection, id)));
        self.deliver(cx, event);
        Ok(())
    }

    /// "The client stops sending, waits for answers at most 5 s and hangs up itself."
    fn draining(&mut self, cx: &mut Cx<'_, '_>, wish: Option<ServerDraining>) -> Result<(), StoreError> {
        self.session.wish = wish.map(|wish| Wish {
            after: std::time::Duration::from_millis(wish.retry_after_ms),
            spread: std::time::Duration::from_millis(wish.spread_ms),
        });
        if let Phase::Online { resumed, .. } = self.session.phase {
            self.session.phase = Phase::Draining { resumed };
        }
        self.timers.set(Timer::Drain, cx.now.at + DRAIN_MAX);
        self.leave_when_answered(cx)
    }

    fn leave_when_answered(&mut self, cx: &mut Cx<'_, '_>) -> Result<(), StoreError> {
        let is_answered = !self.outbox.is_waiting_for_answers() && self.awaiting.is_empty();
        if matches!(self.session.phase, Phase::Draining { .. }) && is_answered {
            return self.lost(cx, LineTrouble::Draining, None);
        }
        Ok(())
    }

    fn deliver(&mut self, cx: &mut Cx<'_, '_>, mut event: IncomingEvent) {
        // A Keepline server puts the meta last; a plain one's arguments are all the app's.
        let has_meta = !self.session.is_plain() && event.take_meta(&mut self.meta);
        self.inbox.event(cx, has_meta.then_some(&self.meta), event);
    }

    fn ack(&mut self, cx: &mut Cx<'_, '_>, id: u64, args: &Args) -> Result<(), StoreError> {
        match self.awaiting.remove(&id) {
            Some(Awaiting::Action { seq, lane }) => self.action_answered(cx, seq, &lane, args)?,
            Some(Awaiting::Subscribe(stream)) => {
                let answer = session_answer(args);
                self.inbox.subscribed(cx, &stream, answer)?;
            }
            Some(Awaiting::Check) => {
                let answer = session_answer(args);
                self.checked(cx, answer)?;
            }
            Some(Awaiting::Refresh) => {
                if let SessionAck::Refused(error) = session_answer::<serde_json::Value>(args) {
                    // The line lasts until the token ends; then one is asked for by force.
                    tracing::warn!(code = %error.code, "the refreshed token was refused");
                }
            }
            Some(Awaiting::Call(call)) => self.called(cx, call, args),
            None => {}
        }
        self.leave_when_answered(cx)
    }

    fn action_answered(
        &mut self,
        cx: &mut Cx<'_, '_>,
        seq: i64,
        lane: &str,
        args: &Args,
    ) -> Result<(), StoreError> {
        if self.session.is_plain() {
            let verdict = Verdict::Applied {
                payload: Payload::parse(args.to_json()).ok(),
                attachments: args.attachments().to_vec(),
                place: None,
            };
            return self.outbox.answered(cx, seq, lane, verdict);
        }
        let ack: Option<ActionAck> = args.decode(0).ok().flatten();
        let ack = ack.unwrap_or_else(unreadable);
        if let Some(position) = ack.position {
            self.note_place(Place { position, tag: ack.tag.unwrap_or_default() });
        }
        self.outbox.answered(cx, seq, lane, action_verdict(ack))
    }
}

/// What comes after an event's name.
fn first<T: DeserializeOwned>(event: &Args) -> Option<T> {
    event.decode(1).ok()?
}

/// A session action's answer; one that cannot be read is a failure that may pass.
fn session_answer<T: DeserializeOwned>(args: &Args) -> SessionAck<T> {
    args.decode(0).ok().flatten().unwrap_or_else(|| {
        SessionAck::Refused(ErrorBody::new(ErrorCode::Internal, "an answer that cannot be read"))
    })
}

fn unreadable() -> ActionAck {
    let error = ErrorBody::new(ErrorCode::Internal, "an acknowledgement that cannot be read");
    ActionAck::refused(error)
}

/// How long the last answers are waited for when the server goes away.
const DRAIN_MAX: std::time::Duration = std::time::Duration::from_secs(5);

/// How many acknowledgements of the server's events may wait for the socket.
const ANSWERS_MAX: usize = 4_096;
