use std::time::Instant;

/// Why the engine wants to be called again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The delay before the next attempt is over; the line is dialled.
    Reconnect,
    /// Token, dial and greeting took too long; the link is dropped and tried again.
    ConnectTimeout,
    /// The token provider did not answer; it is asked again with the next attempt.
    TokenTimeout,
    /// No heartbeat came in time; the link is dropped.
    Heartbeat,
    /// The probe of a line that looked alive was not answered; the link is dropped.
    Probe,
    /// The line has been good for long enough; the next loss begins with the shortest delay.
    BackoffReset,
    /// The server wants to go away and the last answers did not come; the link is dropped.
    Drain,
    /// The oldest action in flight or a page of a stream was not answered; the link is dropped.
    Answer,
    /// A call was not answered; it has timed out.
    Call,
    /// A lane's head may be tried again.
    LaneRetry,
    /// The server's rate limit is over; sending goes on.
    RateLimit,
    /// An action that was never sent has outlived its time; it settles as expired.
    Expiry,
    /// Plain actions without acknowledgement were written; they settle as sent.
    Written,
    /// Cursors that moved are stored, and streams that were refused for the moment are asked for again.
    Inbox,
}

/// The session's deadlines. The queue and the inbox keep their own.
#[derive(Debug, Default)]
pub(super) struct Timers {
    deadlines: Vec<(Timer, Instant)>,
}

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Instant) {
        self.clear(timer);
        self.deadlines.push((timer, at));
    }

    pub(super) fn is_set(&self, timer: Timer) -> bool {
        self.deadlines.iter().any(|(known, _)| *known == timer)
    }

    pub(super) fn clear(&mut self, timer: Timer) {
        self.deadlines.retain(|(known, _)| *known != timer);
    }

    pub(super) fn clear_all(&mut self) {
        self.deadlines.clear();
    }

    /// Takes a timer whose time has come.
    pub(super) fn expired(&mut self, now: Instant) -> Option<Timer> {
        let index = self.deadlines.iter().position(|(_, at)| *at <= now)?;
        Some(self.deadlines.swap_remove(index).0)
    }

    pub(super) fn next(&self) -> Option<(Instant, Timer)> {
        self.deadlines.iter().map(|(timer, at)| (*at, *timer)).min()
    }
}
