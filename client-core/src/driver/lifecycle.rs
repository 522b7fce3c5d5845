use std::time::{Duration, Instant};

use tokio::time::timeout_at;

use super::{Driver, Refusal, core::Core};
use crate::{
    command::{Answer, Command, Hint},
    error::{OpenError, StoreError},
    limits::{CLOSING_RESERVE, REOPEN_BASE, REOPEN_CAP, REOPEN_FORGOTTEN},
    shared::within,
    status::{Line, LineTrouble, Status},
};

/// Whether there is an engine with its database.
pub(super) enum Phase {
    Running(Box<Core>),
    Suspended,
    /// The database failed; it is opened again at this moment.
    Broken {
        retry_at: Instant,
    },
}

/// Somebody waits for the queue to be empty.
pub(super) struct Flush {
    pub(super) until: Instant,
    answer: Answer<bool>,
}

/// The client is about to be suspended, as soon as nothing is pending or the time for that is over.
pub(super) struct Suspending {
    pub(super) flush_until: Instant,
    by: Instant,
    answers: Vec<Answer<()>>,
}

/// What the run loop does after a turn.
#[derive(Default)]
pub(super) enum Leave {
    #[default]
    Stay,
    Suspend {
        by: Instant,
    },
    Shutdown {
        answers: Vec<Answer<()>>,
    },
}

