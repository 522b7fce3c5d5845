//! What the handle asks of the driver. A command carries the channel for its answer, which is used after the commit.

use std::time::Duration;

use bytes::Bytes;
use keepline_protocol::{ActionId, Epoch, Payload, Stream, socket_io::Args};
use tokio::sync::oneshot;

use crate::{
    error::{CallError, ControlError, EventsError, StoreError, SubmitError},
    outbox::{Filter, NewAction, OutboxEntry},
    outcome::Outcome,
};

/// The channel on which a command is answered.
pub(crate) type Answer<T> = oneshot::Sender<T>;

/// An input of the engine from the app.
#[derive(Debug)]
pub(crate) enum Command {
    Submit {
        action: Box<NewAction>,
        answer: Answer<Result<ActionId, SubmitError>>,
    },
    Cancel {
        id: ActionId,
        answer: Answer<Result<(), ControlError>>,
    },
    Retry {
        id: ActionId,
        answer: Answer<Result<ActionId, ControlError>>,
    },
    Discard {
        id: ActionId,
        answer: Answer<Result<(), ControlError>>,
    },
    /// The settled outcome, where there is one; the row then counts as taken.
    Outcome {
        id: ActionId,
        answer: Answer<Result<Option<Outcome>, ControlError>>,
    },
    Outbox {
        filter: Filter,
        answer: Answer<Result<Vec<OutboxEntry>, StoreError>>,
    },
    Call {
        call: Box<Call>,
        answer: Answer<Result<CallReply, CallError>>,
    },
    Emit {
        args: Args,
        answer: Answer<bool>,
    },
    /// Acknowledges an event of the server's that asked for it; dropped when that connection is gone.
    AckEvent {
        connection: u64,
        ack: u64,
        args: Args,
    },
    /// The one durable consumer of a stream begins.
    Consume {
        stream: Stream,
        options: Consume,
        answer: Answer<Result<(), EventsError>>,
    },
    /// The app has taken the events up to here (auto), or acknowledged them (manual).
    Taken {
        stream: Stream,
        epoch: Option<Epoch>,
        offset: u64,
        freed: Freed,
    },
    /// Events without a place, and those that the app has not taken yet, have left the buffer.
    Freed {
        stream: Stream,
        freed: Freed,
    },
    /// The consumer went away.
    Release {
        stream: Stream,
    },
    /// A live tap begins or ends; it keeps a stream subscribed and moves no cursor.
    Observe {
        stream: Stream,
        answer: Answer<Result<(), EventsError>>,
    },
    Unobserve {
        stream: Stream,
    },
    Connect,
    Disconnect,
    Hint(Hint),
    SignOut {
        discard: bool,
        answer: Answer<Result<(), StoreError>>,
    },
    /// Engine counters and states as JSON, no payload, no token.
    Diagnostics {
        answer: Answer<serde_json::Value>,
    },
}

/// What the host knows about network and screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hint {
    NetworkAvailable,
    NetworkLost,
    Foreground,
    /// Try now: a wait is cut short and a line that looks alive is probed.
    Flush,
}

/// Where a consumer begins, and what it does with positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Consume {
    /// Begin after this offset of the present epoch instead of at the stored cursor.
    pub(crate) after: Option<u64>,
    /// `false`: the cursor is not stored (a look back that must not disturb the durable place).
    pub(crate) durable: bool,
}

/// How much of a consumer's buffer was freed since the last report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Freed {
    pub(crate) events: u32,
    pub(crate) bytes: u64,
}

/// An action that is sent now or not at all.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) args: Args,
    pub(crate) timeout: Duration,
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallReply {
    /// The reply's payload; in plain mode a JSON array of the acknowledgement's arguments.
    pub(crate) payload: Payload,
    pub(crate) attachments: Vec<Bytes>,
}
