use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::limits::JSON_DEPTH_MAX;

/// One JSON value kept as the text it came in, so that what was queued is what is sent, byte for byte.
///
/// `Debug` shows its size only: a payload belongs to the app and never to a log.
#[derive(Clone)]
pub struct Payload(Box<RawValue>);

impl Payload {
    /// The JSON of a value.
    ///
    /// # Errors
    /// [`PayloadError::NotJson`] where the value cannot be JSON (a map with keys that are no strings, a failing
    /// `Serialize`).
    pub fn new<T: Serialize + ?Sized>(value: &T) -> Result<Self, PayloadError> {
        let raw = serde_json::value::to_raw_value(value).map_err(|_| PayloadError::NotJson)?;
        Self::checked(raw)
    }

    /// Takes JSON text as it is.
    ///
    /// # Errors
    /// [`PayloadError::NotJson`] for text that is not one JSON value, [`PayloadError::TooDeep`] beyond
    /// [`JSON_DEPTH_MAX`].
    pub fn parse(text: impl Into<String>) -> Result<Self, PayloadError> {
        let text = text.into();
        check_depth(&text, JSON_DEPTH_MAX)?;
        RawValue::from_string(text).map(Self).map_err(|_| PayloadError::NotJson)
    }

    /// `null`.
    pub fn null() -> Self {
        Self(RawValue::NULL.to_owned())
    }

    /// Decodes the value; unknown fields are ignored.
    ///
    /// # Errors
    /// [`PayloadError::Mismatch`] where the JSON does not have the type's shape.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, PayloadError> {
        serde_json::from_str(self.0.get()).map_err(|_| PayloadError::Mismatch)
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The size of the JSON text in bytes.
    pub fn len(&self) -> usize {
        self.0.get().len()
    }

    /// Never: the shortest JSON value has one byte.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// A part of an envelope whose depth was checked as a whole. It may nest a little deeper than what
    /// [`Payload::new`] and [`Payload::parse`] let an app make, because it may be an envelope itself.
    pub(crate) fn received(raw: Box<RawValue>) -> Self {
        Self(raw)
    }

    fn checked(raw: Box<RawValue>) -> Result<Self, PayloadError> {
        check_depth(raw.get(), JSON_DEPTH_MAX)?;
        Ok(Self(raw))
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
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::checked(raw).map_err(serde::de::Error::custom)
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

/// Depth is counted on the bytes before any parser that recurses sees them.
pub(crate) fn check_depth(text: &str, depth_max: usize) -> Result<(), PayloadError> {
    // Most JSON has too few brackets to be too deep, and counting them all takes a fraction of the scan below.
    let opened = text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count();
    if opened <= depth_max {
        return Ok(());
    }
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > depth_max {
                    return Err(PayloadError::TooDeep);
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
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
