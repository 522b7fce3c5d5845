use std::time::Duration;

use serde::Serialize;

/// How the line is, and what waits for it: everything a screen needs to be truthful.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The state of the line.
    pub line: Line,
    /// Actions of this account without an outcome, parked ones not counted.
    pub pending: u64,
    /// Actions that could not be delivered and wait for `retry` or `discard`.
    pub parked: u64,
    /// How long the oldest pending action has waited.
    pub oldest: Option<Duration>,
}

/// The state of the line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum Line {
    /// Nobody asked for a connection yet, or `disconnect` was called.
    Idle,
    /// Asking for a token, dialling, or waiting for the server's greeting.
    Connecting,
    /// Actions go out and events come in.
    Online {
        /// Whether every stream continued where its cursor stood.
        resumed: bool,
    },
    /// The line was lost or could not be made; the client tries again by itself.
    Waiting {
        /// How long until the next attempt, from when this status was made.
        retry_in: Duration,
        /// Which attempt that will be, from 1.
        attempt: u32,
        /// What went wrong last.
        reason: LineTrouble,
    },
    /// The host said that there is no network; waiting for it to say otherwise.
    Offline,
    /// Every file and socket is closed until `foreground`.
    Suspended,
    /// The server or the token provider refused; nothing is tried until `connect` is called. The queue is kept.
    AuthRequired {
        /// Why.
        reason: AuthTrouble,
    },
    /// The client was shut down.
    Closed,
}

impl Line {
    /// A stable word for logs and scripts.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Online { .. } => "online",
            Self::Waiting { .. } => "waiting",
            Self::Offline => "offline",
            Self::Suspended => "suspended",
            Self::AuthRequired { .. } => "auth_required",
            Self::Closed => "closed",
        }
    }
}

/// Why there is no line at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum LineTrouble {
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
    /// An action, or a page of a stream, was not answered in time.
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
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum AuthTrouble {
    /// The config has no token and no provider, and the server wants one.
    TokenMissing,
    /// The server refused a fresh token.
    TokenRefused {
        /// The server's code.
        code: String,
    },
    /// The provider said that there is no token to be had: sign in again.
    SignedOut,
    /// The token belongs to somebody else than the rows of this database.
    AccountMismatch,
    /// The server does not speak this version of the protocol.
    ProtoUnsupported,
}

impl AuthTrouble {
    /// A stable word for logs and scripts.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::TokenMissing => "token_missing",
            Self::TokenRefused { .. } => "token_refused",
            Self::SignedOut => "signed_out",
            Self::AccountMismatch => "account_mismatch",
            Self::ProtoUnsupported => "proto_unsupported",
        }
    }
}
