use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Epoch, ErrorBody, Payload, Tag};

/// The key that makes an action safe to send twice: a UUID, version 7 unless the app brings its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct ActionId(Uuid);

impl ActionId {
    /// An id from the system's clock and randomness.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that makes ids; the engine gets them as arguments"
    )]
    pub fn random() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id under which a voided action is retried: UUIDv5 of the old id and the attempt, so that every copy of a
    /// database retries under the same one.
    #[must_use]
    pub fn retry(self, attempt: u32) -> Self {
        Self(Uuid::new_v5(&self.0, &attempt.to_be_bytes()))
    }

    /// The UUID.
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for ActionId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl fmt::Display for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ActionId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// A place in the owner's ledger of applied actions, with the fingerprint that names its history.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LedgerCursor {
    /// The ledger's incarnation.
    pub epoch: Epoch,
    /// How many actions were applied up to here.
    pub position: u64,
    /// The tag at that position.
    pub tag: Tag,
}

/// The place in the ledger that was known when an action was submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LedgerMark {
    /// The position; 0 before the first.
    pub position: u64,
    /// The tag at that position.
    #[serde(default)]
    pub tag: Tag,
}

/// What goes with an action from a Keepline client. A stock client may send `{id}` or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ActionMeta {
    /// The action's id.
    pub id: ActionId,
    /// The nearest predecessor in its lane that had no outcome here, queued or sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prev: Option<ActionId>,
    /// The ledger as known at submit. Kept with the row and never raised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<LedgerMark>,
    /// How long ago it was submitted, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_ms: Option<u64>,
}

/// The payload of `action:void:v1`: settle this id as void unless it already has an outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VoidRequest {
    /// The id to void.
    pub id: ActionId,
    /// As in [`ActionMeta`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prev: Option<ActionId>,
    /// As in [`ActionMeta`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<LedgerMark>,
}

/// The answer to an action. With a position it is an outcome, stored for good; without one it is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ActionAck {
    /// Whether the action was applied.
    pub ok: bool,
    /// The handler's answer, where `ok`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<Payload>,
    /// Why not, where not `ok`. A void is `VOID` with a position.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorBody>,
    /// The outcome's place in the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// The ledger's tag there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    /// The outcome was stored before; the action came again.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dup: bool,
    /// The verdict stands, its reply was forgotten.
    #[serde(default, skip_serializing_if = "is_false")]
    pub forgotten: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

impl ActionAck {
    /// The answer with this error and no place in the ledger: it is no outcome.
    pub fn refused(error: ErrorBody) -> Self {
        Self {
            ok: false,
            reply: None,
            error: Some(error),
            position: None,
            tag: None,
            dup: false,
            forgotten: false,
        }
    }
}

/// How the server's ledger stands to the cursor that the client sent at CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LedgerStatus {
    /// The client's cursor lies in the server's history, or the client sent none.
    Ok,
    /// It does not: the server was restored from a backup.
    RolledBack,
    /// It is older than what the server kept to compare.
    Unverifiable,
}

/// The ledger in `session:ready:v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LedgerReady {
    /// The ledger's incarnation.
    pub epoch: Epoch,
    /// Its last position.
    pub position: u64,
    /// Its tag there.
    pub tag: Tag,
    /// Entries at or below were forgotten.
    pub floor: u64,
    /// The comparison with the client's cursor.
    pub status: LedgerStatus,
}

/// The payload of `ledger:check:v1`: which of these places are in your history?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LedgerCheck {
    /// At most [`LEDGER_CURSORS_MAX`](crate::limits::LEDGER_CURSORS_MAX).
    pub cursors: Vec<LedgerCursor>,
}

/// The answer to `ledger:check:v1`: those that are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LedgerChecked {
    /// The confirmed cursors, in the order asked.
    pub confirmed: Vec<LedgerCursor>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;

    #[test]
    fn a_retry_has_the_same_id_on_every_copy() {
        let id: ActionId = "0198c5a2-7d0e-7b1c-9b1f-0a4c5d6e7f80".parse().expect("a UUID");
        assert_eq!(id.retry(1), id.retry(1));
        assert_ne!(id.retry(1), id.retry(2));
        assert_ne!(id.retry(1), id);
        assert_eq!(id.retry(1).uuid().get_version_num(), 5);
    }

    #[test]
    fn new_ids_differ_and_are_of_version_7() {
        let (one, two) = (ActionId::random(), ActionId::random());
        assert_ne!(one, two);
        assert_eq!(one.uuid().get_version_num(), 7);
    }

    #[test]
    fn a_stock_clients_meta_is_an_id_alone() {
        let meta: ActionMeta =
            serde_json::from_str(r#"{"id":"0198c5a2-7d0e-7b1c-9b1f-0a4c5d6e7f80"}"#).expect("reads");
        assert_eq!((meta.prev, meta.mark, meta.age_ms), (None, None, None));
        for text in ["{}", r#"{"id":""}"#, r#"{"id":"7"}"#, r#"{"id":7}"#] {
            assert!(serde_json::from_str::<ActionMeta>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_null_reply_and_an_absent_one_are_the_same() {
        let read = |text: &str| serde_json::from_str::<ActionAck>(text).expect("reads");
        assert_eq!(read(r#"{"ok":true,"reply":null,"position":1}"#), read(r#"{"ok":true,"position":1}"#));
    }

    #[test]
    fn an_answer_keeps_its_reply_byte_for_byte() {
        let reply = r#"{ "n":12345678901234567890123 }"#;
        let text = format!(r#"{{"ok":true,"reply":{reply},"position":118,"tag":"00000000000000ff"}}"#);
        let ack: ActionAck = serde_json::from_str(&text).expect("reads");
        assert_eq!(ack.reply.as_ref().map(Payload::as_str), Some(reply));
        assert_eq!(serde_json::to_string(&ack).expect("serialises"), text);
    }

    #[test]
    fn a_void_is_an_outcome() {
        let text = r#"{"ok":false,"error":{"code":"VOID"},"position":9,"tag":"00000000000000ff","dup":true}"#;
        let ack: ActionAck = serde_json::from_str(text).expect("reads");
        assert_eq!(
            (ack.error.map(|error| error.code), ack.position, ack.dup),
            (Some(ErrorCode::Void), Some(9), true)
        );
    }
}
