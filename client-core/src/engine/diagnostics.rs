//! A report for support: versions, states and counters; no payload, no token, no account.

use std::{collections::VecDeque, time::Instant};

use serde_json::{Value, json};

use super::{Cx, Engine};
use crate::{clock::Now, error::StoreError, status::Line};

/// The last states of the line.
#[derive(Debug, Default)]
pub(super) struct History {
    states: VecDeque<(Instant, i64, String)>,
}

impl History {
    pub(super) fn note(&mut self, now: Now, line: &Line) {
        if self.states.len() == STATES_KEPT {
            self.states.pop_front();
        }
        let text = match line {
            Line::Waiting { attempt, reason, .. } => format!("waiting (attempt {attempt}, {reason:?})"),
            Line::AuthRequired { reason } => format!("auth_required ({})", reason.as_str()),
            Line::Online { resumed } => format!("online (resumed: {resumed})"),
            other => other.as_str().to_owned(),
        };
        self.states.push_back((now.at, now.wall_ms, text));
    }
}

impl Engine {
    pub(super) fn diagnostics(&self, cx: &Cx<'_, '_>) -> Result<Value, StoreError> {
        let totals = self.outbox.totals(cx)?;
        let states: Vec<Value> = self
            .history
            .states
            .iter()
            .map(|(at, wall_ms, text)| {
                let ago_ms = cx.now.at.saturating_duration_since(*at).as_millis() as u64;
                json!({ "wall_ms": wall_ms, "ago_ms": ago_ms, "state": text })
            })
            .collect();
        Ok(json!({
            "sdk": self.options.sdk,
            "version": env!("CARGO_PKG_VERSION"),
            "proto": keepline_protocol::PROTO,
            "keepline_server_seen": self.keepline_seen,
            "line": self.session.line().as_str(),
            "attempt": self.session.attempt,
            "connections": self.connection,
            "ledger_position": self.ledger.as_ref().map(|ledger| ledger.position),
            "outbox": { "pending": totals.pending, "parked": totals.parked, "bytes": totals.bytes },
            "inbox": self.inbox.counters,
            "next_timer": self.poll_timeout().map(|(_, timer)| format!("{timer:?}")),
            "states": states,
        }))
    }
}

/// Enough for an evening on a train.
const STATES_KEPT: usize = 50;
