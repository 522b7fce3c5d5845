use std::time::Duration;

use keepline_protocol::{Epoch, Stream};
use serde_json::{Value, json};

use super::{Driver, Phase};
use crate::{
    command::{Answer, Command},
    engine::{Arrival, Delivery, Effect},
    shared::OutboxChange,
    transport::LineCounters,
};

/// What the driver did since the client was opened, for diagnostics.
#[derive(Debug, Default, Clone, Copy, serde::Serialize)]
pub(super) struct Counters {
    pub(super) transactions: u64,
    /// How often engine and database were opened again.
    pub(super) reopened: u64,
}

impl Driver {
    /// Does what the engine wants done, in its order; then gives the answers. Whoever has an answer, on another thread
    /// for instance, finds the status and everything else as that answer says.
    pub(super) fn run_effects(&mut self) {
        let mut answers = Vec::new();
        while let Some(effect) = self.next_effect() {
            if is_answer(&effect) {
                answers.push(effect);
            } else {
                self.run_effect(effect);
            }
        }
        answers.into_iter().for_each(|answer| self.run_effect(answer));
    }

    fn next_effect(&mut self) -> Option<Effect> {
        match &mut self.phase {
            Phase::Running(core) => core.poll_effect(),
            Phase::Suspended | Phase::Broken { .. } => None,
        }
    }

    fn run_effect(&mut self, effect: Effect) {
        match effect {
            Effect::Dial => self.line.dial(),
            Effect::HangUp => self.line.hang_up(),
            Effect::Probe => self.line.probe(),
            Effect::FetchToken(reason) => self.tokens.ask(reason),
            Effect::Deliver { stream, epoch, items, durable, tapped } => {
                if tapped {
                    self.deliver_to_taps(&stream, epoch.as_ref(), &items);
                }
                if durable {
                    self.registry.deliver(&stream, epoch, items);
                }
            }
            Effect::Settle { id, outcome } => {
                if self.waiters.settle(id, &outcome) {
                    // The app has it, so the row may be pruned one day. Nobody waits for this to be written.
                    let (answer, _) = tokio::sync::oneshot::channel();
                    self.own.push(Command::Outcome { id, answer });
                    let due = self.now().at + TAKEN_DELAY;
                    self.own_due.get_or_insert(due);
                }
                self.shared.change(&OutboxChange::Settled(id, outcome));
            }
            Effect::Changed { id } => self.shared.change(&OutboxChange::Changed(id)),
            Effect::RolledBack { actions } => self.shared.change(&OutboxChange::RolledBack(actions)),
            Effect::Renamed { old, new } => {
                self.waiters.rename(old, new);
                self.shared.change(&OutboxChange::Renamed { old, new });
            }
            Effect::Status(status) => {
                tracing::debug!(line = status.line.as_str(), pending = status.pending, "status");
                self.shared.set_status(status);
            }
            Effect::Submitted(answer, result) => send(answer, result),
            Effect::Controlled(answer, result) => send(answer, result),
            Effect::Retried(answer, result) => send(answer, result),
            Effect::OutcomeRead(answer, result) => send(answer, result),
            Effect::Listed(answer, rows) => send(answer, Ok(rows)),
            Effect::Called(answer, result) => send(answer, result),
            Effect::Emitted(answer, written) => send(answer, written),
            Effect::Consuming(answer, result) => send(answer, result),
            Effect::SignedOut(answer) => {
                self.registry.forget();
                send(answer, Ok(()));
            }
            Effect::Diagnosed(answer, report) => {
                let report = with_own(report, self.line.counters(), self.counters);
                send(answer, report);
            }
        }
    }

    fn deliver_to_taps(&mut self, stream: &Stream, epoch: Option<&Epoch>, items: &[Delivery]) {
        self.shared.with_observers(|observers| {
            if let Some(fanout) = observers.get_mut(stream) {
                // The consumer's thread counts the references to the other one.
                let epoch = epoch.map(Epoch::detached);
                for item in items {
                    fanout.publish_with(|| Arrival::new(epoch.as_ref(), item.clone()));
                }
            }
            // Nothing comes after it: the taps end, and one that is opened later is a new one to the engine.
            if items.last().is_some_and(Delivery::is_last) {
                observers.remove(stream);
                self.registry.tap_ended(stream);
            }
        });
    }
}

fn is_answer(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Submitted(..)
            | Effect::Controlled(..)
            | Effect::Retried(..)
            | Effect::OutcomeRead(..)
            | Effect::Listed(..)
            | Effect::Called(..)
            | Effect::Emitted(..)
            | Effect::Consuming(..)
            | Effect::SignedOut(..)
            | Effect::Diagnosed(..)
    )
}

fn send<T>(answer: Answer<T>, value: T) {
    // Whoever asked may have gone.
    let _ = answer.send(value);
}

/// The engine's report with what only the driver knows.
fn with_own(mut report: Value, line: LineCounters, driver: Counters) -> Value {
    if let Value::Object(fields) = &mut report {
        fields.insert("transport".to_owned(), json!(line));
        fields.insert("driver".to_owned(), json!(driver));
        fields.insert("platform".to_owned(), json!([std::env::consts::OS, std::env::consts::ARCH]));
    }
    report
}

/// How long it may take until a row is marked as taken by an app that waited for it. Long enough to share the commit
/// of whatever comes next.
const TAKEN_DELAY: Duration = Duration::from_millis(100);
