use std::time::Duration;

use tokio::time::Instant;

/// When to ping and when to give a peer up. Pure: the caller waits for [`deadline`](Self::deadline) and brings the
/// time.
///
/// The first ping comes an interval after the session began, the next an interval after each pong.
#[derive(Debug)]
pub(super) struct Heartbeat {
    interval: Duration,
    timeout: Duration,
    deadline: Instant,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Quiet,
    Pinged,
}

/// What a deadline asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// It has not come yet.
    Wait,
    /// Send a ping.
    Ping,
    /// The pong is missing.
    TimedOut,
}

impl Heartbeat {
    pub(super) fn new(now: Instant, interval: Duration, timeout: Duration) -> Self {
        Self { interval, timeout, deadline: now + interval, state: State::Quiet }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Beat {
        if now < self.deadline {
            return Beat::Wait;
        }
        match self.state {
            State::Quiet => {
                self.state = State::Pinged;
                // From the planned time, so that a late wake-up does not stretch what the peer was promised. But a
                // server that was stopped for a while must not give everybody up before they could answer.
                self.deadline = (self.deadline + self.timeout).max(now + self.timeout / 2);
                Beat::Ping
            }
            State::Pinged => Beat::TimedOut,
        }
    }

    /// A pong that was not asked for means nothing.
    pub(super) fn handle_pong(&mut self, now: Instant) {
        if self.state == State::Pinged {
            self.state = State::Quiet;
            self.deadline = now + self.interval;
        }
    }

    /// The peer's answer may lie unread because this end does not read: its time does not run then.
    pub(super) fn handle_unread(&mut self, now: Instant) {
        self.deadline = now + self.timeout;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(25);
    const TIMEOUT: Duration = Duration::from_secs(10);

    #[test]
    fn pings_an_interval_after_start_and_after_each_pong() {
        let start = Instant::now();
        let mut beat = Heartbeat::new(start, INTERVAL, TIMEOUT);
        assert_eq!(beat.handle_timeout(start + INTERVAL - Duration::from_millis(1)), Beat::Wait);
        assert_eq!(beat.handle_timeout(start + INTERVAL), Beat::Ping);
        beat.handle_pong(start + INTERVAL + Duration::from_secs(3));
        assert_eq!(beat.deadline(), start + 2 * INTERVAL + Duration::from_secs(3));
        assert_eq!(beat.handle_timeout(beat.deadline()), Beat::Ping);
    }

    #[test]
    fn gives_up_after_the_timeout_even_if_the_ping_was_late() {
        let start = Instant::now();
        let mut beat = Heartbeat::new(start, INTERVAL, TIMEOUT);
        assert_eq!(beat.handle_timeout(start + INTERVAL + TIMEOUT / 2), Beat::Ping);
        assert_eq!(beat.deadline(), start + INTERVAL + TIMEOUT);
        assert_eq!(beat.handle_timeout(start + INTERVAL + TIMEOUT), Beat::TimedOut);
    }

    #[test]
    fn a_ping_that_was_much_too_late_leaves_half_the_time() {
        let start = Instant::now();
        let mut beat = Heartbeat::new(start, INTERVAL, TIMEOUT);
        let late = start + INTERVAL + 5 * TIMEOUT;
        assert_eq!(beat.handle_timeout(late), Beat::Ping);
        assert_eq!(beat.handle_timeout(late), Beat::Wait);
        assert_eq!(beat.handle_timeout(late + TIMEOUT / 2), Beat::TimedOut);
    }

    #[test]
    fn a_pong_that_was_not_asked_for_changes_nothing() {
        let start = Instant::now();
        let mut beat = Heartbeat::new(start, INTERVAL, TIMEOUT);
        beat.handle_pong(start + Duration::from_secs(20));
        assert_eq!(beat.deadline(), start + INTERVAL);
    }

    #[test]
    fn time_without_reading_is_not_the_peers_silence() {
        let start = Instant::now();
        let mut beat = Heartbeat::new(start, INTERVAL, TIMEOUT);
        assert_eq!(beat.handle_timeout(start + INTERVAL), Beat::Ping);
        beat.handle_unread(start + INTERVAL + TIMEOUT);
        assert_eq!(beat.handle_timeout(start + INTERVAL + TIMEOUT), Beat::Wait);
        assert_eq!(beat.handle_timeout(start + INTERVAL + 2 * TIMEOUT), Beat::TimedOut);
    }
}
