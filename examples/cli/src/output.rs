use std::{
    io::{self, Write},
    time::Duration,
};

use keepline::{ActionId, Envelope, Line as State, OutboxEntry, Outcome, Reset, Status, Stream};
use serde::Serialize;
use serde_json::Value;

use crate::{
    failure::{Exit, Failure},
    line::{Arguments, Line, OneLine, Row, Settled},
};

/// Where lines go, and in which of the two forms. Each line is flushed: who reads it may rely on it.
///
/// What is told and not asked for goes on in silence where nobody reads any more: it is no reason to lose what is
/// queued. Where the lines are the work itself, as they are for `watch`, the caller hears that one was not written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) fn submitted(self, id: ActionId) {
        self.tell(&Line::Submitted { id }, || format!("submitted {id}"));
    }

    pub(crate) fn outcome(self, id: ActionId, outcome: &Outcome) {
        self.tell(&Line::Outcome(Settled::new(id, outcome)), || match outcome {
            Outcome::Accepted(reply) => {
                let reply = reply.payload.as_ref().map(OneLine::of);
                format!("accepted {id} {}", reply.as_ref().map(OneLine::text).unwrap_or_default())
            }
            Outcome::Rejected(why) => format!("rejected {id} {}: {}", why.code, why.text),
            other => format!("{} {id}", other.as_str()),
        });
    }

    /// # Errors
    /// Where it was not written.
    pub(crate) fn event(self, event: &Envelope) -> io::Result<()> {
        self.write(&Line::event(event), || {
            let offset =
                event.place.as_ref().map_or_else(|| "-".to_owned(), |place| place.offset.to_string());
            format!("{} {offset} {} {}", event.stream, event.name(), Arguments::of(event).text())
        })
    }

    /// # Errors
    /// Where it was not written.
    pub(crate) fn reset(self, stream: &Stream, reset: &Reset) -> io::Result<()> {
        self.write(&Line::reset(stream, reset), || {
            let snapshot = reset.snapshot.as_ref().map(OneLine::of);
            let snapshot = snapshot.as_ref().map_or("null".into(), OneLine::text);
            format!("{stream} reset to {} ({:?}) {snapshot}", reset.offset, reset.reason)
        })
    }

    pub(crate) fn gone(self, stream: &Stream) {
        self.tell(&Line::Gone { stream }, || format!("{stream} is gone"));
    }

    pub(crate) fn status(self, status: &Status) {
        self.status_as(status.line.as_str(), status);
    }

    /// The counts of a database that another process has open.
    pub(crate) fn status_beside(self, status: &Status) {
        self.status_as("in_use", status);
    }

    fn status_as(self, state: &str, status: &Status) {
        let (mut attempt, mut retry_in_ms, mut reason) = (None, None, None);
        match &status.line {
            State::Waiting { reason: why, attempt: number, retry_in } => {
                (attempt, retry_in_ms) = (Some(*number), Some(millis(*retry_in)));
                reason = serde_json::to_value(why).ok();
            }
            State::AuthRequired { reason: why } => reason = Some(why.as_str().into()),
            _ => {}
        }
        let why = reason.as_ref().and_then(Value::as_str).map_or_else(String::new, |why| format!(" ({why})"));
        let (pending, parked) = (status.pending, status.parked);
        let oldest_ms = status.oldest.map(millis);
        let line = Line::Status { state, pending, parked, oldest_ms, attempt, retry_in_ms, reason };
        self.tell(&line, || format!("{state}{why}, {pending} pending, {parked} parked"));
    }

    pub(crate) fn rolled_back(self, actions: &[ActionId]) {
        self.tell(&Line::RolledBack { actions }, || {
            format!("the server was rolled back and has lost {} settled actions", actions.len())
        });
    }

    /// A row of the queue: `outcome` where it has one, `action` otherwise.
    ///
    /// # Errors
    /// Where it was not written.
    pub(crate) fn entry(self, entry: &OutboxEntry, with_payload: bool) -> io::Result<()> {
        self.write(&Row::new(entry, with_payload), || {
            let outcome = entry.outcome.as_ref().map_or(entry.state.as_str(), Outcome::as_str);
            let lane = entry.lane.as_deref().unwrap_or("-");
            let payload =
                if with_payload { OneLine::of(&entry.payload).text().into_owned() } else { String::new() };
            format!("{} {outcome:<13} {} {lane} {}s {payload}", entry.id, entry.name, entry.age.as_secs())
                .trim_end()
                .to_owned()
        })
    }

    pub(crate) fn failure(self, failure: &Failure) {
        if self.json {
            self.tell(&Line::Error { code: &failure.code, text: &failure.text }, String::new);
        }
        let _ = writeln!(io::stderr(), "keepline: {}: {}", failure.code, failure.text);
    }

    fn tell(self, json: &impl Serialize, text: impl FnOnce() -> String) {
        let _ = self.write(json, text);
    }

    fn write(self, json: &impl Serialize, text: impl FnOnce() -> String) -> io::Result<()> {
        let line = if self.json { serde_json::to_string(json)? } else { text() };
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")?;
        out.flush()
    }
}

/// What follows from a line that was not written: a reader that has had enough, as `head` has, ends the command in
/// good order; a full disk does not.
pub(crate) fn not_written(error: &io::Error) -> Result<Exit, Failure> {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Ok(Exit::Done);
    }
    Err(Failure::new(Exit::Store, "OUTPUT", format!("standard output cannot be written: {error}")))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
