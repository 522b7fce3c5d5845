//! The lines of `--json`. A payload is written as the text it came in: it may hold what no value in memory can, such as
//! `1e400` or half of a surrogate pair.

use std::borrow::Cow;

use keepline::{
    ActionId, Envelope, Epoch, OutboxEntry, Outcome, Payload, Rejection, Reset, ResetReason, Stream,
};
use serde::{Serialize, Serializer, ser::Error};
use serde_json::{Value, value::RawValue};

/// One line.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Line<'a> {
    Submitted {
        id: ActionId,
    },
    Outcome(Settled<'a>),
    Event {
        stream: &'a Stream,
        epoch: Option<&'a Epoch>,
        offset: Option<u64>,
        name: &'a str,
        payload: Arguments<'a>,
    },
    Reset {
        stream: &'a Stream,
        epoch: &'a Epoch,
        offset: u64,
        reason: ResetReason,
        snapshot: Option<OneLine<'a>>,
    },
    Gone {
        stream: &'a Stream,
    },
    Status {
        state: &'a str,
        pending: u64,
        parked: u64,
        oldest_ms: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        attempt: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_in_ms: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<Value>,
    },
    RolledBack {
        actions: &'a [ActionId],
    },
    Error {
        code: &'a str,
        text: &'a str,
    },
}

/// An action that has its outcome.
#[derive(Serialize)]
pub(crate) struct Settled<'a> {
    id: ActionId,
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<Option<OneLine<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Reason<'a>>,
}

/// A row of the queue: an `outcome` where it has one, an `action` otherwise.
#[derive(Serialize)]
pub(crate) struct Row<'a> {
    r#type: &'a str,
    id: ActionId,
    account: &'a str,
    name: &'a str,
    lane: Option<&'a str>,
    label: Option<&'a str>,
    state: &'a str,
    attempts: u32,
    age_ms: u64,
    outcome: Option<&'a str>,
    rolled_back: bool,
    /// Of the last attempt, while there is no outcome: afterwards it says nothing any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<Reason<'a>>,
    /// Why the outcome is `rejected`.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Reason<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<Option<OneLine<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<OneLine<'a>>,
}

#[derive(Serialize)]
pub(crate) struct Reason<'a> {
    code: &'a str,
    message: &'a str,
}

/// A payload as it came, on one line.
pub(crate) struct OneLine<'a>(&'a str);

/// The arguments of an event: the one of a Keepline server's as it is, several of another server's as an array.
pub(crate) struct Arguments<'a>(Vec<OneLine<'a>>);

impl<'a> Line<'a> {
    pub(crate) fn event(event: &'a Envelope) -> Self {
        let place = event.place.as_ref();
        Self::Event {
            stream: &event.stream,
            epoch: place.map(|place| &place.epoch),
            offset: place.map(|place| place.offset),
            name: event.name(),
            payload: Arguments::of(event),
        }
    }

    pub(crate) fn reset(stream: &'a Stream, reset: &'a Reset) -> Self {
        Self::Reset {
            stream,
            epoch: &reset.epoch,
            offset: reset.offset,
            reason: reset.reason,
            snapshot: reset.snapshot.as_ref().map(OneLine::of),
        }
    }
}

impl<'a> Settled<'a> {
    pub(crate) fn new(id: ActionId, outcome: &'a Outcome) -> Self {
        Self { id, outcome: outcome.as_str(), reply: reply(outcome), error: refusal(outcome) }
    }
}

impl<'a> Row<'a> {
    pub(crate) fn new(entry: &'a OutboxEntry, with_payload: bool) -> Self {
        let outcome = entry.outcome.as_ref();
        Self {
            r#type: if outcome.is_some() { "outcome" } else { "action" },
            id: entry.id,
            account: &entry.account,
            name: &entry.name,
            lane: entry.lane.as_deref(),
            label: entry.label.as_deref(),
            state: entry.state.as_str(),
            attempts: entry.attempts,
            age_ms: u64::try_from(entry.age.as_millis()).unwrap_or(u64::MAX),
            outcome: outcome.map(Outcome::as_str),
            rolled_back: entry.rolled_back,
            last_error: entry.last_error.as_ref().filter(|_| outcome.is_none()).map(Reason::new),
            error: outcome.and_then(refusal),
            reply: outcome.filter(|_| with_payload).and_then(reply),
            payload: with_payload.then_some(OneLine::of(&entry.payload)),
        }
    }
}

impl<'a> Reason<'a> {
    fn new(why: &'a Rejection) -> Self {
        Self { code: why.code.as_str(), message: &why.text }
    }
}

impl<'a> OneLine<'a> {
    pub(crate) fn of(payload: &'a Payload) -> Self {
        Self(payload.as_str())
    }

    /// Between the tokens of a JSON text a break is a space; inside a string it is escaped.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        if self.0.contains(BREAKS) { self.0.replace(BREAKS, " ").into() } else { self.0.into() }
    }
}

