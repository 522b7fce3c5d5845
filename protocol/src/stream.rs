use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    Payload, Tag,
    limits::{EPOCH_BYTES_MAX, ID_BYTES_MAX},
};

/// The name of an ordered log of events: `user`, or `job:<id>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stream {
    /// What concerns the subject of the token.
    User,
    /// One job's events; the id is never empty, at most [`ID_BYTES_MAX`] bytes and without control characters. A
    /// clone shares it.
    Job(Arc<str>),
}

impl Stream {
    /// Whether that is its text.
    pub(crate) fn is(&self, text: &str) -> bool {
        match self {
            Self::User => text == "user",
            Self::Job(id) => text.strip_prefix("job:") == Some(id),
        }
    }

    /// A copy that shares nothing with this one; see [`Epoch::detached`].
    #[must_use]
    pub fn detached(&self) -> Self {
        match self {
            Self::User => Self::User,
            Self::Job(id) => Self::Job(id.as_ref().into()),
        }
    }

    /// The stream of a job.
    pub fn job(id: impl Into<String>) -> Self {
        Self::Job(id.into().into())
    }
}

/// The text names no stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamError;

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a stream is `user` or `job:<id>`")
    }
}

impl std::error::Error for StreamError {}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User => f.write_str("user"),
            Self::Job(id) => write!(f, "job:{id}"),
        }
    }
}

impl FromStr for Stream {
    type Err = StreamError;

    fn from_str(text: &str) -> Result<Self, StreamError> {
        if text == "user" {
            return Ok(Self::User);
        }
        let id = text.strip_prefix("job:").ok_or(StreamError)?;
        // A line break in an id would forge a line in somebody's log.
        let well_formed = !id.is_empty() && id.len() <= ID_BYTES_MAX && !id.contains(char::is_control);
        if well_formed { Ok(Self::Job(id.into())) } else { Err(StreamError) }
    }
}

impl Serialize for Stream {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stream {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Stream {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Stream".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "The name of an ordered log of events: `user`, or `job:<id>`.",
            "pattern": "^(user|job:.+)$",
            // Read by the TypeScript printer, ignored by validators.
            "tsType": "\"user\" | `job:${string}`",
        })
    }
}

/// The incarnation of a log or ledger: when it changes, older offsets mean nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
// Shared: each event of a log names it.
pub struct Epoch(#[cfg_attr(feature = "schema", schemars(with = "String"))] Arc<str>);

impl Epoch {
    /// An epoch with this text.
    ///
    /// # Errors
    /// [`EpochError`] when empty or longer than [`EPOCH_BYTES_MAX`].
    pub fn new(text: impl Into<String>) -> Result<Self, EpochError> {
        let text = text.into();
        if text.is_empty() || text.len() > EPOCH_BYTES_MAX { Err(EpochError) } else { Ok(Self(text.into())) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A copy that shares nothing with this one, for another thread: two that clone and drop what they share many times
    /// a second wait for each other.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self(self.0.as_ref().into())
    }
}

/// The text is no epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochError;

impl fmt::Display for EpochError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an epoch has 1 to {EPOCH_BYTES_MAX} bytes")
    }
}

impl std::error::Error for EpochError {}

impl TryFrom<String> for Epoch {
    type Error = EpochError;

    fn try_from(text: String) -> Result<Self, EpochError> {
        Self::new(text)
    }
}

impl From<Epoch> for String {
    fn from(epoch: Epoch) -> Self {
        epoch.0.as_ref().to_owned()
    }
}

/// A place in a stream, as the client names it when it resumes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StreamCursor {
    /// The log's incarnation.
    pub epoch: Epoch,
    /// The last offset taken; 0 before the first.
    pub offset: u64,
    /// The tag of the event at `offset`, where the client has seen it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
}

/// What goes with an event to a client that asked for it. Without an offset the event is ephemeral.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EventMeta {
    /// The stream the event belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<Stream>,
    /// The log's incarnation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// The event's place, counted from 1 without a hole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// The log's tag there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    /// When the server wrote it (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ts: Option<String>,
}

