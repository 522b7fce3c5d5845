use bytes::Bytes;
use keepline_protocol::{
    Epoch, ErrorCode, Event as EventType, Payload, PayloadError, Reset, Stream,
    catalogue::{
        JobCancelled, JobCompleted, JobCreated, JobFailed, JobProgress, ModelChunk, ResearchFinding,
        SearchResult, TestRecorded, TestTick,
    },
    socket_io::Args,
};

use crate::{client::WeakHandle, command::Command, driver::Errand, engine::IncomingEvent};

/// An item of a stream, as [`EventStream::next_item`](crate::EventStream::next_item) gives it.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum Item {
    /// An event.
    Event(Envelope),
    /// Continuity was lost: discard what was built up, take the snapshot, go on from here.
    Reset(Reset),
    /// The stream ended and was removed. Nothing comes after it.
    Gone,
    /// The server does not give the stream and would refuse it again: the token may not read it, or the server finds
    /// the question malformed. Nothing comes after it. The cursor is kept, so a consumer that is opened later goes on
    /// where this one was.
    Refused(ErrorCode),
}

/// An event as it came: its name, every argument, and its place. [`decode`](Self::decode) gives it a type.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// The stream it belongs to. A plain server has none; its events come on the user stream.
    pub stream: Stream,
    /// Where it stands in the stream; `None` for an ephemeral event and for every event of a plain server.
    pub place: Option<Place>,
    /// When the server wrote it (RFC 3339).
    pub time: Option<String>,
    /// Its name.
    pub name: String,
    /// Every argument. An event of a Keepline server has one. The place of an attachment holds
    /// `{"_placeholder":true,"num":N}`.
    pub args: Vec<Payload>,
    /// The binary attachments.
    pub attachments: Vec<Bytes>,
    /// How to acknowledge it, where the server asked for that.
    pub ack: Option<Acknowledge>,
}

/// An event's place in its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The log's incarnation; offsets of another one mean nothing.
    pub epoch: Epoch,
    /// Counted from 1 without a hole.
    pub offset: u64,
}

/// Acknowledges one event to the server that asked for it. (This is Socket.IO's acknowledgement and moves no cursor.)
#[derive(Debug, Clone)]
pub struct Acknowledge {
    connection: u64,
    ack: u64,
    client: WeakHandle,
}

impl Acknowledge {
    /// Sends the arguments of the acknowledgement, made with [`Args::ack`]. Where the connection on which the event
    /// came is gone, nothing happens: the server does not wait any more.
    pub async fn send(self, args: Args) {
        let command = Command::AckEvent { connection: self.connection, ack: self.ack, args };
        self.client.tell(Errand::Command(command)).await;
    }
}

impl Envelope {
    pub(crate) fn new(stream: &Stream, event: IncomingEvent, client: &WeakHandle) -> Self {
        let IncomingEvent { name, args, attachments, meta, ack } = event;
        let place = match (meta.epoch, meta.offset) {
            (Some(epoch), Some(offset)) => Some(Place { epoch, offset }),
            _ => None,
        };
        let stream = meta.stream.unwrap_or_else(|| stream.clone());
        let ack = ack.map(|(connection, ack)| Acknowledge { connection, ack, client: client.clone() });
        Self { stream, place, time: meta.ts, name, args, attachments, ack }
    }

    /// The first argument, which is the only one from a Keepline server.
    pub fn payload(&self) -> Option<&Payload> {
        self.args.first()
    }

    /// The event as a type of the catalogue or of the app's own; `None` where it has another name.
    ///
    /// # Errors
    /// [`PayloadError::Mismatch`] where the name is right and the payload is not.
    pub fn decode<T: EventType>(&self) -> Result<Option<T>, PayloadError> {
        if self.name != T::NAME {
            return Ok(None);
        }
        self.payload().ok_or(PayloadError::Mismatch)?.decode().map(Some)
    }
}

