use std::time::Duration;

use bytes::Bytes;
use keepline_protocol::{ActionId, Payload};

use crate::outcome::Outcome;

/// An action on its way into the queue.
#[derive(Debug, Clone)]
pub(crate) struct NewAction {
    pub(crate) id: ActionId,
    pub(crate) name: String,
    pub(crate) body: Body,
    pub(crate) lane: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) coalesce: Option<String>,
    pub(crate) ttl: Option<Duration>,
    pub(crate) ack: AckMode,
}

/// What an action carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    /// One JSON payload; the form that a Keepline server knows.
    Payload(Payload),
    /// An existing Socket.IO server's own arguments: a JSON array, with attachments beside it.
    Raw { args: Payload, attachments: Vec<Bytes> },
}

/// Whether a plain server answers this action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum AckMode {
    /// An acknowledgement is asked for and settles the action.
    #[default]
    Required,
    /// None is asked for in plain mode; the action settles as `Sent` when it was written. A Keepline server answers
    /// all the same.
    None,
}

/// Where an action stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum ActionState {
    /// Waits; never sent.
    Queued,
    /// Was handed to the line at least once; its outcome is not known yet.
    Sent,
    /// The server is being asked to void it.
    Voiding,
    /// Could not be delivered; waits for `retry` or `discard`.
    Parked,
    /// Has its outcome.
    Settled,
}

impl ActionState {
    /// A stable word for logs and scripts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Voiding => "voiding",
            Self::Parked => "parked",
            Self::Settled => "settled",
        }
    }
}

/// A row of the outbox, for an optimistic screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEntry {
    /// The action's id.
    pub id: ActionId,
    /// Whose it is; empty before the first session.
    pub account: String,
    /// Its name.
    pub name: String,
    /// Its payload; for a raw action the JSON array of its arguments.
    pub payload: Payload,
    /// Its lane; `None` is the default lane.
    pub lane: Option<String>,
    /// The app's own string.
    pub label: Option<String>,
    /// Where it stands.
    pub state: ActionState,
    /// How many attempts have failed in a way that counts.
    pub attempts: u32,
    /// How long ago it was submitted.
    pub age: Duration,
    /// Its outcome, where it has one.
    pub outcome: Option<Outcome>,
    /// What the server said the last time it did not accept the action.
    pub last_error: Option<crate::outcome::Rejection>,
    /// The server lost this settled action: it was restored from a backup.
    pub rolled_back: bool,
}

/// Which rows of the outbox to list. The default lists everything of the account, oldest first, at most 1,000.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Only this account's: for [`OutboxReader`](crate::OutboxReader), which sees every account's rows. A client lists
    /// its own account's alone.
    pub account: Option<String>,
    /// Only rows without an outcome.
    pub pending_only: bool,
    /// Only this lane.
    pub lane: Option<String>,
    /// Only this action.
    pub id: Option<ActionId>,
    /// At most so many.
    pub limit: u32,
    /// Only rows after this one, for paging.
    pub after: Option<ActionId>,
}

impl Default for Filter {
    fn default() -> Self {
        Self { account: None, pending_only: false, lane: None, id: None, limit: 1_000, after: None }
    }
}
