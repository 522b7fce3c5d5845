use std::sync::{Arc, OnceLock};

use keepline_protocol::{
    Epoch, Payload, Stream, Tag,
    socket_io::{EventRef, MetaRef},
};

use crate::{clock::rfc3339, connection::Frames, ids::StreamId};

/// One event of a log on its way to those who listen. It is encoded once, however many they are.
pub(crate) struct LiveEvent {
    pub(crate) id: StreamId,
    pub(crate) stream: Arc<Stream>,
    pub(crate) epoch: Epoch,
    pub(crate) offset: u64,
    pub(crate) tag: Tag,
    pub(crate) name: Arc<str>,
    pub(crate) payload: Payload,
    pub(crate) at_ms: i64,
    pub(crate) frames: EncodedOnce,
}

impl LiveEvent {
    /// The event as it goes to a client that gets metas, or to one that does not.
    pub(crate) fn frames(&self, meta: bool) -> Frames {
        self.frames.of(meta, || {
            let ts = meta.then(|| rfc3339(self.at_ms));
            let meta = ts.as_deref().map(|ts| MetaRef {
                stream: Some(&self.stream),
                epoch: Some(&self.epoch),
                offset: Some(self.offset),
                tag: Some(self.tag),
                ts: Some(ts),
            });
            EventRef { name: &self.name, payload: self.payload.as_str(), meta }.into()
        })
    }
}

/// Something that happened and that no log keeps.
pub(crate) struct Ephemeral {
    pub(crate) name: Arc<str>,
    pub(crate) payload: Payload,
    pub(crate) at_ms: i64,
    pub(crate) frames: EncodedOnce,
}

impl Ephemeral {
    pub(crate) fn frames(&self, meta: bool) -> Frames {
        self.frames.of(meta, || {
            let ts = meta.then(|| rfc3339(self.at_ms));
            let meta = ts.as_deref().map(|ts| MetaRef { ts: Some(ts), ..MetaRef::default() });
            EventRef { name: &self.name, payload: self.payload.as_str(), meta }.into()
        })
    }
}

/// The two forms of an event on the wire, each made when the first listener needs it.
#[derive(Default)]
pub(crate) struct EncodedOnce {
    with_meta: OnceLock<Frames>,
    plain: OnceLock<Frames>,
}

impl EncodedOnce {
    fn of(&self, meta: bool, encode: impl FnOnce() -> Frames) -> Frames {
        let form = if meta { &self.with_meta } else { &self.plain };
        form.get_or_init(encode).clone()
    }
}

/// Frames of an event of the session itself, which has a payload and nothing else.
pub(crate) fn session_event<T: serde::Serialize>(name: &str, payload: &T) -> Frames {
    let payload = Payload::new(payload).expect("our own payloads are JSON");
    EventRef { name, payload: payload.as_str(), meta: None }.into()
}
