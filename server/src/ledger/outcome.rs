use keepline_protocol::{ActionAck, ErrorBody, ErrorCode, Payload, Tag};
use sha2::{Digest as _, Sha256};

/// The fingerprint of an action's name and payload, by which a second use of its id is told apart from a copy.
///
/// It is over the parsed JSON with sorted keys, so that another serialiser's spaces and order make no conflict.
/// Sixteen bytes: chance does not hit it, and an owner who forges one deceives only himself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest(pub(super) [u8; 16]);

impl Digest {
    pub(crate) fn of(name: &str, payload: &Payload) -> Self {
        let mut hash = Sha256::new();
        hash.update(u64::try_from(name.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(name.as_bytes());
        // A map of serde_json is sorted by its keys.
        match payload.decode::<serde_json::Value>() {
            Ok(value) => hash.update(value.to_string().as_bytes()),
            Err(_) => hash.update(payload.as_str().as_bytes()),
        }
        let mut first = [0; 16];
        first.copy_from_slice(&hash.finalize()[..16]);
        Self(first)
    }
}

/// What became of an action, for good.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Applied(Payload),
    Refused(ErrorBody),
    Void,
}

impl Outcome {
    pub(super) fn verdict(&self) -> i64 {
        match self {
            Self::Applied(_) => 0,
            Self::Refused(_) => 1,
            Self::Void => 2,
        }
    }

    pub(super) fn body(&self) -> Option<String> {
        match self {
            Self::Applied(reply) => Some(reply.as_str().to_owned()),
            Self::Refused(error) => Some(serde_json::to_string(error).expect("an error body is JSON")),
            Self::Void => None,
        }
    }

    pub(super) fn read(verdict: i64, body: Option<&str>) -> Option<Self> {
        Some(match verdict {
            0 => Self::Applied(body.map_or_else(|| Ok(Payload::null()), Payload::parse).ok()?),
            1 => Self::Refused(serde_json::from_str(body?).ok()?),
            2 => Self::Void,
            _ => return None,
        })
    }

    /// What the ledger's tag runs over, beside the id.
    pub(super) fn fingerprint(&self, body: Option<&str>) -> String {
        format!("{}:{}", self.verdict(), body.unwrap_or_default())
    }
}

/// An outcome with its place in the ledger.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub(crate) outcome: Outcome,
    pub(crate) position: u64,
    pub(crate) tag: Tag,
    pub(crate) dup: bool,
    pub(crate) forgotten: bool,
}

impl Recorded {
    /// The answer on the wire.
    pub(crate) fn ack(self) -> ActionAck {
        let (ok, reply, error) = match self.outcome {
            Outcome::Applied(reply) => (true, (!self.forgotten).then_some(reply), None),
            Outcome::Refused(error) => (false, None, Some(error)),
            Outcome::Void => {
                (false, None, Some(ErrorBody::new(ErrorCode::Void, "voided before it was applied")))
            }
        };
        ActionAck {
            ok,
            reply,
            error,
            position: Some(self.position),
            tag: Some(self.tag),
            dup: self.dup,
            forgotten: self.forgotten,
        }
    }
}
