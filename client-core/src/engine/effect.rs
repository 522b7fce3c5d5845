//! What the engine wants done. Effects are run after the commit of the transaction that produced them.

use std::time::Duration;

use bytes::Bytes;
use keepline_protocol::{ActionId, Epoch, ErrorCode, EventMeta, Payload, Reset, Stream};

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
    /// a stream is the only one of its effect.
    Deliver {
        stream: Stream,
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

/// An event as it came from the line.
#[derive(Debug, Clone)]
pub(crate) struct IncomingEvent {
    pub(crate) name: String,
    /// All arguments but the meta. An event of the catalogue has one.
    pub(crate) args: Vec<Payload>,
    pub(crate) attachments: Vec<Bytes>,
    /// What the server said about it; empty in plain mode.
    pub(crate) meta: EventMeta,
    /// Where the server wants an acknowledgement: the connection's number and the ack id.
    pub(crate) ack: Option<(u64, u64)>,
}

impl IncomingEvent {
    /// The stream it belongs to. What names none concerns the user.
    pub(crate) fn stream(&self) -> &Stream {
        self.meta.stream.as_ref().unwrap_or(&Stream::User)
    }

    /// What the event occupies in a consumer's buffer.
    pub(crate) fn bytes(&self) -> u64 {
        let args: usize = self.args.iter().map(Payload::len).sum();
        let attachments: usize = self.attachments.iter().map(Bytes::len).sum();
        (self.name.len() + args + attachments) as u64
    }

    /// Its durable place, where it has one.
    pub(crate) fn place(&self) -> Option<(&Epoch, u64)> {
        Some((self.meta.epoch.as_ref()?, self.meta.offset?))
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
