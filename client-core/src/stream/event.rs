use std::fmt;

use bytes::Bytes;
use keepline_protocol::{
    Epoch, ErrorCode, Event as EventType, PayloadError, Reset, Stream,
    catalogue::{
        JobCancelled, JobCompleted, JobCreated, JobFailed, JobProgress, ModelChunk, ResearchFinding,
        SearchResult, TestRecorded, TestTick,
    },
    socket_io::Args,
};
use serde::de::DeserializeOwned;

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
#[derive(Clone)]
pub struct Envelope {
    /// The stream it belongs to. A plain server has none; its events come on the user stream.
    pub stream: Stream,
    /// Where it stands in the stream; `None` for an ephemeral event and for every event of a plain server.
    pub place: Option<Place>,
    /// How to acknowledge it, where the server asked for that.
    pub ack: Option<Acknowledge>,
    event: IncomingEvent,
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
    pub(crate) fn new(
        stream: Stream,
        epoch: Option<Epoch>,
        event: IncomingEvent,
        client: &WeakHandle,
    ) -> Self {
        let place = epoch.zip(event.offset).map(|(epoch, offset)| Place { epoch, offset });
        let ack = event.ack.map(|(connection, ack)| Acknowledge { connection, ack, client: client.clone() });
        Self { stream, place, ack, event }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.event.name()
    }

    /// When the server wrote it (RFC 3339).
    pub fn time(&self) -> Option<&str> {
        self.event.time()
    }

    /// The first argument as JSON. It is the only one from a Keepline server.
    pub fn payload(&self) -> Option<&str> {
        self.args().next()
    }

    /// Every argument as JSON. The place of an attachment holds `{"_placeholder":true,"num":N}`.
    pub fn args(&self) -> impl Iterator<Item = &str> {
        self.event.args()
    }

    /// The binary attachments.
    pub fn attachments(&self) -> &[Bytes] {
        self.event.attachments()
    }

    /// Whether it has one argument and no attachment: what a type can hold.
    pub(crate) fn fits_a_type(&self) -> bool {
        self.args().nth(1).is_none() && self.payload().is_some() && self.attachments().is_empty()
    }

    /// The event as a type of the catalogue or of the app's own; `None` where it has another name.
    ///
    /// # Errors
    /// [`PayloadError::Mismatch`] where the name is right and the payload is not.
    pub fn decode<T: EventType>(&self) -> Result<Option<T>, PayloadError> {
        if self.name() == T::NAME { self.read().map(Some) } else { Ok(None) }
    }

    /// The first argument as any type, whatever the event's name.
    ///
    /// # Errors
    /// [`PayloadError::Mismatch`] where it does not have the type's shape, or where there is none.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, PayloadError> {
        let payload = self.payload().ok_or(PayloadError::Mismatch)?;
        serde_json::from_str(payload).map_err(|_| PayloadError::Mismatch)
    }
}

/// Shows sizes only of what is the app's.
impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("stream", &self.stream)
            .field("place", &self.place)
            .field("name", &self.name())
            .field("event", &self.event)
            .finish_non_exhaustive()
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
                if !envelope.fits_a_type() {
                    return Self::Raw(envelope);
                }
                match envelope.name() {
                    $(<$name as EventType>::NAME => match envelope.read() {
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
    use keepline_protocol::{MetaReader, Payload};

    use super::*;

    fn envelope(name: &str, args: &[&str], attachments: Vec<Bytes>) -> Envelope {
        let args =
            args.iter().fold(Args::event(name), |args, text| args.payload(&Payload::parse(*text).unwrap()));
        let event = IncomingEvent::new(args.attachments(attachments).build(), None);
        Envelope { stream: Stream::User, place: None, ack: None, event }
    }

    #[test]
    fn the_catalogue_is_typed_and_the_rest_is_raw() {
        let typed = Event::from(Item::Event(envelope("test:tick:v1", &[r#"{"job":"7","index":3}"#], vec![])));
        assert!(matches!(typed, Event::TestTick(TestTick { index: 3, .. })));
        for envelope in [
            envelope("test:tick:v2", &[r#"{"job":"7","index":3}"#], vec![]),
            envelope("test:tick:v1", &[r#"{"index":3}"#], vec![]),
            envelope("test:tick:v1", &[r#"{"job":"7","index":3}"#, "1"], vec![]),
            envelope("test:tick:v1", &[], vec![]),
            envelope("test:tick:v1", &[r#"{"job":"7","index":3}"#], vec![Bytes::new()]),
        ] {
            assert!(matches!(Event::from(Item::Event(envelope)), Event::Raw(_)));
        }
        assert!(matches!(Event::from(Item::Gone), Event::Gone));
        let refused = Event::from(Item::Refused(ErrorCode::Forbidden));
        assert!(matches!(refused, Event::Refused(ErrorCode::Forbidden)));
    }

    /// As the line brings it.
    fn incoming(json: &str) -> Envelope {
        let mut event = IncomingEvent::new(Args::parse(json, Vec::new()).unwrap(), None);
        let mut meta = MetaReader::default();
        event.take_meta(&mut meta);
        Envelope {
            stream: Stream::User,
            place: meta.epoch().cloned().zip(event.offset).map(|(epoch, offset)| Place { epoch, offset }),
            ack: None,
            event,
        }
    }

    #[test]
    fn an_envelope_reads_what_the_line_brought() {
        let event = incoming(r#"["e",{"a":1},{"epoch":"x","offset":7,"ts":"2026-01-01T00:00:00Z"}]"#);
        assert_eq!((event.name(), event.payload(), event.args().count()), ("e", Some(r#"{"a":1}"#), 1));
        assert_eq!(event.place.as_ref().map(|place| place.offset), Some(7));
        assert_eq!(event.time(), Some("2026-01-01T00:00:00Z"));
        let escaped = incoming(r#"["say \"hi\"",1,{"ts":"2026-01-01T00:00:00\u002b00:00"}]"#);
        assert_eq!((escaped.name(), escaped.payload()), ("say \"hi\"", Some("1")));
        assert_eq!(escaped.time(), Some("2026-01-01T00:00:00+00:00"));
        let number = incoming(r#"[7,"a","b"]"#);
        assert_eq!((number.name(), number.args().count(), number.time()), ("7", 2, None), "no meta");
        let bare = incoming(r#"["e"]"#);
        assert_eq!((bare.payload(), bare.args().count()), (None, 0));
        assert!(!format!("{:?}", incoming(r#"["e","canary"]"#)).contains("canary"));
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
        let note = envelope("note:v1", &[r#"{"text":"a"}"#], vec![]).decode::<Note>().unwrap().unwrap();
        assert_eq!(note.text, "a");
        assert!(envelope("other:v1", &["{}"], vec![]).decode::<Note>().unwrap().is_none());
        assert!(matches!(envelope("note:v1", &["{}"], vec![]).decode::<Note>(), Err(PayloadError::Mismatch)));
        assert!(matches!(envelope("note:v1", &[], vec![]).decode::<Note>(), Err(PayloadError::Mismatch)));
    }
}
