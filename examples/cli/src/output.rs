use std::io::{self, Write};

use keepline::{ActionId, Envelope, Line, OutboxEntry, Outcome, Reset, Status, Stream};
use serde_json::{Value, json};

use crate::failure::Failure;

/// Where lines go, and in which of the two forms. Each line is flushed: who reads it may rely on it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) fn submitted(self, id: ActionId) {
        self.line(&json!({ "type": "submitted", "id": id }), || format!("submitted {id}"));
    }

    pub(crate) fn outcome(self, id: ActionId, outcome: &Outcome) {
        let mut line = json!({ "type": "outcome", "id": id, "outcome": outcome.as_str() });
        add_result(&mut line, outcome, true);
        self.line(&line, || match outcome {
            Outcome::Accepted(reply) => {
                let reply = reply.payload.as_ref().map_or("", |payload| payload.as_str());
                format!("accepted {id} {reply}")
            }
            Outcome::Rejected(why) => format!("rejected {id} {}: {}", why.code, why.text),
            other => format!("{} {id}", other.as_str()),
        });
    }

    pub(crate) fn event(self, event: &Envelope) {
        let payload: Value = match &event.args[..] {
            [] => Value::Null,
            [only] => only.decode().unwrap_or(Value::Null),
            several => several.iter().map(|arg| arg.decode().unwrap_or(Value::Null)).collect(),
        };
        let place = event.place.as_ref();
        let line = json!({
            "type": "event",
            "stream": event.stream,
            "epoch": place.map(|place| &place.epoch),
            "offset": place.map(|place| place.offset),
            "name": event.name,
            "payload": payload,
        });
        self.line(&line, || {
            let offset = place.map_or_else(|| "-".to_owned(), |place| place.offset.to_string());
            format!("{} {offset} {} {payload}", event.stream, event.name)
        });
    }

    pub(crate) fn reset(self, stream: &Stream, reset: &Reset) {
        let snapshot: Option<Value> = reset.snapshot.as_ref().and_then(|snapshot| snapshot.decode().ok());
        let line = json!({
            "type": "reset",
            "stream": stream,
            "epoch": reset.epoch,
            "offset": reset.offset,
            "reason": reset.reason,
            "snapshot": snapshot,
        });
        self.line(&line, || {
            let snapshot = snapshot.as_ref().unwrap_or(&Value::Null);
            format!("{stream} reset to {} ({:?}) {snapshot}", reset.offset, reset.reason)
        });
    }

    pub(crate) fn gone(self, stream: &Stream) {
        self.line(&json!({ "type": "gone", "stream": stream }), || format!("{stream} is gone"));
    }

    pub(crate) fn status(self, status: &Status) {
        self.status_as(status.line.as_str(), status);
    }

    /// The counts of a database that another process has open.
    pub(crate) fn status_beside(self, status: &Status) {
        self.status_as("in_use", status);
    }

    fn status_as(self, state: &str, status: &Status) {
        let mut line = json!({
            "type": "status",
            "state": state,
            "pending": status.pending,
            "parked": status.parked,
            "oldest_ms": status.oldest.map(|oldest| oldest.as_millis() as u64),
        });
        let reason = match &status.line {
            Line::Waiting { reason, attempt, retry_in } => {
                line["attempt"] = (*attempt).into();
                line["retry_in_ms"] = (retry_in.as_millis() as u64).into();
                serde_json::to_value(reason).ok()
            }
            Line::AuthRequired { reason } => Some(reason.as_str().into()),
            _ => None,
        };
        if let Some(reason) = reason {
            line["reason"] = reason;
        }
        self.line(&line, || {
            let reason = line
                .get("reason")
                .and_then(Value::as_str)
                .map_or_else(String::new, |why| format!(" ({why})"));
            format!("{state}{reason}, {} pending, {} parked", status.pending, status.parked)
        });
    }

    pub(crate) fn rolled_back(self, actions: &[ActionId]) {
        self.line(&json!({ "type": "rolled_back", "actions": actions }), || {
            format!("the server was rolled back and has lost {} settled actions", actions.len())
        });
    }

    /// A row of the queue: `outcome` where it has one, `action` otherwise.
    pub(crate) fn entry(self, entry: &OutboxEntry, with_payload: bool) {
        let line = entry_line(entry, with_payload);
        self.line(&line, || {
            let outcome = entry.outcome.as_ref().map_or(entry.state.as_str(), Outcome::as_str);
            let lane = entry.lane.as_deref().unwrap_or("-");
            let payload = if with_payload { entry.payload.as_str() } else { "" };
            format!("{} {outcome:<13} {} {lane} {}s {payload}", entry.id, entry.name, entry.age.as_secs())
                .trim_end()
                .to_owned()
        });
    }

    pub(crate) fn failure(self, failure: &Failure) {
        if self.json {
            self.line(&json!({ "type": "error", "code": failure.code, "text": failure.text }), String::new);
        }
        eprintln!("keepline: {}: {}", failure.code, failure.text);
    }

    fn line(self, json: &Value, text: impl FnOnce() -> String) {
        let line = if self.json { json.to_string() } else { text() };
        let mut out = io::stdout().lock();
        // A reader that went away is no reason to lose what is queued: the command goes on in silence.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}

fn entry_line(entry: &OutboxEntry, with_payload: bool) -> Value {
    let kind = if entry.outcome.is_some() { "outcome" } else { "action" };
    let mut line = json!({
        "type": kind,
        "id": entry.id,
        "name": entry.name,
        "lane": entry.lane,
        "label": entry.label,
        "state": entry.state.as_str(),
        "attempts": entry.attempts,
        "age_ms": entry.age.as_millis() as u64,
        "outcome": entry.outcome.as_ref().map(Outcome::as_str),
        "rolled_back": entry.rolled_back,
    });
    if let Some(error) = &entry.last_error {
        line["error"] = json!({ "code": error.code, "message": error.text });
    }
    if let Some(outcome) = &entry.outcome {
        add_result(&mut line, outcome, with_payload);
    }
    if with_payload {
        line["payload"] = entry.payload.decode().unwrap_or(Value::Null);
    }
    line
}

fn add_result(line: &mut Value, outcome: &Outcome, with_payload: bool) {
    match outcome {
        Outcome::Accepted(reply) if with_payload => {
            line["reply"] =
                reply.payload.as_ref().and_then(|reply| reply.decode().ok()).unwrap_or(Value::Null);
        }
        Outcome::Rejected(why) => line["error"] = json!({ "code": why.code, "message": why.text }),
        _ => {}
    }
}
