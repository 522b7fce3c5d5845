use std::fmt;

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::Malformed;
use crate::{Payload, PayloadError, limits::ENVELOPE_DEPTH_MAX, payload::check_depth};

/// The arguments of an event or an acknowledgement: a JSON array as text, and the attachments it points to.
///
/// `Debug` shows sizes only.
#[derive(Clone, PartialEq, Eq)]
pub struct Args {
    json: Box<str>,
    attachments: Vec<Bytes>,
}

/// An event's arguments, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventArgs {
    /// The event's name.
    pub name: String,
    /// What came with it. An attachment's place holds `{"_placeholder":true,"num":N}`.
    pub args: Vec<Payload>,
}

impl Args {
    /// Starts an event's arguments: the name first.
    pub fn event(name: &str) -> ArgsBuilder {
        ArgsBuilder::default().raw(&quoted(name))
    }

    /// Starts an acknowledgement's arguments.
    pub fn ack() -> ArgsBuilder {
        ArgsBuilder::default()
    }

    /// Takes a JSON array as it is.
    ///
    /// # Errors
    /// [`Malformed::Data`] where the text is not a JSON array or nests deeper than
    /// [`ENVELOPE_DEPTH_MAX`](crate::limits::ENVELOPE_DEPTH_MAX).
    pub fn parse(json: impl Into<Box<str>>, attachments: Vec<Bytes>) -> Result<Self, Malformed> {
        let json = json.into();
        check_array(&json)?;
        Ok(Self { json, attachments })
    }

    /// The JSON array's text.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The binary attachments, in the order of their placeholders' numbers.
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    /// The size of text and attachments in bytes.
    pub fn bytes(&self) -> usize {
        self.json.len() + self.attachments.iter().map(Bytes::len).sum::<usize>()
    }

    /// Each element.
    ///
    /// # Errors
    /// [`Malformed::Data`] never for arguments that were decoded or built.
    pub fn items(&self) -> Result<Vec<Payload>, Malformed> {
        let items: Vec<Box<RawValue>> = serde_json::from_str(&self.json).map_err(|_| Malformed::Data)?;
        Ok(items.into_iter().map(Payload::received).collect())
    }

    /// The first element, where there is one.
    pub fn first(&self) -> Option<Payload> {
        self.items().ok()?.into_iter().next()
    }

    /// Reads an event: its first element is the name. (A number is allowed as a name by the protocol and is given
    /// as its text.)
    ///
    /// # Errors
    /// [`Malformed::Data`] where the first element is no name.
    pub fn to_event(&self) -> Result<EventArgs, Malformed> {
        serde_json::from_str(&self.json).map_err(|_| Malformed::Data)
    }

    /// Whether the first element is an event's name.
    pub(super) fn check_name(&self) -> Result<(), Malformed> {
        let inside = self.json.trim_start().strip_prefix('[').ok_or(Malformed::Data)?;
        // A stream deserializer stops behind the first value, and the rest was checked before.
        let mut values = serde_json::Deserializer::from_str(inside).into_iter::<Name>();
        match values.next() {
            Some(Ok(_)) => Ok(()),
            _ => Err(Malformed::Data),
        }
    }
}

/// An event's name: a string, or a number as its text.
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        match raw.as_bytes().first() {
            Some(b'"') => serde_json::from_str(raw).map(Self).map_err(D::Error::custom),
            Some(b'-' | b'0'..=b'9') => Ok(Self(raw.to_owned())),
            _ => Err(D::Error::custom("no name")),
        }
    }
}

impl<'de> Deserialize<'de> for EventArgs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = EventArgs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array that begins with a name")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<EventArgs, A::Error> {
                let Some(Name(name)) = items.next_element()? else { return Err(A::Error::custom("no name")) };
                let mut args = Vec::with_capacity(2);
                while let Some(raw) = items.next_element::<Box<RawValue>>()? {
                    args.push(Payload::received(raw));
                }
                Ok(EventArgs { name, args })
            }
        }

        deserializer.deserialize_seq(Reader)
    }
}

