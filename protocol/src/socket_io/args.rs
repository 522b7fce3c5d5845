use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::Malformed;
use crate::{Payload, PayloadError, payload::check_depth};

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
    /// [`Malformed::Data`] where the text is not a JSON array or nests too deep.
    pub fn parse(json: impl Into<Box<str>>, attachments: Vec<Bytes>) -> Result<Self, Malformed> {
        let json = json.into();
        check_depth(&json).map_err(|_| Malformed::Data)?;
        serde_json::from_str::<Vec<serde::de::IgnoredAny>>(&json).map_err(|_| Malformed::Data)?;
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
        items.into_iter().map(|raw| Payload::checked(raw).map_err(|_| Malformed::Data)).collect()
    }

    /// Reads an event: its first element is the name. (A number is allowed as a name by the protocol and is given
    /// as its text.)
    ///
    /// # Errors
    /// [`Malformed::Data`] where the first element is no name.
    pub fn to_event(&self) -> Result<EventArgs, Malformed> {
        let mut items = self.items()?.into_iter();
        let first = items.next().ok_or(Malformed::Data)?;
        let name = match first.decode::<String>() {
            Ok(name) => name,
            Err(_) if first.decode::<serde_json::Number>().is_ok() => first.as_str().to_owned(),
            Err(_) => return Err(Malformed::Data),
        };
        Ok(EventArgs { name, args: items.collect() })
    }

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
