//! Socket.IO v5: named events with arguments, attachments and acknowledgements, in namespaces.
//!
//! A packet is a header text and, where it has attachments, that many binary messages right after it. Arguments are
//! kept as the JSON text they came in; attachments stand beside them, and a placeholder in the JSON says where each
//! belongs.
//!
//! Source: `docs/socket.io-protocol/v5-current.md` in the `socketio/socket.io` repository.

mod args;
mod decode;
mod encode;
mod event;

use std::{borrow::Cow, fmt};

pub use args::{Args, ArgsBuilder, EventArgs};
pub use decode::Decoder;
pub use encode::Encoded;
pub use event::{EventRef, MetaRef};

use crate::{Payload, limits::NAMESPACE_BYTES_MAX};

/// The namespace of a packet that names none.
pub const ROOT: &str = "/";

/// Whether a namespace can be written so that every peer reads the same one: it begins with a slash, has at most
/// [`NAMESPACE_BYTES_MAX`] bytes, and neither a comma (which ends it), a question mark (which begins a query that is
/// no part of it) nor a control character (which may end a part of a long-polling body).
pub fn is_namespace(text: &str) -> bool {
    let well_formed = |text: &str| !text.contains([',', '?']) && !text.contains(char::is_control);
    text.starts_with('/') && text.len() <= NAMESPACE_BYTES_MAX && well_formed(text)
}

/// One packet of one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// The namespace; [`is_namespace`] says which there may be.
    pub namespace: Cow<'static, str>,
    /// What it says.
    pub kind: Kind,
}

/// What a packet says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Asks for the namespace (with `auth`), or grants it (with `sid`).
    Connect(Option<Payload>),
    /// Leaves the namespace.
    Disconnect,
    /// A named event; with an id, the sender wants an acknowledgement.
    Event {
        /// The acknowledgement's id.
        id: Option<u64>,
        /// Name and arguments.
        args: Args,
    },
    /// The acknowledgement of an event.
    Ack {
        /// The event's id.
        id: u64,
        /// The arguments of the answer.
        args: Args,
    },
    /// The namespace is refused.
    ConnectError(Payload),
}

impl Packet {
    /// A packet of the root namespace.
    pub fn root(kind: Kind) -> Self {
        Self { namespace: Cow::Borrowed(ROOT), kind }
    }
}

/// Why input is no Socket.IO packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// The header cannot be read.
    Header,
    /// The JSON is none, or has not the shape that its packet needs.
    Data,
    /// More attachments than [`ATTACHMENTS_MAX`](crate::limits::ATTACHMENTS_MAX).
    TooManyAttachments,
    /// A binary message that no header announced, or a header while attachments are missing.
    UnexpectedBinary,
    /// The placeholders do not name each attachment.
    Placeholder,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "malformed Socket.IO header",
            Self::Data => "malformed Socket.IO data",
            Self::TooManyAttachments => "too many attachments",
            Self::UnexpectedBinary => "attachment out of place",
            Self::Placeholder => "attachments and placeholders differ",
        })
    }
}

impl std::error::Error for Malformed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_can_be_written() {
        for text in [ROOT, "/custom", "/a/b 1", &format!("/{}", "n".repeat(NAMESPACE_BYTES_MAX - 1))] {
            assert!(is_namespace(text), "{text}");
        }
        for text in
            ["", "custom", "/a,b", "/a?b", "/a\u{1e}", &format!("/{}", "n".repeat(NAMESPACE_BYTES_MAX))]
        {
            assert!(!is_namespace(text), "{text:?}");
        }
    }
}
