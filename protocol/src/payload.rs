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
        check_depth(&text)?;
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

    pub(crate) fn checked(raw: Box<RawValue>) -> Result<Self, PayloadError> {
        check_depth(raw.get())?;
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
pub(crate) fn check_depth(text: &str) -> Result<(), PayloadError> {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > JSON_DEPTH_MAX {
                    return Err(PayloadError::TooDeep);
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}
