use std::{
    fmt::Write as _,
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
};

use keepline_protocol::{ActionAck, ErrorCode};

/// Counts since the start. None is by user: labels of unbounded number are a leak.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    connections: AtomicI64,
    connects: AtomicU64,
    refused_connects: AtomicU64,
    applied: AtomicU64,
    duplicates: AtomicU64,
    voided: AtomicU64,
    refused: AtomicU64,
    unsettled: AtomicU64,
    rate_limited: AtomicU64,
    resets: AtomicU64,
    replayed: AtomicU64,
}

impl Metrics {
    pub(crate) fn connected(&self) {
        self.connects.fetch_add(1, Relaxed);
        self.connections.fetch_add(1, Relaxed);
    }

    pub(crate) fn disconnected(&self) {
        self.connections.fetch_sub(1, Relaxed);
    }

    pub(crate) fn connect_refused(&self) {
        self.refused_connects.fetch_add(1, Relaxed);
    }

    pub(crate) fn answered(&self, answer: &ActionAck) {
        let counter = match (answer.position, answer.dup, &answer.error) {
            (_, true, _) => &self.duplicates,
            (_, false, None) => &self.applied,
            (Some(_), false, Some(error)) if error.code == ErrorCode::Void => &self.voided,
            (Some(_), false, Some(_)) => &self.refused,
            (None, false, Some(_)) => &self.unsettled,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn rate_limited(&self) {
        self.rate_limited.fetch_add(1, Relaxed);
    }

    pub(crate) fn reset(&self) {
        self.resets.fetch_add(1, Relaxed);
    }

    pub(crate) fn replayed(&self, events: usize) {
        self.replayed.fetch_add(u64::try_from(events).unwrap_or(u64::MAX), Relaxed);
    }

    /// The Prometheus text format.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        let connections = u64::try_from(self.connections.load(Relaxed)).unwrap_or(0);
        for (name, kind, help, value) in [
            ("keepline_connections", "gauge", "Sessions that are connected.", connections),
            (
                "keepline_connects_total",
                "counter",
                "Sessions that were accepted.",
                self.connects.load(Relaxed),
            ),
            (
                "keepline_connects_refused_total",
                "counter",
                "CONNECTs that were refused.",
                self.refused_connects.load(Relaxed),
            ),
            (
                "keepline_actions_applied_total",
                "counter",
                "Actions that were applied.",
                self.applied.load(Relaxed),
            ),
            (
                "keepline_actions_duplicate_total",
                "counter",
                "Actions that came again and were not applied again.",
                self.duplicates.load(Relaxed),
            ),
            (
                "keepline_actions_voided_total",
                "counter",
                "Actions that were voided before they were applied.",
                self.voided.load(Relaxed),
            ),
            (
                "keepline_actions_refused_total",
                "counter",
                "Actions that were refused for good.",
                self.refused.load(Relaxed),
            ),
            (
                "keepline_actions_unsettled_total",
                "counter",
                "Actions that were answered without an outcome.",
                self.unsettled.load(Relaxed),
            ),
            (
                "keepline_rate_limited_total",
                "counter",
                "Actions that came too fast.",
                self.rate_limited.load(Relaxed),
            ),
            (
                "keepline_resets_total",
                "counter",
                "Streams that could not continue where a client stood.",
                self.resets.load(Relaxed),
            ),
            (
                "keepline_events_replayed_total",
                "counter",
                "Events that were sent from a log.",
                self.replayed.load(Relaxed),
            ),
        ] {
            // Writing to a string cannot fail.
            let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
        }
        out
    }
}