/// Whether the text is one JSON array that nests no deeper than an envelope may.
pub(super) fn check_array(json: &str) -> Result<(), Malformed> {
    check_depth(json, ENVELOPE_DEPTH_MAX).map_err(|_| Malformed::Data)?;
    serde_json::from_str::<Vec<IgnoredAny>>(json).map(drop).map_err(|_| Malformed::Data)
}

impl fmt::Debug for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Args({} bytes, {} attachments)", self.json.len(), self.attachments.len())
    }
}

/// Puts arguments together without parsing what is JSON already.
#[derive(Default)]
pub struct ArgsBuilder {
    json: String,
    attachments: Vec<Bytes>,
}

impl ArgsBuilder {
    /// Appends a payload as it is.
    #[must_use]
    pub fn payload(self, payload: &Payload) -> Self {
        self.raw(payload.as_str())
    }

    /// Appends each element of a payload that is a JSON array; anything else is appended as one argument.
    #[must_use]
    pub fn elements(self, array: &Payload) -> Self {
        let text = array.as_str().trim();
        match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).map(str::trim) {
            Some("") => self,
            Some(inner) => self.raw(inner),
            None => self.raw(text),
        }
    }

    /// Appends a value.
    ///
    /// # Errors
    /// [`PayloadError::NotJson`] where it cannot be JSON.
    pub fn value<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, PayloadError> {
        let text = serde_json::to_string(value).map_err(|_| PayloadError::NotJson)?;
        Ok(self.raw(&text))
    }

    /// Appends an attachment as an argument of its own.
    #[must_use]
    pub fn attachment(mut self, bytes: Bytes) -> Self {
        let placeholder = format!("{{\"_placeholder\":true,\"num\":{}}}", self.attachments.len());
        self.attachments.push(bytes);
        self.raw(&placeholder)
    }

    /// Takes over attachments whose placeholders already stand in the appended payloads.
    #[must_use]
    pub fn attachments(mut self, attachments: Vec<Bytes>) -> Self {
        self.attachments = attachments;
        self
    }

    /// The arguments.
    pub fn build(mut self) -> Args {
        self.json.push_str(if self.json.is_empty() { "[]" } else { "]" });
        Args { json: self.json.into(), attachments: self.attachments }
    }

    fn raw(mut self, json: &str) -> Self {
        self.json.push(if self.json.is_empty() { '[' } else { ',' });
        self.json.push_str(json);
        self
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_put_together_in_order() {
        let args = Args::event("say \"hi\"")
            .payload(&Payload::parse("{ }").expect("JSON"))
            .value(&7)
            .expect("a number")
            .attachment(Bytes::from_static(b"x"))
            .attachment(Bytes::from_static(b"yz"))
            .build();
        assert_eq!(
            args.json(),
            r#"["say \"hi\"",{ },7,{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#
        );
        assert_eq!(args.bytes(), args.json().len() + 3);
        assert_eq!(args.to_event().expect("an event").name, "say \"hi\"");
    }

    #[test]
    fn no_arguments_are_an_empty_array() {
        assert_eq!(Args::ack().build().json(), "[]");
        assert_eq!(Args::ack().build().items(), Ok(vec![]));
        assert_eq!(Args::ack().build().to_event(), Err(Malformed::Data));
    }

    #[test]
    fn only_an_array_is_taken() {
        assert_eq!(
            Args::parse(" [1, {}] ", vec![]).map(|args| args.items().map(|items| items.len())),
            Ok(Ok(2))
        );
        for text in ["", "{}", "1", "[", "[1]2", "null"] {
            assert_eq!(Args::parse(text, vec![]), Err(Malformed::Data), "{text}");
        }
    }

    #[test]
    fn debug_shows_sizes_only() {
        let args = Args::event("canary").attachment(Bytes::from_static(b"canary")).build();
        assert!(!format!("{args:?}").contains("canary"));
    }
}
