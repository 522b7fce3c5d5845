use std::time::Duration;

use keepline::{AuthTrouble, Batches, Line, LineTrouble, Status, Tapped};

use crate::CoreClosedError;

/// How the line is, and what waits for it.
#[derive(Debug, Clone, uniffi::Record)]
pub struct CoreStatus {
    /// The state of the line.
    pub line: CoreLine,
    /// Actions without an outcome, parked ones not counted.
    pub pending: u64,
    /// Actions that wait for `retry` or `discard`.
    pub parked: u64,
    /// How long the oldest pending action has waited, in milliseconds.
    pub oldest_ms: Option<u64>,
}

/// The state of the line.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum CoreLine {
    /// Nobody asked for a connection.
    Idle,
    /// On the way.
    Connecting,
    /// Actions go out and events come in.
    Online {
        /// Whether every stream continued where its cursor stood.
        resumed: bool,
    },
    /// The client tries again by itself.
    Waiting {
        /// How long until the next attempt, in milliseconds.
        retry_in_ms: u64,
        /// Which attempt that will be, from 1.
        attempt: u32,
        /// What went wrong last.
        reason: CoreLineTrouble,
    },
    /// The host has no network.
    Offline,
    /// Every file and socket is closed.
    Suspended,
    /// The app has to act.
    AuthRequired {
        /// Why.
        reason: CoreAuthTrouble,
        /// The server's code, where it refused the token.
        code: Option<String>,
    },
    /// The client was shut down.
    Closed,
}

/// Why there is no line at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum CoreLineTrouble {
    /// The name could not be resolved.
    Dns,
    /// Nobody listens there, or no route leads there.
    Unreachable,
    /// The certificate does not hold: wrong host, expired, unknown issuer, or not the pinned key.
    Tls,
    /// The server answered something other than a Socket.IO handshake.
    Handshake,
    /// No answer in time.
    TimedOut,
    /// The other end closed the line, or the network did.
    Lost,
    /// No heartbeat came in time.
    Silent,
    /// An action was not answered in time.
    Unanswered,
    /// The other end broke the protocol.
    Protocol,
    /// The server goes away for a moment and said so.
    Draining,
    /// The server is too busy and said when to come back.
    Busy,
    /// The server ended the session.
    Disconnected,
    /// The token ran out; the next attempt asks for a new one.
    TokenExpired,
    /// The token provider failed for now.
    TokenUnavailable,
    /// This database has met a Keepline server and the peer is none now; nothing is sent to it.
    NotKeepline,
    /// The local database failed and is being opened again.
    Store,
}

/// Why the app has to act before there can be a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum CoreAuthTrouble {
    /// The config has no token and no provider, and the server wants one.
    TokenMissing,
    /// The server refused a fresh token.
    TokenRefused,
    /// The provider said that there is no token to be had: sign in again.
    SignedOut,
    /// The token belongs to somebody else than the rows of this database.
    AccountMismatch,
    /// The server does not speak this version of the protocol.
    ProtoUnsupported,
}

impl From<LineTrouble> for CoreLineTrouble {
    fn from(trouble: LineTrouble) -> Self {
        match trouble {
            LineTrouble::Dns => Self::Dns,
            LineTrouble::Unreachable => Self::Unreachable,
            LineTrouble::Tls => Self::Tls,
            LineTrouble::Handshake => Self::Handshake,
            LineTrouble::TimedOut => Self::TimedOut,
            LineTrouble::Lost => Self::Lost,
            LineTrouble::Silent => Self::Silent,
            LineTrouble::Unanswered => Self::Unanswered,
            LineTrouble::Protocol => Self::Protocol,
            LineTrouble::Draining => Self::Draining,
            LineTrouble::Busy => Self::Busy,
            LineTrouble::Disconnected => Self::Disconnected,
            LineTrouble::TokenExpired => Self::TokenExpired,
            LineTrouble::TokenUnavailable => Self::TokenUnavailable,
            LineTrouble::NotKeepline => Self::NotKeepline,
            LineTrouble::Store => Self::Store,
        }
    }
}

impl From<Line> for CoreLine {
    fn from(line: Line) -> Self {
        match line {
            Line::Idle => Self::Idle,
            Line::Connecting => Self::Connecting,
            Line::Online { resumed } => Self::Online { resumed },
            Line::Waiting { retry_in, attempt, reason } => {
                Self::Waiting { retry_in_ms: milliseconds(retry_in), attempt, reason: reason.into() }
            }
            Line::Offline => Self::Offline,
            Line::Suspended => Self::Suspended,
            Line::AuthRequired { reason } => auth_required(reason),
            Line::Closed => Self::Closed,
        }
    }
}

fn auth_required(trouble: AuthTrouble) -> CoreLine {
    let (reason, code) = match trouble {
        AuthTrouble::TokenMissing => (CoreAuthTrouble::TokenMissing, None),
        AuthTrouble::TokenRefused { code } => (CoreAuthTrouble::TokenRefused, Some(code)),
        AuthTrouble::SignedOut => (CoreAuthTrouble::SignedOut, None),
        AuthTrouble::AccountMismatch => (CoreAuthTrouble::AccountMismatch, None),
        AuthTrouble::ProtoUnsupported => (CoreAuthTrouble::ProtoUnsupported, None),
    };
    CoreLine::AuthRequired { reason, code }
}

impl From<Status> for CoreStatus {
    fn from(status: Status) -> Self {
        Self {
            line: status.line.into(),
            pending: status.pending,
            parked: status.parked,
            oldest_ms: status.oldest.map(milliseconds),
        }
    }
}

/// Statuses by the batch. A slow reader loses the oldest; what is left ends with the newest.
#[derive(Debug, uniffi::Object)]
pub struct CoreStatusSource {
    batches: Batches<Tapped<Status>>,
}

/// Some statuses in their order; none at the end.
#[derive(Debug, uniffi::Record)]
pub struct CoreStatusBatch {
    /// Its number, for the next pull.
    pub number: u64,
    /// The statuses.
    pub statuses: Vec<CoreStatus>,
}

impl CoreStatusSource {
    pub(crate) fn new(batches: Batches<Tapped<Status>>) -> Self {
        Self { batches }
    }
}

#[uniffi::export]
impl CoreStatusSource {
    /// Waits for statuses. `held` is the number of the last batch that arrived, 0 before the first.
    pub async fn next_statuses(&self, held: u64, max: u32) -> Result<CoreStatusBatch, CoreClosedError> {
        let mut held = held;
        loop {
            let batch = self.batches.pull(held, usize::MAX, max as usize).await;
            let statuses: Vec<_> = batch.items.iter().filter_map(status).collect();
            // A batch that only told of a loss is no end.
            if batch.items.is_empty() || !statuses.is_empty() {
                return Ok(CoreStatusBatch { number: batch.number, statuses });
            }
            held = batch.number;
        }
    }

    /// Ends it; who waits gets the end.
    pub fn end(&self) -> Result<(), CoreClosedError> {
        self.batches.end(0, 0);
        Ok(())
    }
}

fn status(tapped: &Tapped<Status>) -> Option<CoreStatus> {
    match tapped {
        Tapped::Item(status) => Some(status.clone().into()),
        Tapped::Lagged(_) => None,
    }
}

pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
