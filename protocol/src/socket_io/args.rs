use std::{borrow::Cow, fmt};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use super::Malformed;
use crate::{
    Payload, PayloadError,
    json::{self, Invalid},
    limits::ENVELOPE_DEPTH_MAX,
};

/// The arguments of an event or an acknowledgement: each one's JSON, and the attachments they point to.
///
/// They stand in one text, so that an event that waits for its app is one piece of memory.
///
/// `Debug` shows sizes only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Args {
    /// The values, with a comma between two.
    text: String,
    ends: Ends,
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
        let mut args = Self { text: String::with_capacity(json.len()), attachments, ..Self::default() };
        json::elements(json, ENVELOPE_DEPTH_MAX, |item| args.push(item))?;
        // Space between the arguments was left out, and what waits is counted by what it holds.
        if args.text.capacity() > args.json_bytes() {
            args.text.shrink_to_fit();
        }
        Ok(args)
    }

    /// The arguments as one JSON array.
    pub fn to_json(&self) -> String {
        let mut json = String::with_capacity(self.json_bytes());
        self.write_json(&mut json);
        json
    }

    pub(super) fn write_json(&self, out: &mut String) {
        out.push('[');
        out.push_str(&self.text);
        out.push(']');
    }

    pub(super) fn json_bytes(&self) -> usize {
        "[]".len() + self.text.len()
    }

    /// How many there are; an event's name is the first.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The JSON of one, counted from 0.
    pub fn get(&self, index: usize) -> Option<&str> {
        let end = self.ends.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => self.ends.get(before)? + ",".len(),
            None => 0,
        };
        self.text.get(start..end)
    }

    /// The JSON of each.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// The JSON of the last.
    pub fn last(&self) -> Option<&str> {
        self.get(self.len().checked_sub(1)?)
    }

    /// Decodes one, counted from 0; unknown fields are ignored. `None` where there is none.
    ///
    /// # Errors
    /// [`PayloadError::Mismatch`] where the JSON does not have the type's shape.
    pub fn decode<T: DeserializeOwned>(&self, index: usize) -> Result<Option<T>, PayloadError> {
        let json = self.get(index);
        json.map(serde_json::from_str).transpose().map_err(|_| PayloadError::Mismatch)
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

    /// An event's name, the first element. (A number is allowed as a name by the protocol and is given as its text.)
    /// Never `None` for an event that was decoded or built.
    pub fn name(&self) -> Option<Cow<'_, str>> {
        let first = self.get(0)?;
        if let Some(plain) = json::plain_string(first) {
            return Some(Cow::Borrowed(plain));
        }
        match first.as_bytes().first()? {
            b'"' => serde_json::from_str(first).ok().map(Cow::Owned),
            b'-' | b'0'..=b'9' => Some(Cow::Borrowed(first)),
            _ => None,
        }
    }

    /// Reads an event: its [`name`](Self::name), and the rest.
    ///
    /// # Errors
    /// [`Malformed::Data`] where the first element is no name; never for an event that was decoded or built.
    pub fn into_event(self) -> Result<EventArgs, Malformed> {
        let name = self.name().ok_or(Malformed::Data)?.into_owned();
        let args = self.iter().skip(1).map(Payload::received).collect();
        Ok(EventArgs { name, args, attachments: self.attachments })
    }

    fn push(&mut self, item: &str) {
        if !self.is_empty() {
            self.text.push(',');
        }
        self.text.push_str(item);
        self.ends.push(self.text.len());
    }
}

impl fmt::Debug for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Args({} bytes, {} attachments)", self.json_bytes(), self.attachments.len())
    }
}

/// Where each argument ends in the text. A name, a payload and a meta take no memory of their own.
#[derive(Clone, PartialEq, Eq)]
enum Ends {
    Few { ends: [usize; FEW], len: usize },
    Many(Vec<usize>),
}

impl Ends {
    fn len(&self) -> usize {
        match self {
            Self::Few { len, .. } => *len,
            Self::Many(ends) => ends.len(),
        }
    }

    fn get(&self, index: usize) -> Option<usize> {
        match self {
            Self::Few { ends, len } => ends.get(..*len)?.get(index).copied(),
            Self::Many(ends) => ends.get(index).copied(),
        }
    }

