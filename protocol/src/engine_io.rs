//! Engine.IO v4: the framing under Socket.IO.
//!
//! Over a WebSocket each text frame is one packet whose first character is its type, and each binary frame is a
//! binary message without a type. Over long polling a body holds several packets with a record separator between
//! them, and a binary message is `b` and base64.
//!
//! Source: `docs/engine.io-protocol/v4-current.md` in the `socketio/socket.io` repository.

use std::{borrow::Cow, fmt};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The protocol's version, as `EIO` in the query.
pub const VERSION: &str = "4";

/// Stands between two packets of a long-polling body.
pub const SEPARATOR: char = '\u{1e}';

/// The payload of the first packet, from the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handshake {
    /// The engine's session id.
    pub sid: String,
    /// What the transport may be upgraded to.
    #[serde(default)]
    pub upgrades: Vec<String>,
    /// How often the server pings, in milliseconds.
    pub ping_interval: u64,
    /// How long it waits for the answer, in milliseconds.
    pub ping_timeout: u64,
    /// The largest packet the server accepts, in bytes. Old servers do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_payload: Option<u64>,
}

/// One packet. Text borrows from the frame it was read from.
#[derive(Clone, PartialEq, Eq)]
pub enum Packet<'a> {
    /// The handshake, as JSON text.
    Open(Cow<'a, str>),
    /// The other end hangs up.
    Close,
    /// A heartbeat; with `probe` it tests an upgrade.
    Ping(Cow<'a, str>),
    /// The answer to a ping.
    Pong(Cow<'a, str>),
    /// A text message: one Socket.IO packet.
    Message(Cow<'a, str>),
    /// A binary message: one attachment.
    Binary(Bytes),
    /// The new transport takes over.
    Upgrade,
    /// Ends a pending poll; means nothing.
    Noop,
}

impl<'a> Packet<'a> {
    /// Reads a WebSocket text frame or one part of a long-polling body that is not binary.
    ///
    /// # Errors
    /// [`Malformed`] for an empty text or an unknown type.
    pub fn decode_text(text: &'a str) -> Result<Self, Malformed> {
        let kind = *text.as_bytes().first().ok_or(Malformed)?;
        // The type is one ASCII character, so the rest begins at a boundary; any other first byte fails below.
        let rest = text.get(1..).ok_or(Malformed)?;
        Ok(match kind {
            b'0' => Packet::Open(rest.into()),
            b'1' => Packet::Close,
            b'2' => Packet::Ping(rest.into()),
            b'3' => Packet::Pong(rest.into()),
            b'4' => Packet::Message(rest.into()),
            b'5' => Packet::Upgrade,
            b'6' => Packet::Noop,
            _ => return Err(Malformed),
        })
    }

    /// Appends the packet as it stands in a WebSocket text frame. A binary message has no such form.
    ///
    /// # Errors
    /// [`Malformed`] for [`Packet::Binary`].
    pub fn encode_text(&self, out: &mut String) -> Result<(), Malformed> {
        let (kind, rest) = match self {
            Self::Open(text) => ('0', text.as_ref()),
            Self::Close => ('1', ""),
            Self::Ping(text) => ('2', text.as_ref()),
            Self::Pong(text) => ('3', text.as_ref()),
            Self::Message(text) => ('4', text.as_ref()),
            Self::Upgrade => ('5', ""),
            Self::Noop => ('6', ""),
            Self::Binary(_) => return Err(Malformed),
        };
        out.push(kind);
        out.push_str(rest);
        Ok(())
    }
}

impl fmt::Debug for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(_) => f.write_str("Open"),
            Self::Close => f.write_str("Close"),
            Self::Ping(_) => f.write_str("Ping"),
            Self::Pong(_) => f.write_str("Pong"),
            Self::Message(text) => write!(f, "Message({} bytes)", text.len()),
            Self::Binary(bytes) => write!(f, "Binary({} bytes)", bytes.len()),
            Self::Upgrade => f.write_str("Upgrade"),
            Self::Noop => f.write_str("Noop"),
        }
    }
}

