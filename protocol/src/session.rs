use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    ConnectCode, Epoch, ErrorBody, LedgerCursor, LedgerReady, Stream, StreamCursor, StreamReady, Token,
};

/// The payload of CONNECT, which Socket.IO calls `auth`. An app's own keys may stand beside these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConnectAuth {
    /// The bearer token; it never travels in the URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub token: Option<Token>,
    /// The switch: a peer that did not send it gets nothing that Keepline adds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proto: Option<u32>,
    /// Whom the cursors and the queue belong to. Where it is not the token's subject the server ignores them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// What program this is, for the server's logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdk: Option<String>,
    /// The last place in the ledger that this database knew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<LedgerCursor>,
    /// The streams to continue, at most [`RESUME_STREAMS_MAX`](crate::limits::RESUME_STREAMS_MAX).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, StreamCursor>"))]
    pub resume: BTreeMap<Stream, StreamCursor>,
    /// A stock client's wish to get event metas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<bool>,
}

/// The payload of the server's CONNECT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Connected {
    /// The Socket.IO session id.
    pub sid: String,
    /// Only to a client that sent it. Its absence puts the client into plain mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proto: Option<u32>,
}

/// The payload of CONNECT_ERROR.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConnectRefused {
    /// The code as text, which is where stock clients show it.
    pub message: String,
    /// The same for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<ConnectRefusedData>,
}

/// The details of a refused CONNECT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConnectRefusedData {
    /// Why.
    pub code: ConnectCode,
    /// Whether another attempt can succeed.
    #[serde(default)]
    pub retryable: bool,
    /// How long to wait before, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl ConnectRefused {
    /// A refusal with the code's own answer to whether another attempt can succeed.
    pub fn new(code: ConnectCode) -> Self {
        let data = ConnectRefusedData { retryable: code.retryable(), code, retry_after_ms: None };
        Self { message: data.code.as_str().to_owned(), data: Some(data) }
    }

    /// The code: from `data`, else the text read as one.
    pub fn code(&self) -> ConnectCode {
        self.data.as_ref().map_or_else(|| self.message.as_str().into(), |data| data.code.clone())
    }
}

/// Three servers write it in three ways: `{message, data}`, `{message}`, or a bare string. `data` may also be
/// something of the app's own, which is then left out.
impl<'de> Deserialize<'de> for ConnectRefused {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let (text, data) = match value {
            serde_json::Value::Object(mut fields) => (fields.remove("message"), fields.remove("data")),
            other => (Some(other), None),
        };
        let message = match text {
            Some(serde_json::Value::String(text)) => text,
            Some(other) => other.to_string(),
            None => String::new(),
        };
        Ok(Self { message, data: data.and_then(|data| serde_json::from_value(data).ok()) })
    }
}

/// What the server accepts, in `session:ready:v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Limits {
    /// The largest payload of an action, in bytes.
    pub action_bytes: u64,
    /// The largest payload of an event, in bytes.
    pub event_bytes: u64,
    /// How many streams a connection may hold.
    pub streams: u32,
    /// How many actions a user may send in a second, over a short while.
    pub actions_per_second: u32,
}

/// The payload of `session:ready:v1`, the first event after CONNECT and before any replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SessionReady {
    /// The version both speak.
    pub proto: u32,
    /// The session id.
    pub session: String,
    /// The token's subject: whose rows and cursors these must be.
    pub user: String,
    /// When the token ends (RFC 3339).
    pub expires_at: String,
    /// What the server accepts.
    pub limits: Limits,
    /// The owner's ledger.
    pub ledger: LedgerReady,
    /// The streams asked for, and always the user stream.
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, StreamReady>"))]
    pub streams: BTreeMap<Stream, StreamReady>,
}

/// The payload of `auth:expiring:v1`, sent 60 s ahead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuthExpiring {
    /// When the token ends (RFC 3339).
    pub expires_at: String,
}

/// The payload of `auth:expired:v1`; the engine closes after it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuthExpired {}

/// The payload of `auth:refresh:v1`. Only a token of the same subject is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuthRefresh {
    /// The new token.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub token: Token,
}

/// The answer to `auth:refresh:v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuthRefreshed {
    /// When the new token ends (RFC 3339).
    pub expires_at: String,
}

/// The payload of `server:draining:v1`: stop sending, wait for answers at most 5 s, hang up, come back later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServerDraining {
    /// The earliest moment to come back, from now in milliseconds.
    pub retry_after_ms: u64,
    /// Over how many milliseconds after it the clients should spread.
    pub spread_ms: u64,
}

/// The answer to a session action (subscribe, refresh, check): `{ok: true, …the answer's fields}` or
/// `{ok: false, error}`. These are not in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionAck<T> {
    /// The answer.
    Ok(T),
    /// Why there is none.
    Refused(ErrorBody),
}

#[derive(Serialize, Deserialize)]
struct Accepted<T> {
    ok: bool,
    #[serde(flatten)]
    answer: T,
}

#[derive(Serialize, Deserialize)]
struct Refused {
    ok: bool,
    error: ErrorBody,
}

impl<T: Serialize> Serialize for SessionAck<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Ok(answer) => Accepted { ok: true, answer }.serialize(serializer),
            Self::Refused(error) => Refused { ok: false, error: error.clone() }.serialize(serializer),
        }
    }
}

impl<'de, T: serde::de::DeserializeOwned> Deserialize<'de> for SessionAck<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A flattened raw value cannot be read back from a buffered map, so the text is read twice.
        let raw = crate::Payload::deserialize(deserializer)?;
        #[derive(Deserialize)]
        struct Verdict {
            #[serde(default)]
            error: Option<ErrorBody>,
        }
        let verdict: Verdict = raw.decode().map_err(serde::de::Error::custom)?;
        match verdict.error {
            Some(error) => Ok(Self::Refused(error)),
            None => raw.decode().map(Self::Ok).map_err(serde::de::Error::custom),
        }
    }
}

/// The stream's epoch that an answer names, for callers that hold only the answer.
impl StreamReady {
    /// Whether the stream continues in the epoch that the client knew.
    pub fn continues(&self, epoch: &Epoch) -> bool {
        self.epoch.as_ref() == Some(epoch)
    }
}
