//! The one owner of engine, database and socket.
//!
//! [`Driver::run`] waits for an errand, an event of the link, a token or a deadline. Then it takes everything that
//! waits besides, up to a batch, and puts it into one transaction: a burst of submits shares a commit. After the
//! commit, and only then, packets are written and effects are run.

mod core;
mod effects;
mod errand;
mod lifecycle;
mod registry;
#[cfg(test)]
mod tests;
mod waiters;

use std::{sync::Arc, time::Instant};

use futures_util::FutureExt;
use keepline_protocol::Token;
use tokio::{sync::mpsc, time::sleep_until};

pub(crate) use self::errand::{Errand, Refusal, Refused};
use self::{
    core::{Core, Work},
    errand::refuse,
    lifecycle::{Flush, Leave, Suspending},
    registry::Registry,
    waiters::Waiters,
};
use crate::{
    client::{Client, Handle},
    clock::{Clock, Now},
    command::{Command, Hint},
    config::{Config, CoreSettings, Settings},
    engine::{LinkEvent, TokenFailure},
    error::OpenError,
    limits::{BATCH_MAX, ERRANDS_MAX},
    shared::Shared,
    signals::{Moment, Said, Wish},
    token::TokenDesk,
    transport::Line,
};

/// The client's work as a future, for a program that has a tokio runtime and wants to say where it runs.
///
/// [`Client::open`] runs it on a thread of its own. Dropping it closes everything at once; what is in the queue stays
/// there.
pub struct Driver {
    settings: CoreSettings,
    clock: Clock,
    shared: Arc<Shared>,
    errands: mpsc::Receiver<Errand>,
    line: Line,
    tokens: TokenDesk,
    phase: Phase,
    registry: Registry,
    waiters: Waiters,
    intents: Intents,
    /// What the driver itself asks of the engine with the next transaction, and when that is at the latest.
    own: Vec<Command>,
    own_due: Option<Instant>,
    flushes: Vec<Flush>,
    suspending: Option<Suspending>,
    leave: Leave,
    /// How often the database failed in a row.
    failures: u32,
    /// How it failed last.
    failure: Refusal,
    counters: Counters,
}

enum Phase {
    Running(Box<Core>),
    Suspended,
    /// The database failed; it is opened again at this moment.
    Broken {
        retry_at: Instant,
    },
}

/// What the app and its host wished for last, which a new engine has to hear again.
#[derive(Debug, Default)]
struct Intents {
    wants_line: bool,
    has_no_network: bool,
    /// When it last wished for a line.
    connected: Moment,
    /// When it last wished to be awake: for a line, or because it is on the screen.
    woken: Moment,
}

/// What the driver did since the client was opened, for diagnostics.
#[derive(Debug, Default, Clone, Copy, serde::Serialize)]
struct Counters {
    transactions: u64,
    /// How often engine and database were opened again.
    reopened: u64,
}

/// Everything that waited.
#[derive(Default)]
struct Inputs {
    link: Vec<LinkEvent>,
    token: Option<Result<Token, TokenFailure>>,
    errands: Vec<Errand>,
    said: Said,
    /// The last handle was dropped.
    is_abandoned: bool,
}

impl Driver {
    /// Opens the database; touches no network.
    pub(crate) fn open(config: Config) -> Result<(Client, Self), OpenError> {
        let Settings { core: settings, transport, tokens, clock } = config.check()?;
        let core = Core::open(&settings, clock.read())?;
        let shared = Arc::new(Shared::new(settings.engine.action_bytes_max));
        let (sender, errands) = mpsc::channel(ERRANDS_MAX);
        let mut driver = Self {
            line: Line::new(transport),
            tokens: TokenDesk::new(tokens),
            settings,
            clock,
            shared: Arc::clone(&shared),
            errands,
            phase: Phase::Running(Box::new(core)),
            registry: Registry::default(),
            waiters: Waiters::default(),
            intents: Intents::default(),
            own: Vec::new(),
            own_due: None,
            flushes: Vec::new(),
            suspending: None,
            leave: Leave::Stay,
            failures: 0,
            failure: Refusal::Store,
            counters: Counters::default(),
        };
        driver.registry.introduce(&mut driver.own);
        // The first status, so that a handle shows what waits in the queue before anything runs.
        driver.run_effects();
        Ok((Client::new(Handle::new(sender, shared)), driver))
    }

    /// Runs until the client is shut down or its last handle is dropped.
    pub async fn run(mut self) {
        loop {
            let inputs = self.wait().await;
            self.turn(inputs);
            match std::mem::take(&mut self.leave) {
                Leave::Stay => {}
                Leave::Suspend { by } => self.suspend(by).await,
                Leave::Shutdown { answers } => return self.shutdown(answers).await,
            }
        }
    }

    /// Waits for something to do, then takes everything that is there. Each source is cancel safe.
    async fn wait(&mut self) -> Inputs {
        let mut inputs = Inputs::default();
        let deadline = self.deadline();
        // A far moment where there is none; the branch is off then.
        let at = deadline.unwrap_or_else(|| self.now().at);
        tokio::select! {
            biased;
            () = self.line.turn(&mut inputs.link) => {}
            token = self.tokens.answered() => inputs.token = Some(token),
            () = self.shared.signals.heard() => {}
            errand = self.errands.recv() => match errand {
                Some(errand) => inputs.errands.push(errand),
                None => inputs.is_abandoned = true,
            },
            () = sleep_until(at.into()), if deadline.is_some() => {}
        }
        if inputs.link.is_empty() {
            let _ = self.line.turn(&mut inputs.link).now_or_never();
        }
        while inputs.errands.len() < BATCH_MAX {
            match self.errands.try_recv() {
                Ok(errand) => inputs.errands.push(errand),
                Err(mpsc::error::TryRecvError::Empty) => break,
                Err(mpsc::error::TryRecvError::Disconnected) => {
                    inputs.is_abandoned = true;
                    break;
                }
            }
        }
        // After the errands: whoever dropped a stream before asking for something has signalled before it.
        inputs.said = self.shared.signals.take();
        inputs
    }

