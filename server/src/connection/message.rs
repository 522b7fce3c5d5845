use std::{collections::VecDeque, fmt, mem};

use bytes::Bytes;
use keepline_protocol::{
    engine_io::Handshake,
    socket_io::{Encoded, EventRef, Packet},
};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::queue::Weigh;

/// One Engine.IO message.
///
/// `Debug` shows sizes only.
#[derive(Clone, PartialEq, Eq)]
pub enum Message {
    /// Text: one Socket.IO packet.
    Text(String),
    /// Binary: one attachment.
    Binary(Bytes),
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Binary(bytes) => write!(f, "Binary({} bytes)", bytes.len()),
        }
    }
}

impl Weigh for Message {
    fn weight(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Text(text) => text.len(),
                Self::Binary(bytes) => bytes.len(),
            }
    }
}

/// Messages that belong together and leave in one piece: a text and the attachments right after it.
///
/// Made once and cloned for each receiver: a clone shares its bytes. Anything that turns into it can be given to
/// [`LinkSender`](super::LinkSender): a Socket.IO [`Packet`], an [`Encoded`] one, a [`Message`].
#[derive(Clone)]
pub struct Frames {
    /// With Engine.IO's type character in front.
    pub(super) text: Option<Utf8Bytes>,
    pub(super) attachments: Box<[Bytes]>,
}

impl Frames {
    /// The size on the wire without framing, in bytes.
    pub fn bytes(&self) -> usize {
        self.text.as_ref().map_or(0, |text| text.len())
            + self.attachments.iter().map(Bytes::len).sum::<usize>()
    }

    /// How many packets they are.
    pub(super) fn count(&self) -> usize {
        usize::from(self.text.is_some()) + self.attachments.len()
    }

    /// The text alone, as it stands in a poll's answer.
    pub(super) fn into_text(self) -> String {
        self.text.map(|text| text.as_str().to_owned()).unwrap_or_default()
    }

    /// The first packet of a session.
    pub(super) fn open(handshake: &Handshake) -> Self {
        // A struct of strings and numbers is JSON.
        let json = serde_json::to_string(handshake).unwrap_or_default();
        Self { text: Some(format!("0{json}").into()), attachments: Box::default() }
    }
}

impl From<Packet> for Frames {
    fn from(packet: Packet) -> Self {
        let Encoded { text, attachments } = packet.encode_after(MESSAGE);
        Self { text: Some(text.into()), attachments: attachments.into() }
    }
}

impl From<Encoded> for Frames {
    fn from(Encoded { text, attachments }: Encoded) -> Self {
        Self { text: Some(format!("{MESSAGE}{text}").into()), attachments: attachments.into() }
    }
}

impl From<EventRef<'_>> for Frames {
    fn from(event: EventRef<'_>) -> Self {
        let mut text = String::new();
        event.write_after(MESSAGE, &mut text);
        Self { text: Some(text.into()), attachments: Box::default() }
    }
}

impl From<Message> for Frames {
    fn from(message: Message) -> Self {
        match message {
            Message::Text(text) => {
                Self { text: Some(format!("{MESSAGE}{text}").into()), attachments: Box::default() }
            }
            Message::Binary(bytes) => Self { text: None, attachments: Box::new([bytes]) },
        }
    }
}

impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frames({} bytes, {} attachments)", self.bytes(), self.attachments.len())
    }
}

impl Weigh for Frames {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.bytes()
    }
}

/// Events that are written one after the other into one buffer, and become [`Frames`] that share it.
///
/// A frame that is left keeps the whole buffer: what makes a run ends it early.
#[derive(Default)]
pub(crate) struct EventRun {
    texts: String,
    ends: Vec<usize>,
    /// How long the last one was. The next will be about as long.
    last_bytes: usize,
}

impl EventRun {
    pub(crate) fn push(&mut self, event: EventRef<'_>) {
        if self.ends.is_empty() {
            self.texts.reserve(self.last_bytes);
        }
        event.write_after(MESSAGE, &mut self.texts);
        self.ends.push(self.texts.len());
    }

    /// How many events it has.
    pub(crate) fn count(&self) -> usize {
        self.ends.len()
    }

    /// How many bytes they have.
    pub(crate) fn bytes(&self) -> usize {
        self.texts.len()
    }

    /// Moves the events out and begins anew.
    pub(crate) fn take(&mut self, out: &mut VecDeque<Frames>) {
        self.last_bytes = self.texts.len();
        let bytes = Bytes::from(mem::take(&mut self.texts));
        let mut start = 0;
        out.extend(self.ends.drain(..).map(|end| {
            let text = bytes.slice(start..end).try_into().expect("it is cut where a text ended");
            start = end;
            Frames { text: Some(text), attachments: Box::default() }
        }));
    }
}

/// Engine.IO's type of a text message.
const MESSAGE: &str = "4";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_gives_what_its_events_give_one_by_one() {
        let mut run = EventRun::default();
        let mut out = VecDeque::new();
        let events = |names: &'static [&'static str]| {
            names.iter().map(|name| EventRef { name, payload: "{\"größe\":1}", meta: None })
        };
        run.take(&mut out);
        assert!(out.is_empty());
        for names in [&["a", "größe 😀", "say \"hi\""][..], &["", "b"], &["c"]] {
            events(names).for_each(|event| run.push(event));
            let texts: Vec<String> = events(names).map(|event| Frames::from(event).into_text()).collect();
            assert_eq!((run.count(), run.bytes()), (names.len(), texts.iter().map(String::len).sum()));
            run.take(&mut out);
            assert_eq!(out.drain(..).map(Frames::into_text).collect::<Vec<_>>(), texts);
            assert_eq!((run.count(), run.bytes()), (0, 0));
        }
    }
}