/// Whether the server could continue where the client stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StreamStatus {
    /// It could.
    Ok,
    /// It could not: see the reset.
    Reset,
    /// The stream ended and was removed.
    Gone,
}

/// Why a stream does not continue where the client stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ResetReason {
    /// The events after the client's place are no longer kept.
    Trimmed,
    /// The log is another one: its epoch changed, or its history under the same epoch.
    EpochChanged,
    /// The client's place lies beyond the head: the server was rolled back.
    Ahead,
}

/// Discard what was built up, take the snapshot, continue after `offset`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reset {
    /// The log's incarnation now.
    pub epoch: Epoch,
    /// The place at which the snapshot was made, in one transaction with it.
    pub offset: u64,
    /// The tag at `offset`, so that the client can resume from here before the next event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    /// Why.
    pub reason: ResetReason,
    /// What the events up to `offset` add up to, where the stream has such a thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Payload>,
}

/// A stream in `session:ready:v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StreamReady {
    /// Whether it continues.
    pub status: StreamStatus,
    /// The log's incarnation; absent where the stream is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// The offset of the newest event, 0 for none.
    #[serde(default)]
    pub head: u64,
    /// The tag at `head`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    /// Present where the status is `reset`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<Reset>,
}

impl StreamReady {
    /// Whether the stream continues in the epoch that the client knew.
    pub fn continues(&self, epoch: &Epoch) -> bool {
        self.epoch.as_ref() == Some(epoch)
    }
}

/// The payload of `stream:subscribe:v1`: one page after the given offset, then live from the last page on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Subscribe {
    /// The stream.
    pub stream: Stream,
    /// The incarnation the offset belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// The last offset the client has. Absent: a job from its beginning, the user stream from its head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// The tag at `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    /// How many events the page may have; at most [`PAGE_EVENTS_MAX`](crate::limits::PAGE_EVENTS_MAX).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// The answer to `stream:subscribe:v1`, after the page's events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Subscribed {
    /// Whether the page continues where the client stood.
    pub status: StreamStatus,
    /// The log's incarnation; absent where the stream is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// The offset after which the page began.
    #[serde(default)]
    pub from: u64,
    /// The offset of the newest event, 0 for none.
    #[serde(default)]
    pub head: u64,
    /// Whether another page must be pulled before live begins.
    #[serde(default)]
    pub more: bool,
    /// Present where the status is `reset`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<Reset>,
}

/// The payload of `stream:unsubscribe:v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Unsubscribe {
    /// The stream.
    pub stream: Stream,
}

/// The answer to `stream:unsubscribe:v1`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Unsubscribed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_the_users_or_a_jobs() {
        assert_eq!("user".parse(), Ok(Stream::User));
        assert_eq!("job:7".parse(), Ok(Stream::job("7")));
        assert_eq!("job:a:b".parse(), Ok(Stream::job("a:b")));
        for text in
            ["", "job:", "job", "User", "user:1", "room:1", " user", "job:a\r\nb", "job:\u{0}", "job:\u{7f}"]
        {
            assert_eq!(text.parse::<Stream>(), Err(StreamError), "{text:?}");
        }
    }

    #[test]
    fn a_job_id_has_its_limit() {
        let most = format!("job:{}", "7".repeat(ID_BYTES_MAX));
        assert_eq!(most.parse::<Stream>().expect("at the limit").to_string(), most);
        assert_eq!(format!("{most}7").parse::<Stream>(), Err(StreamError));
    }

    #[test]
    fn an_epoch_has_its_limits() {
        assert!(Epoch::new("e".repeat(EPOCH_BYTES_MAX)).is_ok());
        assert_eq!(Epoch::new("e".repeat(EPOCH_BYTES_MAX + 1)), Err(EpochError));
        assert_eq!(Epoch::new(""), Err(EpochError));
        assert!(serde_json::from_str::<Epoch>(r#""""#).is_err());
    }

    #[test]
    fn an_event_without_an_offset_is_ephemeral_and_has_an_empty_meta() {
        let meta: EventMeta = serde_json::from_str("{}").expect("reads");
        assert_eq!(meta.offset, None);
        assert_eq!(serde_json::to_string(&meta).expect("serialises"), "{}");
    }
}
