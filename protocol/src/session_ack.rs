use serde::{Deserialize, Serialize, de::Error as _};
use serde_json::value::RawValue;

use crate::ErrorBody;

/// The answer to a session action (subscribe, refresh, check): `{ok: true, …the answer's fields}` or
/// `{ok: false, error}`. These are not in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionAck<T> {
    /// The answer.
    Ok(T),
    /// Why there is none.
    Refused(ErrorBody),
}

#[derive(Serialize)]
struct Accepted<'a, T> {
    ok: bool,
    #[serde(flatten)]
    answer: &'a T,
}

#[derive(Serialize)]
struct Refused<'a> {
    ok: bool,
    error: &'a ErrorBody,
}

#[derive(Deserialize)]
struct Verdict {
    ok: bool,
    #[serde(default)]
    error: Option<ErrorBody>,
}

impl<T: Serialize> Serialize for SessionAck<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Ok(answer) => Accepted { ok: true, answer }.serialize(serializer),
            Self::Refused(error) => Refused { ok: false, error }.serialize(serializer),
        }
    }
}

impl<'de, T: serde::de::DeserializeOwned> Deserialize<'de> for SessionAck<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A raw value cannot be read out of a flattened field, which serde buffers: so the text is read twice, once
        // for the verdict and once for the answer.
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let verdict: Verdict = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
        match (verdict.ok, verdict.error) {
            (true, _) => serde_json::from_str(raw.get()).map(Self::Ok).map_err(D::Error::custom),
            (false, Some(error)) => Ok(Self::Refused(error)),
            (false, None) => Err(D::Error::missing_field("error")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Epoch, ErrorCode, Payload, Reset, ResetReason, StreamStatus, Subscribed, Tag, Unsubscribed,
        limits::JSON_DEPTH_MAX,
    };

    fn epoch() -> Epoch {
        Epoch::new("e").expect("a short text")
    }

    fn reset(snapshot: Payload) -> Reset {
        Reset {
            epoch: epoch(),
            offset: 40,
            tag: Some(Tag::START),
            reason: ResetReason::Trimmed,
            snapshot: Some(snapshot),
        }
    }

    fn snapshots() -> [Payload; 4] {
        // The large number and the spaces would not survive a parsed copy.
        let exact = Payload::parse(r#"{"text": "so far", "n":12345678901234567890123}"#).expect("JSON");
        let deepest =
            Payload::parse("[".repeat(JSON_DEPTH_MAX) + &"]".repeat(JSON_DEPTH_MAX)).expect("at the limit");
        [exact, Payload::parse("7").expect("JSON"), Payload::parse("[]").expect("JSON"), deepest]
    }

    #[test]
    fn a_subscribe_answer_keeps_its_snapshot_byte_for_byte() {
        for snapshot in snapshots() {
            let answer = SessionAck::Ok(Subscribed {
                status: StreamStatus::Reset,
                epoch: Some(epoch()),
                from: 40,
                head: 41,
                more: true,
                reset: Some(reset(snapshot.clone())),
            });
            let text = serde_json::to_string(&answer).expect("serialises");
            assert!(text.starts_with(r#"{"ok":true,"status":"reset""#), "{text}");
            assert!(text.contains(snapshot.as_str()));
            assert_eq!(serde_json::from_str::<SessionAck<Subscribed>>(&text).expect("reads back"), answer);
        }
    }

    #[test]
    fn a_subscribe_answer_reads_back_out_of_its_acknowledgement() {
        use crate::socket_io::{Args, Decoder, Kind, Packet};
        for snapshot in snapshots() {
            let answer = SessionAck::Ok(Subscribed {
                status: StreamStatus::Reset,
                epoch: Some(epoch()),
                from: 0,
                head: 0,
                more: false,
                reset: Some(reset(snapshot)),
            });
            let args = Args::ack().value(&answer).expect("serialises").build();
            let text = Packet::root(Kind::Ack { id: 1, args }).encode().text;
            let packet = Decoder::default().text(&text).expect("well formed").expect("whole");
            let Kind::Ack { args, .. } = packet.kind else { panic!("no acknowledgement") };
            assert_eq!(args.decode::<SessionAck<Subscribed>>(0).expect("reads back"), Some(answer));
        }
    }

    #[test]
    fn a_refused_session_action_says_why() {
        let refused =
            SessionAck::<Subscribed>::Refused(ErrorBody::new(ErrorCode::NotFound, "no such stream"));
        let text = serde_json::to_string(&refused).expect("serialises");
        assert_eq!(serde_json::from_str::<SessionAck<Subscribed>>(&text).expect("reads back"), refused);
    }

    #[test]
    fn an_answer_without_fields_is_only_a_verdict() {
        let answer = SessionAck::Ok(Unsubscribed {});
        let text = serde_json::to_string(&answer).expect("serialises");
        assert_eq!(text, r#"{"ok":true}"#);
        assert_eq!(serde_json::from_str::<SessionAck<Unsubscribed>>(&text).expect("reads back"), answer);
        for no_verdict in [r#"{"ok":false}"#, "{}", r#"{"ok":1}"#, "null", "[]"] {
            assert!(serde_json::from_str::<SessionAck<Unsubscribed>>(no_verdict).is_err(), "{no_verdict}");
        }
    }
}
