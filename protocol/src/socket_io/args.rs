use std::fmt;

use bytes::Bytes;
use serde::Serialize;

use super::Malformed;
use crate::{
    Payload, PayloadError,
    json::{self, Invalid},
    limits::ENVELOPE_DEPTH_MAX,
};

/// The arguments of an event or an acknowledgement: each one's JSON, and the attachments they point to.
///
/// `Debug` shows sizes only.
#[derive(Clone, PartialEq, Eq)]
pub struct Args {
    items: Vec<Payload>,
    attachments: Vec<Bytes>,
}

/// An event's arguments, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventArgs {
    /// The event's name.
    pub name: String,
    /// What came with it. An attachment's place holds `{"_placeholder":true,"num":N}`.
    pub args: Vec<Payload>,
    /// The binary attachments, in the order of their placeholders' numbers.
    pub attachments: Vec<Bytes>,
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

    /// Takes a JSON array.
    ///
    /// # Errors
    /// [`Malformed::Data`] where the text is not a JSON array or nests deeper than
    /// [`ENVELOPE_DEPTH_MAX`](crate::limits::ENVELOPE_DEPTH_MAX).
    pub fn parse(json: &str, attachments: Vec<Bytes>) -> Result<Self, Malformed> {
        // A name, a payload and a meta.
        let mut items = Vec::with_capacity(3);
        json::elements(json, ENVELOPE_DEPTH_MAX, |item| items.push(Payload::received(item)))?;
        Ok(Self { items, attachments })
    }

    /// The arguments as one JSON array.
    pub fn to_json(&self) -> String {
        let mut json = String::with_capacity(self.json_bytes());
        self.write_json(&mut json);
        json
    }

    pub(super) fn write_json(&self, out: &mut String) {
        out.push('[');
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            out.push_str(item.as_str());
        }
        out.push(']');
    }

    pub(super) fn json_bytes(&self) -> usize {
        // The brackets, and the commas between.
        let around = 1 + self.items.len().max(1);
        around + self.items.iter().map(Payload::len).sum::<usize>()
    }

    /// Each element; an event's name is the first.
    pub fn items(&self) -> &[Payload] {
        &self.items
    }

    /// The first element, where there is one.
    pub fn first(&self) -> Option<&Payload> {
        self.items.first()
    }

    /// The binary attachments, in the order of their placeholders' numbers.
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    pub(super) fn into_attachments(self) -> Vec<Bytes> {
        self.attachments
    }

    /// The size of text and attachments in bytes.
    pub fn bytes(&self) -> usize {
        self.json_bytes() + self.attachments.iter().map(Bytes::len).sum::<usize>()
    }

    /// Reads an event: its first element is the name. (A number is allowed as a name by the protocol and is given
    /// as its text.)
    ///
    /// # Errors
    /// [`Malformed::Data`] where the first element is no name; never for an event that was decoded or built.
    pub fn into_event(self) -> Result<EventArgs, Malformed> {
        let Self { items: mut args, attachments } = self;
        if args.is_empty() {
            return Err(Malformed::Data);
        }
        let name = name(args.remove(0).into_string()).ok_or(Malformed::Data)?;
        Ok(EventArgs { name, args, attachments })
    }

    /// Whether the first element is an event's name.
    pub(super) fn check_name(&self) -> Result<(), Malformed> {
        let first = self.first().ok_or(Malformed::Data)?.as_str();
        let is_name = json::plain_string(first).is_some() || name(first.to_owned()).is_some();
        if is_name { Ok(()) } else { Err(Malformed::Data) }
    }
}

/// An event's name: a string, or a number as its text.
fn name(mut item: String) -> Option<String> {
    if json::plain_string(&item).is_some() {
        item.pop();
        item.remove(0);
        return Some(item);
    }
    match item.as_bytes().first()? {
        b'"' => serde_json::from_str(&item).ok(),
        b'-' | b'0'..=b'9' => Some(item),
        _ => None,
    }
}

impl From<Invalid> for Malformed {
    fn from(_: Invalid) -> Self {
        Self::Data
    }
}

/// Whether the text is one JSON array that nests no deeper than an envelope may.
pub(super) fn check_array(json: &str) -> Result<(), Malformed> {
    Ok(json::elements(json, ENVELOPE_DEPTH_MAX, |_| ())?)
}

impl fmt::Debug for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Args({} bytes, {} attachments)", self.json_bytes(), self.attachments.len())
    }
}

/// Puts arguments together without parsing what is JSON already.
#[derive(Default)]
pub struct ArgsBuilder {
    items: Vec<Payload>,
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
    pub fn elements(mut self, array: &Payload) -> Self {
        let Ok(args) = Args::parse(array.as_str(), Vec::new()) else { return self.payload(array) };
        self.items.extend(args.items);
        self
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
    pub fn build(self) -> Args {
        Args { items: self.items, attachments: self.attachments }
    }

    fn raw(mut self, json: &str) -> Self {
        self.items.push(Payload::received(json));
        self
    }
}

/// The JSON of a string.
pub(super) fn quoted(text: &str) -> String {
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
            args.to_json(),
            r#"["say \"hi\"",{ },7,{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#
        );
        assert_eq!(args.bytes(), args.to_json().len() + 3);
        assert_eq!(args.into_event().expect("an event").name, "say \"hi\"");
    }

    #[test]
    fn no_arguments_are_an_empty_array() {
        let none = Args::ack().build();
        assert_eq!((none.to_json().as_str(), none.bytes(), none.first()), ("[]", 2, None));
        assert_eq!(none.into_event(), Err(Malformed::Data));
    }

    #[test]
    fn only_an_array_is_taken() {
        assert_eq!(Args::parse(" [1, {}] ", vec![]).map(|args| args.to_json()), Ok("[1,{}]".to_owned()));
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
