//! What the engine wants done. Effects are run after the commit of the transaction that produced them.

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use keepline_protocol::{ActionId, Epoch, ErrorCode, MetaReader, MetaTime, Reset, Stream, socket_io::Args};

use crate::{
    command::{Answer, CallReply},
    error::{CallError, ControlError, EventsError, StoreError, SubmitError},
    outbox::OutboxEntry,
    outcome::Outcome,
    status::{LineTrouble, Status},
};

/// One output of the engine.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Open a link; its events are then fed in with [`LinkEvent`](crate::engine::LinkEvent). One at a time.
    Dial,
    /// Close the link, if there is one. No further event of it may be fed in.
    HangUp,
    /// Write a probe on the link that looks alive (an Engine.IO text that every server ignores or a WebSocket ping);
    /// any byte read afterwards is [`LinkEvent::Alive`](crate::engine::LinkEvent::Alive).
    Probe,
    /// Ask for a token and feed the answer into `handle_token`. One call at a time.
    FetchToken(TokenReason),
    /// Hand items to a stream's durable consumer (`durable`) and to its observers (`tapped`), in their order. What ends
    /// a stream is the only one of its effect. Events with an offset are of one incarnation of the log.
    Deliver {
        stream: Stream,
        epoch: Option<Epoch>,
        items: Vec<Delivery>,
        durable: bool,
        tapped: bool,
    },
    /// An action has its outcome: wake whoever waits, tell `outbox_changes`.
    Settle {
        id: ActionId,
        outcome: Outcome,
    },
    /// A row was added or changed its state.
    Changed {
        id: ActionId,
    },
    /// The server lost these settled actions: it was restored from a backup.
    RolledBack {
        actions: Vec<ActionId>,
    },
    /// A retried action goes on under another id.
    Renamed {
        old: ActionId,
        new: ActionId,
    },
    /// The status changed.
    Status(Status),
    /// Answers to commands.
    Submitted(Answer<Result<ActionId, SubmitError>>, Result<ActionId, SubmitError>),
    Controlled(Answer<Result<(), ControlError>>, Result<(), ControlError>),
    Retried(Answer<Result<ActionId, ControlError>>, Result<ActionId, ControlError>),
    OutcomeRead(Answer<Result<Option<Outcome>, ControlError>>, Result<Option<Outcome>, ControlError>),
    Listed(Answer<Result<Vec<OutboxEntry>, StoreError>>, Vec<OutboxEntry>),
    Called(Answer<Result<CallReply, CallError>>, Result<CallReply, CallError>),
    Emitted(Answer<bool>, bool),
    Consuming(Answer<Result<(), EventsError>>, Result<(), EventsError>),
    SignedOut(Answer<Result<(), StoreError>>),
    Diagnosed(Answer<serde_json::Value>, serde_json::Value),
}

/// An item of a stream on its way to the app.
#[derive(Debug, Clone)]
pub(crate) enum Delivery {
    Event(IncomingEvent),
    /// Continuity was lost; carries where to start again.
    Reset(Reset),
    /// The stream is no more.
    Gone,
    /// The server does not give the stream, and would say so again.
    Refused(ErrorCode),
}

impl Delivery {
    /// Nothing comes after it.
    pub(crate) fn is_last(&self) -> bool {
        matches!(self, Self::Gone | Self::Refused(_))
    }
}

/// An event as it came from the line: one piece of memory, from which is read what is asked for.
#[derive(Debug, Clone)]
pub(crate) struct IncomingEvent {
    /// Its name, what the app gets, and the meta where there is one.
    args: Args,
    /// Its name, where that is written with an escape.
    name: Option<Box<str>>,
    /// Whether the last argument is a meta.
    has_meta: bool,
    /// When the server wrote it, where it has a meta.
    time: Option<MetaTime>,
    /// Its place in the log, where it has one.
    pub(crate) offset: Option<u64>,
    /// Where the server wants an acknowledgement: the connection's number and the ack id.
    pub(crate) ack: Option<(u64, u64)>,
}

impl IncomingEvent {
    /// The event with these arguments, its name first. All of them are the app's until a meta is taken.
    pub(crate) fn new(args: Args, ack: Option<(u64, u64)>) -> Self {
        let name = match args.name() {
            Some(Cow::Owned(name)) => Some(name.into()),
            Some(Cow::Borrowed(_)) | None => None,
        };
        Self { args, name, has_meta: false, time: None, offset: None, ack }
    }

    /// Reads the meta, if there is one behind the payload.
    pub(crate) fn take_meta(&mut self, meta: &mut MetaReader) -> bool {
        let last = self.args.last().filter(|_| self.args.len() > NAME_AND_PAYLOAD);
        self.has_meta = last.is_some_and(|last| meta.read(last));
        if self.has_meta {
            self.time = meta.take_time();
            self.offset = meta.offset().filter(|_| meta.epoch().is_some());
        }
        self.has_meta
    }

    pub(crate) fn name(&self) -> &str {
        if let Some(name) = &self.name {
            return name;
        }
        match self.args.name() {
            Some(Cow::Borrowed(name)) => name,
            Some(Cow::Owned(_)) | None => "",
        }
    }

    /// Every argument but the meta, as JSON. An event of the catalogue has one.
    pub(crate) fn args(&self) -> impl Iterator<Item = &str> {
        self.args.iter().take(self.args.len() - usize::from(self.has_meta)).skip(1)
    }

    pub(crate) fn attachments(&self) -> &[Bytes] {
        self.args.attachments()
    }

    pub(crate) fn time(&self) -> Option<&str> {
        self.time.as_ref()?.of(self.args.last()?)
    }

    /// What the event occupies in a consumer's buffer.
    pub(crate) fn bytes(&self) -> u64 {
        self.args.bytes() as u64
    }
}

/// How many arguments come before the meta at least.
const NAME_AND_PAYLOAD: usize = 2;

/// An item for the app, taken out of its run.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    /// The log's incarnation, where an event has an offset.
    pub(crate) epoch: Option<Epoch>,
    pub(crate) item: Delivery,
}

impl Arrival {
    /// An item of a run whose events with an offset are of this incarnation.
    pub(crate) fn new(epoch: Option<&Epoch>, item: Delivery) -> Self {
        let has_place = matches!(&item, Delivery::Event(event) if event.offset.is_some());
        Self { epoch: epoch.filter(|_| has_place).cloned(), item }
    }
}

/// Why a token is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum TokenReason {
    /// A connection is about to be made.
    Connect,
    /// The present token ends soon; the line stays up meanwhile.
    Expiring,
    /// The server refused the last one; a cached copy is of no use.
    Refused,
}

/// What happened on the link.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    /// The engine's handshake came. Times are the server's wishes for the heartbeat.
    Opened { ping_interval: Duration, ping_timeout: Duration, max_payload: Option<u64> },
    /// A Socket.IO packet.
    Packet(keepline_protocol::socket_io::Packet),
    /// The server's heartbeat; the transport has answered it.
    Ping,
    /// Something was read after a probe.
    Alive,
    /// The link is gone, or was never made. Dial again by an effect only. `retry_after` is an HTTP answer's wish.
    Lost { trouble: LineTrouble, retry_after: Option<Duration> },
}

/// Why there is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenFailure {
    /// For now: try again later.
    Unavailable,
    /// For good: the user has to sign in.
    SignedOut,
    /// Neither a token nor a provider was configured; the connection is tried without one.
    NotConfigured,
}