macro_rules! events {
    ($($name:ident,)*) => {
        /// An item of a stream with the types of the catalogue, as [`EventStream::next`](crate::EventStream::next)
        /// gives it.
        #[derive(Debug, Clone)]
        #[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
        pub enum Event {
            $(#[doc = concat!("See [`", stringify!($name), "`](crate::catalogue::", stringify!($name), ").")]
            $name($name),)*
            /// An event of another name or version, the app's own for instance: see [`Envelope::decode`].
            Raw(Envelope),
            /// Continuity was lost: discard what was built up, take the snapshot, go on from here.
            Reset(Reset),
            /// The stream ended and was removed. Nothing comes after it.
            Gone,
            /// The server does not give the stream and would refuse it again; see [`Item::Refused`].
            Refused(ErrorCode),
        }

        impl From<Item> for Event {
            fn from(item: Item) -> Self {
                let envelope = match item {
                    Item::Event(envelope) => envelope,
                    Item::Reset(reset) => return Self::Reset(reset),
                    Item::Gone => return Self::Gone,
                    Item::Refused(code) => return Self::Refused(code),
                };
                // More than one argument, or an attachment, would be lost in a typed event.
                let ([payload], []) = (&envelope.args[..], &envelope.attachments[..]) else {
                    return Self::Raw(envelope);
                };
                match envelope.name.as_str() {
                    $(<$name as EventType>::NAME => match payload.decode() {
                        Ok(event) => Self::$name(event),
                        Err(_) => Self::Raw(envelope),
                    },)*
                    _ => Self::Raw(envelope),
                }
            }
        }
    };
}

events! {
    JobCreated,
    JobProgress,
    JobCompleted,
    JobFailed,
    JobCancelled,
    SearchResult,
    ResearchFinding,
    ModelChunk,
    TestRecorded,
    TestTick,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(name: &str, args: &[&str]) -> Envelope {
        Envelope {
            stream: Stream::User,
            place: None,
            time: None,
            name: name.to_owned(),
            args: args.iter().map(|text| Payload::parse(*text).unwrap()).collect(),
            attachments: Vec::new(),
            ack: None,
        }
    }

    #[test]
    fn the_catalogue_is_typed_and_the_rest_is_raw() {
        let typed = Event::from(Item::Event(envelope("test:tick:v1", &[r#"{"job":"7","index":3}"#])));
        assert!(matches!(typed, Event::TestTick(TestTick { index: 3, .. })));
        for envelope in [
            envelope("test:tick:v2", &[r#"{"job":"7","index":3}"#]),
            envelope("test:tick:v1", &[r#"{"index":3}"#]),
            envelope("test:tick:v1", &[r#"{"job":"7","index":3}"#, "1"]),
            envelope("test:tick:v1", &[]),
            Envelope { attachments: vec![Bytes::new()], ..envelope("test:tick:v1", &["{}"]) },
        ] {
            assert!(matches!(Event::from(Item::Event(envelope)), Event::Raw(_)));
        }
        assert!(matches!(Event::from(Item::Gone), Event::Gone));
        let refused = Event::from(Item::Refused(ErrorCode::Forbidden));
        assert!(matches!(refused, Event::Refused(ErrorCode::Forbidden)));
    }

    #[test]
    fn an_envelope_decodes_to_an_apps_own_type() {
        #[derive(serde::Deserialize)]
        struct Note {
            text: String,
        }
        impl EventType for Note {
            const NAME: &'static str = "note:v1";
        }
        let note = envelope("note:v1", &[r#"{"text":"a"}"#]).decode::<Note>().unwrap().unwrap();
        assert_eq!(note.text, "a");
        assert!(envelope("other:v1", &["{}"]).decode::<Note>().unwrap().is_none());
        assert!(matches!(envelope("note:v1", &["{}"]).decode::<Note>(), Err(PayloadError::Mismatch)));
        assert!(matches!(envelope("note:v1", &[]).decode::<Note>(), Err(PayloadError::Mismatch)));
    }
}