    fn push(&mut self, end: usize) {
        match self {
            Self::Few { ends, len } => match ends.get_mut(*len) {
                Some(free) => {
                    *free = end;
                    *len += 1;
                }
                None => {
                    let mut many = ends.to_vec();
                    many.push(end);
                    *self = Self::Many(many);
                }
            },
            Self::Many(ends) => ends.push(end),
        }
    }
}

impl Default for Ends {
    fn default() -> Self {
        Self::Few { ends: [0; FEW], len: 0 }
    }
}

const FEW: usize = 3;

impl From<Invalid> for Malformed {
    fn from(_: Invalid) -> Self {
        Self::Data
    }
}

/// Whether the text is one JSON array that nests no deeper than an envelope may.
pub(super) fn check_array(json: &str) -> Result<(), Malformed> {
    Ok(json::elements(json, ENVELOPE_DEPTH_MAX, |_| ())?)
}

/// Puts arguments together without parsing what is JSON already.
#[derive(Default)]
pub struct ArgsBuilder(Args);

impl ArgsBuilder {
    /// Appends a payload as it is.
    #[must_use]
    pub fn payload(self, payload: &Payload) -> Self {
        self.raw(payload.as_str())
    }

    /// Appends the elements of an array of arguments.
    #[must_use]
    pub fn args(self, args: &Args) -> Self {
        args.iter().fold(self, Self::raw)
    }

    /// Appends each element of a payload that is a JSON array; anything else is appended as one argument.
    #[must_use]
    pub fn elements(self, array: &Payload) -> Self {
        match Args::parse(array.as_str(), Vec::new()) {
            Ok(args) => self.args(&args),
            Err(_) => self.payload(array),
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
        let placeholder = format!("{{\"_placeholder\":true,\"num\":{}}}", self.0.attachments.len());
        self.0.attachments.push(bytes);
        self.raw(&placeholder)
    }

    /// Takes over attachments whose placeholders already stand in the appended payloads.
    #[must_use]
    pub fn attachments(mut self, attachments: Vec<Bytes>) -> Self {
        self.0.attachments = attachments;
        self
    }

    /// The arguments.
    pub fn build(self) -> Args {
        self.0
    }

    fn raw(mut self, json: &str) -> Self {
        self.0.push(json);
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
        assert_eq!((none.to_json().as_str(), none.bytes(), none.get(0), none.last()), ("[]", 2, None, None));
        assert_eq!(none.into_event(), Err(Malformed::Data));
    }

    #[test]
    fn each_argument_is_cut_out_of_the_text() {
        let items = ["\"a\"", "[1,2]", "{\"b\":\",\"}", "4", "\"\"", "null"];
        for count in 0..=items.len() {
            let items = &items[..count];
            for json in [format!("[{}]", items.join(",")), format!(" [ {} ] ", items.join(" , "))] {
                let args = Args::parse(&json, vec![]).expect("an array");
                assert_eq!(args.iter().collect::<Vec<_>>(), items);
                assert_eq!((args.len(), args.last()), (count, items.last().copied()));
                assert_eq!(args.get(count), None);
                assert_eq!(args.to_json(), format!("[{}]", items.join(",")));
            }
        }
    }

    #[test]
    fn what_was_left_out_takes_no_memory() {
        for json in ["[\"e\",1]".to_owned(), format!("[\"e\",{}1]", " ".repeat(100_000))] {
            let args = Args::parse(&json, vec![]).expect("an array");
            assert!(args.text.capacity() <= args.bytes(), "{} bytes", args.text.capacity());
        }
    }

    #[test]
    fn a_name_is_a_string_or_a_number() {
        for (json, name) in [
            (r#"["say"]"#, Some("say")),
            (r#"["say \"hi\"",1]"#, Some("say \"hi\"")),
            (r#"[""]"#, Some("")),
            ("[-12.5]", Some("-12.5")),
            ("[7,8]", Some("7")),
            ("[]", None),
            ("[null]", None),
            ("[{}]", None),
            ("[[]]", None),
            (r#"["\ud800"]"#, None),
        ] {
            let args = Args::parse(json, vec![]).expect("an array");
            assert_eq!(args.name().as_deref(), name, "{json}");
            assert_eq!(args.into_event().ok().map(|event| event.name).as_deref(), name, "{json}");
        }
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