impl Serialize for OneLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.text() {
            Cow::Borrowed(text) => {
                serde_json::from_str::<&RawValue>(text).map_err(Error::custom)?.serialize(serializer)
            }
            Cow::Owned(text) => RawValue::from_string(text).map_err(Error::custom)?.serialize(serializer),
        }
    }
}

impl<'a> Arguments<'a> {
    pub(crate) fn of(event: &'a Envelope) -> Self {
        Self(event.args().map(OneLine).collect())
    }

    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Serialize for Arguments<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0[..] {
            [] => serializer.serialize_none(),
            [only] => only.serialize(serializer),
            several => serializer.collect_seq(several),
        }
    }
}

/// The reply of an accepted action, which may be none.
fn reply(outcome: &Outcome) -> Option<Option<OneLine<'_>>> {
    let Outcome::Accepted(reply) = outcome else { return None };
    Some(reply.payload.as_ref().map(OneLine::of))
}

fn refusal(outcome: &Outcome) -> Option<Reason<'_>> {
    let Outcome::Rejected(why) = outcome else { return None };
    Some(Reason::new(why))
}

/// What ends a line.
const BREAKS: [char; 2] = ['\n', '\r'];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

    use std::time::Duration;

    use keepline::{ActionState, ErrorCode, Reply};

    use super::*;

    /// What `serde_json::Value` cannot hold, and a line that is none.
    const ODD: &str = "{\"a\":1e400,\n \"b\":\"\\ud800\"}";
    const ON_ONE_LINE: &str = "{\"a\":1e400,  \"b\":\"\\ud800\"}";

    fn odd() -> Payload {
        Payload::parse(ODD).unwrap()
    }

    fn accepted() -> Outcome {
        Outcome::Accepted(Reply { payload: Some(odd()), attachments: Vec::new() })
    }

    fn entry(outcome: Option<Outcome>) -> OutboxEntry {
        OutboxEntry {
            id: ActionId::random(),
            account: "alice".to_owned(),
            name: "do:it:v1".to_owned(),
            payload: odd(),
            lane: None,
            label: None,
            state: if outcome.is_some() { ActionState::Settled } else { ActionState::Sent },
            attempts: 1,
            age: Duration::from_millis(7),
            outcome,
            last_error: Some(Rejection { code: ErrorCode::Unavailable, text: "later".to_owned() }),
            rolled_back: false,
        }
    }

    fn json(line: &impl Serialize) -> String {
        serde_json::to_string(line).unwrap()
    }

    #[test]
    fn a_payload_goes_through_as_it_came_on_one_line() {
        let stream = Stream::User;
        let event = |args: &[&'static str]| {
            json(&Line::Event {
                stream: &stream,
                epoch: None,
                offset: None,
                name: "odd",
                payload: Arguments(args.iter().copied().map(OneLine).collect()),
            })
        };
        assert!(event(&[ODD]).ends_with(&format!("\"payload\":{ON_ONE_LINE}}}")));
        assert!(event(&[ODD, ODD]).ends_with(&format!("\"payload\":[{ON_ONE_LINE},{ON_ONE_LINE}]}}")));
        assert!(event(&[]).ends_with("\"payload\":null}"));
        let outcome = accepted();
        let settled = json(&Line::Outcome(Settled::new(ActionId::random(), &outcome)));
        assert!(settled.starts_with("{\"type\":\"outcome\",\"id\":"), "{settled}");
        assert!(
            settled.ends_with(&format!("\"outcome\":\"accepted\",\"reply\":{ON_ONE_LINE}}}")),
            "{settled}"
        );
        let row = json(&Row::new(&entry(Some(accepted())), true));
        assert!(row.ends_with(&format!("\"reply\":{ON_ONE_LINE},\"payload\":{ON_ONE_LINE}}}")), "{row}");
    }

    #[test]
    fn an_error_of_an_earlier_attempt_is_none_of_the_outcome() {
        let line = |outcome| -> Value { serde_json::to_value(Row::new(&entry(outcome), false)).unwrap() };
        let waits = line(None);
        assert_eq!((&waits["type"], &waits["account"]), (&"action".into(), &"alice".into()));
        assert_eq!((&waits["last_error"]["code"], waits.get("error")), (&"UNAVAILABLE".into(), None));
        let accepted = line(Some(accepted()));
        assert_eq!((accepted.get("error"), accepted.get("last_error")), (None, None));
        let why = Rejection { code: ErrorCode::Forbidden, text: String::new() };
        let rejected = line(Some(Outcome::Rejected(why)));
        assert_eq!((&rejected["error"]["code"], rejected.get("last_error")), (&"FORBIDDEN".into(), None));
        assert_eq!((rejected.get("payload"), rejected.get("reply")), (None, None));
    }
}
