use std::time::Duration;

use keepline_protocol::{AuthExpired, AuthExpiring, ServerDraining, names};
use tokio::time::Instant;

use super::{Flow, Session};
use crate::{clock::rfc3339, hub::session_event};

/// How long before its end a client is told that its token ends.
const WARNING: Duration = Duration::from_secs(60);

/// When clients of a server that goes away should come back: after a restart, which takes a moment, and not all at
/// once.
const RETRY_AFTER: Duration = Duration::from_millis(500);
const SPREAD: Duration = Duration::from_secs(2);

/// The moments in a session's life.
pub(super) struct Clockwork {
    expires_ms: i64,
    /// When the token ends.
    expires: Instant,
    /// When the client is told so; `None` once it was.
    warning: Option<Instant>,
    /// When a draining session is cut off.
    drained: Option<Instant>,
}

impl Clockwork {
    pub(super) fn new(expires_ms: i64, now_ms: i64) -> Self {
        let left = Duration::from_millis(u64::try_from(expires_ms.saturating_sub(now_ms)).unwrap_or(0));
        #[expect(
            clippy::disallowed_methods,
            reason = "a session's timers run on the runtime's clock; no engine"
        )]
        let now = Instant::now();
        // A token for ever is as good as one for a year, and an instant can be added to.
        let left = left.min(Duration::from_secs(365 * 24 * 60 * 60));
        let warning = Some(now + left.saturating_sub(WARNING));
        Self { expires_ms, expires: now + left, warning, drained: None }
    }

    /// When the session ends, whatever it does.
    pub(super) fn end(&self) -> Option<Instant> {
        Some(self.drained.map_or(self.expires, |drained| drained.min(self.expires)))
    }

    pub(super) fn warning(&self) -> Option<Instant> {
        self.warning
    }

    pub(super) fn draining(&self) -> bool {
        self.drained.is_some()
    }

    pub(super) fn expires_ms(&self) -> i64 {
        self.expires_ms
    }

    /// A new token of the same subject.
    pub(super) fn refresh(&mut self, expires_ms: i64, now_ms: i64) {
        *self = Self { drained: self.drained, ..Self::new(expires_ms, now_ms) };
    }
}

/// Resolves at the moment; never, where there is none.
pub(super) async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

impl Session {
    /// Tells a Keepline client that its token ends soon.
    pub(super) async fn warn(&mut self) -> Flow {
        self.clockwork.warning = None;
        if !self.proto {
            return Flow::On;
        }
        let expiring = AuthExpiring { expires_at: rfc3339(self.clockwork.expires_ms()) };
        self.send(session_event(names::AUTH_EXPIRING, &expiring)).await
    }

    /// The server goes away. A Keepline client is told and hangs up by itself once it has its answers; a stock
    /// client knows nothing of that, so its engine is closed when nothing is in flight.
    pub(super) async fn drain(&mut self) -> Flow {
        #[expect(
            clippy::disallowed_methods,
            reason = "a session's timers run on the runtime's clock; no engine"
        )]
        let now = Instant::now();
        self.clockwork.drained = Some(now + self.app.drain_timeout);
        if self.proto {
            let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
            let draining = ServerDraining { retry_after_ms: millis(RETRY_AFTER), spread_ms: millis(SPREAD) };
            return self.send(session_event(names::SERVER_DRAINING, &draining)).await;
        }
        self.over_when_drained()
    }

    pub(super) fn over_when_drained(&self) -> Flow {
        let over = self.clockwork.draining() && !self.proto && self.outlet.in_flight() == 0;
        if over { Flow::Over } else { Flow::On }
    }

    /// The end has come: of the token, or of the time to drain. The engine closes when this task ends.
    pub(super) fn say_goodbye(&self) {
        if self.proto && !self.clockwork.draining() {
            let expired = session_event(names::AUTH_EXPIRED, &AuthExpired::default());
            // A client that does not read has no time for it.
            let _ = self.outlet.link().try_send(expired);
        }
    }
}
