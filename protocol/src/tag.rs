use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// A running fingerprint of a log: equal tags at equal offsets mean equal history.
///
/// The first 8 bytes of SHA-256(previous tag ‖ u32 length and bytes of the name ‖ u32 length and bytes of the
/// payload), integers big-endian; on the wire 16 hexadecimal digits. The ledger's tag runs the same way over id and
/// outcome. It finds logs that were restored or rewritten under the same epoch; it is no signature.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Tag([u8; 8]);

impl Tag {
    /// The tag before the first entry: eight zero bytes.
    pub const START: Self = Self([0; 8]);

    /// The tag after one more entry.
    #[must_use]
    pub fn next(self, name: &[u8], payload: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        for part in [name, payload] {
            hash.update(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            hash.update(part);
        }
        let digest = hash.finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        Self(first)
    }

    /// The bytes, for storage.
    pub fn to_bytes(self) -> [u8; 8] {
        self.0
    }

    /// The tag with these bytes.
    pub fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As one number: each event on the wire has a tag.
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({self})")
    }
}

/// The text is not 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TagError;

impl fmt::Display for TagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a tag is 16 hexadecimal digits")
    }
}

impl std::error::Error for TagError {}

impl FromStr for Tag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, TagError> {
        let digits: &[u8; 16] = text.as_bytes().try_into().map_err(|_| TagError)?;
        let mut number = 0u64;
        for digit in digits {
            let value = char::from(*digit).to_digit(16).ok_or(TagError)?;
            number = number << 4 | u64::from(value);
        }
        Ok(Self(number.to_be_bytes()))
    }
}

impl Serialize for Tag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Tag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Tag {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Tag".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A running fingerprint of a log, 16 hexadecimal digits: equal tags at equal offsets mean equal history.",
            "pattern": "^[0-9a-f]{16}$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_sixteen_digits() {
        let tag: Tag = "00000000000000ff".parse().expect("a tag");
        assert_eq!(tag.to_bytes(), [0, 0, 0, 0, 0, 0, 0, 255]);
        assert_eq!(tag.to_string(), "00000000000000ff");
        assert_eq!("00000000000000FF".parse(), Ok(tag));
        for text in ["", "ff", "000000000000000ff", "00000000000000fg", "+0000000000000ff", "é0000000000000f"]
        {
            assert_eq!(text.parse::<Tag>(), Err(TagError), "{text}");
        }
    }

    #[test]
    fn lengths_keep_name_and_payload_apart() {
        assert_ne!(Tag::START.next(b"ab", b"c"), Tag::START.next(b"a", b"bc"));
        assert_ne!(Tag::START.next(b"", b""), Tag::START);
    }
}
