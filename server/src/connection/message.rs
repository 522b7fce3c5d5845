use std::fmt;

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

/// Engine.IO's type of a text message.
const MESSAGE: &str = "4";
