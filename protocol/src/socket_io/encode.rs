use std::fmt::Write as _;

use bytes::Bytes;

use super::{Args, Kind, Packet, ROOT};

/// A packet ready for the engine: one text message, then its attachments as binary messages.
#[derive(Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The header and JSON, without the engine's own type character.
    pub text: String,
    /// What follows at once.
    pub attachments: Vec<Bytes>,
}

impl std::fmt::Debug for Encoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Encoded({} bytes, {} attachments)", self.text.len(), self.attachments.len())
    }
}

impl Packet {
    /// Writes the packet.
    pub fn encode(self) -> Encoded {
        self.encode_after("")
    }

    /// Writes the packet after a prefix, so that a transport which wants its own type character first needs no
    /// second copy.
    pub fn encode_after(self, prefix: &str) -> Encoded {
        let namespace = self.namespace.as_ref();
        let bare = |kind, json: &str| {
            let mut text = header(prefix, kind, namespace, json.len());
            text.push_str(json);
            Encoded { text, attachments: Vec::new() }
        };
        match self.kind {
            Kind::Connect(None) => bare("0", ""),
            Kind::Connect(Some(auth)) => bare("0", auth.as_str()),
            Kind::Disconnect => bare("1", ""),
            Kind::Event { id, args } => with_args(prefix, ("2", "5"), namespace, id, args),
            Kind::Ack { id, args } => with_args(prefix, ("3", "6"), namespace, Some(id), args),
            Kind::ConnectError(data) => bare("4", data.as_str()),
        }
    }
}

fn with_args(prefix: &str, kinds: (&str, &str), namespace: &str, id: Option<u64>, args: Args) -> Encoded {
    let bytes = args.json_bytes() + ID_BYTES;
    let mut text = match args.attachments().len() {
        0 => header(prefix, kinds.0, namespace, bytes),
        count => header(prefix, &format!("{}{count}-", kinds.1), namespace, bytes),
    };
    if let Some(id) = id {
        // Writing to a string cannot fail.
        let _ = write!(text, "{id}");
    }
    args.write_json(&mut text);
    Encoded { text, attachments: args.into_attachments() }
}

/// The packet up to its id, with room for so much more.
fn header(prefix: &str, kind: &str, namespace: &str, room: usize) -> String {
    let mut text = String::with_capacity(prefix.len() + kind.len() + namespace.len() + 1 + room);
    text.push_str(prefix);
    text.push_str(kind);
    if namespace != ROOT {
        text.push_str(namespace);
        text.push(',');
    }
    text
}

/// The digits of the largest id.
const ID_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Payload;

    fn custom(kind: Kind) -> String {
        Packet { namespace: "/admin".into(), kind }.encode_after("4").text
    }

    #[test]
    fn every_part_of_the_header_has_its_place() {
        let json = Payload::parse(r#"{"a":1}"#).expect("JSON");
        assert_eq!(custom(Kind::Connect(None)), "40/admin,");
        assert_eq!(custom(Kind::Connect(Some(json.clone()))), r#"40/admin,{"a":1}"#);
        assert_eq!(custom(Kind::Disconnect), "41/admin,");
        assert_eq!(custom(Kind::ConnectError(json)), r#"44/admin,{"a":1}"#);
        assert_eq!(custom(Kind::Event { id: Some(7), args: Args::event("e").build() }), r#"42/admin,7["e"]"#);
        assert_eq!(custom(Kind::Ack { id: 7, args: Args::ack().build() }), "43/admin,7[]");
        let root = Packet::root(Kind::Event { id: None, args: Args::event("e").build() });
        assert_eq!(root.encode().text, r#"2["e"]"#);
    }

    #[test]
    fn attachments_are_announced_and_follow_in_order() {
        let args =
            || Args::ack().attachment(Bytes::from_static(b"a")).attachment(Bytes::from_static(b"b")).build();
        let encoded = Packet::root(Kind::Ack { id: 1, args: args() }).encode();
        assert_eq!(encoded.text, r#"62-1[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#);
        assert_eq!(encoded.attachments, [Bytes::from_static(b"a"), Bytes::from_static(b"b")]);
        assert!(custom(Kind::Event { id: None, args: args() }).starts_with("452-/admin,["));
    }
}
