use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ConnectCode, LedgerCursor, LedgerReady, Stream, StreamCursor, StreamReady, Token};

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
            None | Some(serde_json::Value::Null) => String::new(),
            Some(other) => other.to_string(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Epoch, LedgerStatus, Payload, Reset, ResetReason, StreamStatus, Tag, limits::JSON_DEPTH_MAX,
    };

    fn epoch() -> Epoch {
        Epoch::new("e").expect("a short text")
    }

    fn reset(snapshot: Payload) -> Reset {
        Reset {
            epoch: epoch(),
            offset: 40,
            tag: Some(Tag::START),
            reason: ResetReason::Trimmed,
            snapshot: Some(snapshot),
        }
    }

    fn deepest() -> Payload {
        Payload::parse("[".repeat(JSON_DEPTH_MAX) + &"]".repeat(JSON_DEPTH_MAX)).expect("at the limit")
    }

    fn snapshots() -> [Payload; 4] {
        // The large number and the spaces would not survive a parsed copy.
        let exact = Payload::parse(r#"{"text": "so far", "n":12345678901234567890123}"#).expect("JSON");
        [exact, Payload::parse("7").expect("JSON"), Payload::parse("[]").expect("JSON"), deepest()]
    }

    #[test]
    fn a_ready_session_keeps_the_snapshots_of_its_resets() {
        for snapshot in snapshots() {
            let ready = SessionReady {
                proto: 1,
                session: "s".to_owned(),
                user: "alice".to_owned(),
                expires_at: "2026-01-01T00:00:00Z".to_owned(),
                limits: Limits { action_bytes: 1, event_bytes: 2, streams: 3, actions_per_second: 4 },
                ledger: LedgerReady {
                    epoch: epoch(),
                    position: 9,
                    tag: Tag::START,
                    floor: 0,
                    status: LedgerStatus::RolledBack,
                },
                streams: BTreeMap::from([(
                    Stream::job("7"),
                    StreamReady {
                        status: StreamStatus::Reset,
                        epoch: Some(epoch()),
                        head: 41,
                        tag: Some(Tag::START),
                        reset: Some(reset(snapshot)),
                    },
                )]),
            };
            let args = crate::socket_io::Args::event(crate::names::SESSION_READY).value(&ready);
            let event = args.expect("serialises").build().into_event().expect("an event");
            assert_eq!(event.args[0].decode::<SessionReady>().expect("reads back"), ready);
        }
    }

    #[test]
    fn an_apps_own_keys_may_stand_in_the_connect_payload() {
        let text =
            r#"{"token":"t","proto":1,"resume":{"job:7":{"epoch":"e","offset":3}},"device":{"os":"x"}}"#;
        let auth: ConnectAuth = serde_json::from_str(text).expect("reads");
        assert_eq!(auth.resume.keys().collect::<Vec<_>>(), [&Stream::job("7")]);
        assert_eq!(auth.token, Some(Token::new("t")));
        assert_eq!(serde_json::from_str::<ConnectAuth>("{}").expect("reads"), ConnectAuth::default());
    }

    #[test]
    fn debug_never_shows_a_token() {
        let auth = ConnectAuth { token: Some(Token::new("canary")), ..ConnectAuth::default() };
        let refresh = AuthRefresh { token: Token::new("canary") };
        assert!(!format!("{auth:?}{refresh:?}").contains("canary"));
    }

    #[test]
    fn a_refused_connect_is_read_in_each_of_its_forms() {
        let read = |text: &str| serde_json::from_str::<ConnectRefused>(text).expect("any JSON is a refusal");
        let node = read(
            r#"{"message":"RATE_LIMITED","data":{"code":"RATE_LIMITED","retryable":true,"retry_after_ms":5}}"#,
        );
        assert_eq!(node.code(), ConnectCode::RateLimited);
        assert_eq!(node.data.and_then(|data| data.retry_after_ms), Some(5));
        let socketioxide = read(r#"{"message":"Invalid namespace"}"#);
        assert_eq!(socketioxide.code(), ConnectCode::Other("Invalid namespace".to_owned()));
        assert_eq!(read(r#""AUTH_TOKEN_EXPIRED""#).code(), ConnectCode::AuthTokenExpired);
        // An app's own data is no reason to lose the message.
        for text in [r#"{"message":"no","data":"own"}"#, r#"{"message":"no","data":{"code":7}}"#] {
            assert_eq!(read(text), ConnectRefused { message: "no".to_owned(), data: None });
        }
        assert_eq!(read("{}").message, "");
        assert_eq!(read("null").message, "");
        assert_eq!(read(r#"{"message":null}"#).message, "");
        assert_eq!(read("[1]").message, "[1]");
    }

    #[test]
    fn our_own_refusal_reads_back() {
        for code in ConnectCode::KNOWN {
            let refused = ConnectRefused::new(code.clone());
            let text = serde_json::to_string(&refused).expect("serialises");
            assert_eq!(serde_json::from_str::<ConnectRefused>(&text).expect("reads back"), refused);
            assert_eq!(refused.code(), *code);
            assert_eq!(refused.data.map(|data| data.retryable), Some(code.retryable()));
        }
    }
}
