//! The one owner of engine, database and socket.
//!
//! [`Driver::run`] waits for an errand, an event of the link, a token or a deadline. Then it takes everything that
//! waits besides, up to a batch, and puts it into one transaction: a burst of submits shares a commit. After the
//! commit, and only then, packets are written and effects are run.

mod core;
mod effects;
mod errand;
mod inputs;
mod lifecycle;
mod registry;
#[cfg(test)]
mod tests;
mod waiters;

use std::{sync::Arc, time::Instant};

use futures_util::FutureExt;
use tokio::{sync::mpsc, time::sleep_until};

pub(crate) use self::errand::{Errand, Refusal, Refused};
use self::{
    core::{Core, Work},
    effects::Counters,
    errand::refuse,
    inputs::{Inputs, Intents},
    lifecycle::{Flush, Leave, Phase, Suspending},
    registry::Registry,
    waiters::Waiters,
};
use crate::{
    client::{Client, Handle},
    clock::{Clock, Now},
    command::Command,
    config::{Config, CoreSettings, Settings},
    error::OpenError,
    limits::ERRANDS_MAX,
    shared::Shared,
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
        inputs.take_errands(&mut self.errands);
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
                        self.counters.transactions += core.take_transactions();
                        self.line.send(packets);
                        self.run_effects();
                        self.waiters.serve_checks();
                        self.registry.serve_checks();
                        self.shared.with_observers(|observers| self.registry.serve_tap_checks(observers));
                        self.store_cursors(now);
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

    /// After everything else of the turn: an outcome does not wait for a cursor.
    fn store_cursors(&mut self, now: Now) {
        let Phase::Running(core) = &mut self.phase else { return };
        let stored = core.store_cursors(now);
        self.counters.transactions += core.take_transactions();
        if let Err(error) = stored {
            self.fail(&error);
        }
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