impl Driver {
    /// When something has to be done without being asked for.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let engine = match &self.phase {
            Phase::Running(core) => core.deadline(),
            Phase::Suspended => None,
            Phase::Broken { retry_at } => Some(*retry_at),
        };
        let flushes = self.flushes.iter().map(|flush| flush.until);
        let suspending = self.suspending.as_ref().map(|suspending| suspending.flush_until);
        engine.into_iter().chain(self.own_due).chain(flushes).chain(suspending).min()
    }

    pub(super) fn begin_flush(&mut self, time: Duration, answer: Answer<bool>) {
        let until = self.now().at + within(time);
        self.flushes.push(Flush { until, answer });
    }

    pub(super) fn serve_flushes(&mut self) {
        if self.flushes.is_empty() {
            return;
        }
        let now = self.now().at;
        let is_empty = self.shared.status().pending == 0;
        let is_suspended = matches!(self.phase, Phase::Suspended);
        for flush in std::mem::take(&mut self.flushes) {
            if flush.answer.is_closed() {
                continue;
            }
            if is_empty || is_suspended || flush.until <= now {
                let _ = flush.answer.send(is_empty);
            } else {
                self.flushes.push(flush);
            }
        }
    }

    pub(super) fn begin_suspending(&mut self, time: Duration, flush_first: bool, answer: Answer<()>) {
        let now = self.now().at;
        let by = now + within(time);
        // Closing needs its share of the time, or the lock is still held when the deadline comes.
        let reserve = (within(time) / 2).min(CLOSING_RESERVE);
        let flush_until = if flush_first { by - reserve } else { now };
        let suspending = self.suspending.get_or_insert(Suspending { flush_until, by, answers: Vec::new() });
        suspending.flush_until = suspending.flush_until.min(flush_until);
        suspending.by = suspending.by.min(by);
        suspending.answers.push(answer);
    }

    pub(super) fn check_suspending(&mut self) {
        let Some(suspending) = &self.suspending else { return };
        let status = self.shared.status();
        // Without a line, or one to come by itself, nothing gets out however long it waits.
        let is_hopeless =
            matches!(status.line, Line::Idle | Line::Offline | Line::Suspended | Line::AuthRequired { .. });
        let is_time = status.pending == 0 || is_hopeless || suspending.flush_until <= self.now().at;
        if is_time && matches!(self.leave, Leave::Stay) {
            self.leave = Leave::Suspend { by: suspending.by };
        }
    }

    pub(super) fn begin_shutdown(&mut self, answer: Answer<()>) {
        match &mut self.leave {
            Leave::Shutdown { answers } => answers.push(answer),
            leave => *leave = Leave::Shutdown { answers: vec![answer] },
        }
    }

    /// Closes every file and socket, and keeps what the app holds: streams, waiters, intentions.
    pub(super) async fn suspend(&mut self, by: Instant) {
        self.close(by).await;
        self.phase = Phase::Suspended;
        self.show(Line::Suspended);
        for answer in self.suspending.take().map(|suspending| suspending.answers).unwrap_or_default() {
            let _ = answer.send(());
        }
        self.serve_flushes();
    }

    pub(super) async fn shutdown(mut self, answers: Vec<Answer<()>>) {
        self.errands.close();
        let by = self.now().at + 2 * CLOSING_RESERVE;
        self.close(by).await;
        self.phase = Phase::Suspended;
        // Errands that came too late find their channel closed with the driver.
        drop(self);
        for answer in answers {
            let _ = answer.send(());
        }
    }

    /// Writes what is kept back, says goodbye on the line, and lets go of the database.
    async fn close(&mut self, by: Instant) {
        let now = self.now();
        let commands = self.registry.reports();
        if let Phase::Running(core) = &mut self.phase
            && let Err(error) = core.close(now, commands)
        {
            // What the app took since the last cursor comes again; the queue was on disk before.
            tracing::warn!(%error, "the last cursors could not be stored");
        }
        self.run_effects();
        self.tokens.forget();
        self.own.clear();
        self.own_due = None;
        // The lock is given back before the goodbye: another process may be waiting for it.
        self.phase = Phase::Suspended;
        self.registry.rewind();
        self.line.hang_up();
        let _ = timeout_at(by.into(), self.line.closed()).await;
        self.line.cut();
    }

    /// A transaction failed: memory may be ahead of the disk, so the engine is made anew from it, as at start. What
    /// was asked in that transaction is answered by its dropped channels.
    pub(super) fn fail(&mut self, error: &StoreError) {
        tracing::error!(%error, "the database failed; it is opened again");
        self.failure = Refusal::from(error);
        let now = self.now().at;
        if let Phase::Running(core) = &self.phase
            && now.saturating_duration_since(core.opened_at) >= REOPEN_FORGOTTEN
        {
            self.failures = 0;
        }
        self.break_off();
    }

    fn break_off(&mut self) {
        // The first time at once: most failures are over by then, or will not be soon.
        let delay = match self.failures {
            0 => Duration::ZERO,
            failures => REOPEN_BASE.saturating_mul(1 << (failures - 1).min(16)).min(REOPEN_CAP),
        };
        self.failures = self.failures.saturating_add(1);
        // Dropped now: the file must be closed before it is opened again.
        self.phase = Phase::Broken { retry_at: self.now().at + delay };
        self.tokens.forget();
        self.own.clear();
        self.own_due = None;
        self.registry.rewind();
        self.line.hang_up();
        self.show(Line::Waiting { retry_in: delay, attempt: self.failures, reason: LineTrouble::Store });
    }

    /// The app is back, or wants a line: a suspended client opens its files again, and one that was about to be
    /// suspended stays open, as nobody would wake it.
    pub(super) fn wake_up(&mut self) {
        for answer in self.suspending.take().map(|suspending| suspending.answers).unwrap_or_default() {
            let _ = answer.send(());
        }
        if matches!(self.phase, Phase::Suspended) {
            self.phase = Phase::Broken { retry_at: self.now().at };
        }
    }

    pub(super) fn reopen_if_due(&mut self, commands: &mut Vec<Command>) {
        let now = self.now();
        let Phase::Broken { retry_at } = self.phase else { return };
        if retry_at > now.at {
            return;
        }
        match Core::open(&self.settings, now) {
            Ok(core) => {
                self.counters.reopened += 1;
                self.phase = Phase::Running(Box::new(core));
                self.introduce(commands);
            }
            Err(error) => {
                tracing::error!(%error, "the database cannot be opened");
                self.failure = if error == OpenError::DiskFull { Refusal::Full } else { Refusal::Store };
                self.break_off();
            }
        }
    }

    /// Tells a new engine what the old one knew.
    fn introduce(&mut self, commands: &mut Vec<Command>) {
        let mut introduction = Vec::new();
        self.registry.introduce(&mut introduction);
        introduction.extend(self.waiters.ask_again());
        if self.intents.has_no_network {
            introduction.push(Command::Hint(Hint::NetworkLost));
        }
        if self.intents.wants_line {
            introduction.push(Command::Connect);
        }
        // Before what was asked meanwhile.
        introduction.append(commands);
        *commands = introduction;
    }

    /// A status of the driver's own, with the last counts.
    fn show(&self, line: Line) {
        let last = self.shared.status();
        self.shared.set_status(Status { line, ..last });
    }
}