    /// One transaction, then what follows from it.
    fn turn(&mut self, inputs: Inputs) {
        let mut commands = std::mem::take(&mut self.own);
        self.own_due = None;
        self.heed(&inputs.said.wishes, &mut commands);
        self.reopen_if_due(&mut commands);
        self.look(&inputs.said, &mut commands);
        for errand in inputs.errands {
            self.sort(errand, &mut commands);
        }
        if inputs.is_abandoned {
            self.leave = Leave::Shutdown { answers: Vec::new() };
        }
        let now = self.now();
        match &mut self.phase {
            Phase::Running(core) => {
                let work = Work { link: inputs.link, token: inputs.token, commands };
                match core.commit(now, work, &mut self.line) {
                    Ok(packets) => {
                        self.counters.transactions += 1;
                        self.line.send(packets);
                        self.run_effects();
                        self.waiters.serve_checks();
                        self.registry.serve_checks();
                    }
                    Err(error) => self.fail(&error),
                }
            }
            Phase::Suspended => commands.into_iter().for_each(|command| refuse(command, Refusal::Suspended)),
            Phase::Broken { .. } => commands.into_iter().for_each(|command| refuse(command, self.failure)),
        }
        self.serve_flushes();
        self.check_suspending();
    }

    /// What the app and its host wish for. It may open a suspended client again.
    fn heed(&mut self, wishes: &[(Moment, Wish)], commands: &mut Vec<Command>) {
        for (moment, wish) in wishes {
            commands.push(match wish {
                Wish::Connect => Command::Connect,
                Wish::Disconnect => Command::Disconnect,
                Wish::NetworkAvailable => Command::Hint(Hint::NetworkAvailable),
                Wish::NetworkLost => Command::Hint(Hint::NetworkLost),
                Wish::Foreground => Command::Hint(Hint::Foreground),
            });
            match wish {
                Wish::Connect => {
                    self.intents.wants_line = true;
                    self.intents.connected = *moment;
                }
                Wish::Disconnect => self.intents.wants_line = false,
                Wish::NetworkAvailable => self.intents.has_no_network = false,
                Wish::NetworkLost => self.intents.has_no_network = true,
                Wish::Foreground => {}
            }
            if matches!(wish, Wish::Connect | Wish::Foreground) {
                self.intents.woken = *moment;
                self.wake_up();
            }
        }
    }

    /// Which of the app's streams have moved.
    fn look(&mut self, said: &Said, commands: &mut Vec<Command>) {
        for mailbox in &said.mailboxes {
            self.registry.moved(mailbox, commands);
        }
        if said.has_moved_taps {
            self.shared.with_observers(|observers| self.registry.taps_moved(observers, commands));
        }
    }

    fn sort(&mut self, errand: Errand, commands: &mut Vec<Command>) {
        match errand {
            Errand::Command(command) => commands.push(command),
            Errand::Await { id, answer } => commands.push(self.waiters.wait(id, answer)),
            Errand::Flush { within, answer } => {
                commands.push(Command::Hint(Hint::Flush));
                self.begin_flush(within, answer);
            }
            // The app is back already: nobody would wake it.
            Errand::Suspend { said, answer, .. } if said < self.intents.woken => drop(answer.send(())),
            Errand::Suspend { within, flush_first, answer, .. } => {
                if flush_first {
                    commands.push(Command::Hint(Hint::Flush));
                }
                self.begin_suspending(within, flush_first, answer);
            }
            Errand::SignOut { said, discard, answer } => {
                self.sign_out(said, Command::SignOut { discard, answer }, commands)
            }
            Errand::Shutdown { answer } => self.begin_shutdown(answer),
            // Whoever asked may have gone.
            Errand::Failure { answer } => drop(answer.send(self.failure)),
        }
    }

    /// Signing out ends the wish for a line, unless the app has said it again since.
    fn sign_out(&mut self, said: Moment, sign_out: Command, commands: &mut Vec<Command>) {
        // What was wished for is said to the engine after it, or it would be undone.
        commands.retain(|command| !matches!(command, Command::Connect));
        commands.push(sign_out);
        self.intents.wants_line &= said < self.intents.connected;
        if self.intents.wants_line {
            commands.push(Command::Connect);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let engine = match &self.phase {
            Phase::Running(core) => core.deadline(),
            Phase::Suspended => None,
            Phase::Broken { retry_at } => Some(*retry_at),
        };
        let flushes = self.flushes.iter().map(|flush| flush.until);
        let suspending = self.suspending.as_ref().map(|suspending| suspending.flush_until);
        engine.into_iter().chain(self.own_due).chain(flushes).chain(suspending).min()
    }

    fn now(&self) -> Now {
        self.clock.read()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Also when it was cancelled or has panicked.
        self.registry.end();
        self.shared.close();
    }
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}