/// Reads a long-polling body.
///
/// # Errors
/// [`Malformed`] where a part is no packet or its base64 does not hold.
pub fn decode_body(body: &str) -> Result<Vec<Packet<'_>>, Malformed> {
    body.split(SEPARATOR).map(decode_part).collect()
}

/// Reads one part of a long-polling body, what stands between two [`SEPARATOR`]s.
///
/// # Errors
/// [`Malformed`] where it is no packet or its base64 does not hold.
pub fn decode_part(part: &str) -> Result<Packet<'_>, Malformed> {
    match part.strip_prefix('b') {
        Some(encoded) => {
            STANDARD.decode(encoded).map(|bytes| Packet::Binary(bytes.into())).map_err(|_| Malformed)
        }
        None => Packet::decode_text(part),
    }
}

/// Appends one packet to a long-polling body, with a separator where the body is not empty.
pub fn encode_part(packet: &Packet<'_>, body: &mut String) {
    if !body.is_empty() {
        body.push(SEPARATOR);
    }
    if let Packet::Binary(bytes) = packet {
        body.push('b');
        STANDARD.encode_string(bytes, body);
    } else {
        // Every other packet has a text form.
        let _ = packet.encode_text(body);
    }
}

/// Not an Engine.IO packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("malformed Engine.IO packet")
    }
}

impl std::error::Error for Malformed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_reads_and_writes() {
        for (text, packet) in [
            ("0{}", Packet::Open("{}".into())),
            ("1", Packet::Close),
            ("2", Packet::Ping("".into())),
            ("2probe", Packet::Ping("probe".into())),
            ("3probe", Packet::Pong("probe".into())),
            ("4", Packet::Message("".into())),
            ("4h€llo", Packet::Message("h€llo".into())),
            ("5", Packet::Upgrade),
            ("6", Packet::Noop),
        ] {
            assert_eq!(Packet::decode_text(text), Ok(packet.clone()));
            let mut written = String::new();
            packet.encode_text(&mut written).expect("a text form");
            assert_eq!(written, text);
        }
    }

    #[test]
    fn what_has_no_known_type_is_refused() {
        for text in ["", "7", "x", "bAQ==", "é", " 4", "\u{1e}"] {
            assert_eq!(Packet::decode_text(text), Err(Malformed), "{text}");
        }
        assert_eq!(Packet::Binary(Bytes::new()).encode_text(&mut String::new()), Err(Malformed));
    }

    #[test]
    fn a_body_holds_several_packets() {
        let packets = [
            Packet::Message("hello".into()),
            Packet::Binary(Bytes::from_static(&[1, 2, 3, 4])),
            Packet::Binary(Bytes::new()),
            Packet::Ping("".into()),
        ];
        let mut body = String::new();
        packets.iter().for_each(|packet| encode_part(packet, &mut body));
        assert_eq!(body, "4hello\u{1e}bAQIDBA==\u{1e}b\u{1e}2");
        assert_eq!(decode_body(&body).expect("well formed"), packets);
    }

    #[test]
    fn a_body_with_a_bad_part_is_refused_whole() {
        for body in [
            "",
            "4a\u{1e}",
            "\u{1e}4a",
            "4a\u{1e}\u{1e}4b",
            "4a\u{1e}x",
            "b!",
            "bAQI",
            "bAQ==\n",
            "4a\u{1e}7",
        ] {
            assert_eq!(decode_body(body), Err(Malformed), "{body:?}");
        }
    }

    #[test]
    fn a_handshake_reads_with_and_without_the_newer_fields() {
        let read = |text: &str| serde_json::from_str::<Handshake>(text);
        let old = read(r#"{"sid":"s","pingInterval":25000,"pingTimeout":20000}"#).expect("reads");
        assert_eq!((old.upgrades.len(), old.max_payload), (0, None));
        let new = r#"{"sid":"s","upgrades":["websocket"],"pingInterval":1,"pingTimeout":2,"maxPayload":3}"#;
        assert_eq!(serde_json::to_string(&read(new).expect("reads")).expect("serialises"), new);
        assert!(read(r#"{"sid":"s","pingInterval":-1,"pingTimeout":2}"#).is_err());
        assert!(read(r#"{"sid":"s"}"#).is_err());
    }
}
