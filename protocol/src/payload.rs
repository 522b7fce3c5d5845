use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{
    json::{self, Invalid},
    limits::JSON_DEPTH_MAX,
};

/// One JSON value kept as the text it came in, so that what was queued is what is sent, byte for byte.
///
/// `Debug` shows its size only: a payload belongs to the app and never to a log.
#[derive(Clone)]
pub struct Payload(Box<str>);

impl Payload {
    /// The JSON of a value.
    ///
    /// # Errors
    /// [`PayloadError::NotJson`] where the value cannot be JSON (a map with keys that are no strings, a failing
    /// `Serialize`).
    pub fn new<T: Serialize + ?Sized>(value: &T) -> Result<Self, PayloadError> {
        Self::parse(serde_json::to_string(value).map_err(|_| PayloadError::NotJson)?)
    }

    /// Takes JSON text as it is.
    ///
    /// # Errors
    /// [`PayloadError::NotJson`] for text that is not one JSON value, [`PayloadError::TooDeep`] beyond
    /// [`JSON_DEPTH_MAX`].
    pub fn parse(text: impl Into<String>) -> Result<Self, PayloadError> {
        let text = text.into();
        let value = json::value(&text, JSON_DEPTH_MAX)?;
        Ok(Self(if value.len() == text.len() { text.into() } else { value.into() }))
    }

    /// `null`.
    pub fn null() -> Self {
        Self("null".into())
    }

    /// Decodes the value; unknown fields are ignored.
    ///
    /// # Errors
    /// [`PayloadError::Mismatch`] where the JSON does not have the type's shape.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, PayloadError> {
        serde_json::from_str(&self.0).map_err(|_| PayloadError::Mismatch)
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The size of the JSON text in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never: the shortest JSON value has one byte.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// A part of an envelope that was checked as a whole: one value, without space around it. It may nest a little
    /// deeper than what [`Payload::new`] and [`Payload::parse`] let an app make, because it may be an envelope itself.
    pub(crate) fn received(value: &str) -> Self {
        Self(value.into())
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.len())
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Payload {}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(&self.0).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        json::value(raw.get(), JSON_DEPTH_MAX)
            .map_err(|error| serde::de::Error::custom(PayloadError::from(error)))?;
        Ok(Self(raw.into()))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Payload {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Payload".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!(true)
    }

    fn inline_schema() -> bool {
        true
    }
}

/// Why a value is no payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PayloadError {
    /// The text is not one JSON value, or the value cannot be written as JSON.
    NotJson,
    /// The JSON nests deeper than [`JSON_DEPTH_MAX`].
    TooDeep,
    /// The JSON does not have the shape of the type it was decoded to.
    Mismatch,
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotJson => "not a JSON value",
            Self::TooDeep => "JSON nested too deep",
            Self::Mismatch => "JSON of another shape",
        })
    }
}

impl std::error::Error for PayloadError {}

impl From<Invalid> for PayloadError {
    fn from(invalid: Invalid) -> Self {
        match invalid {
            Invalid::Grammar => Self::NotJson,
            Invalid::Depth => Self::TooDeep,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn nested(depth: usize) -> String {
        "[".repeat(depth) + &"]".repeat(depth)
    }

    #[test]
    fn text_is_kept_as_it_came_without_the_space_around_it() {
        let text = r#"{ "b":1, "a":12345678901234567890123, "b":1.0 }"#;
        assert_eq!(Payload::parse(format!(" {text}\n")).expect("JSON").as_str(), text);
    }

    #[test]
    fn what_is_not_one_json_value_is_refused() {
        for text in ["", " ", "{", "[1,]", "nul", "1 2", "{}x", "'a'", "\u{feff}1", "01", "NaN", "\"\t\""] {
            assert_eq!(Payload::parse(text), Err(PayloadError::NotJson), "{text:?}");
        }
        assert_eq!(Payload::new(&BTreeMap::from([((1, 2), 3)])), Err(PayloadError::NotJson));
    }

    #[test]
    fn depth_has_its_limit() {
        assert!(Payload::parse(nested(JSON_DEPTH_MAX)).is_ok());
        assert_eq!(Payload::parse(nested(JSON_DEPTH_MAX + 1)), Err(PayloadError::TooDeep));
        assert_eq!(Payload::parse(nested(1_000_000)), Err(PayloadError::TooDeep));
        let objects = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        assert!(Payload::parse(objects(JSON_DEPTH_MAX)).is_ok());
        assert_eq!(Payload::parse(objects(JSON_DEPTH_MAX + 1)), Err(PayloadError::TooDeep));
        // The same holds for a payload inside something else.
        let inside = |depth: usize| serde_json::from_str::<Vec<Payload>>(&format!("[{}]", nested(depth)));
        assert!(inside(JSON_DEPTH_MAX).is_ok());
        assert!(inside(JSON_DEPTH_MAX + 1).is_err());
    }

    #[test]
    fn brackets_in_strings_and_side_by_side_are_not_depth() {
        let in_string = format!(r#"["\\\"{}"]"#, "[{".repeat(1000));
        assert!(Payload::parse(in_string).is_ok());
        assert!(Payload::parse(format!("[{}1]", "[],{},".repeat(1000))).is_ok());
    }

    #[test]
    fn unknown_fields_are_ignored_and_another_shape_is_an_error() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Known {
            a: u8,
        }
        let read = |text: &str| Payload::parse(text).expect("JSON").decode::<Known>();
        assert_eq!(read(r#"{"a":1,"new":{}}"#), Ok(Known { a: 1 }));
        for text in [r#"{"a":256}"#, "{}", "[]", "null", r#"{"a":"1"}"#] {
            assert_eq!(read(text), Err(PayloadError::Mismatch), "{text}");
        }
    }

    #[test]
    fn debug_shows_the_size_only() {
        assert_eq!(format!("{:?}", Payload::parse(r#""canary""#).expect("JSON")), "Payload(8 bytes)");
    }
}
