//! What comes in, and what it means for the engine: wishes, errands and the app's streams become its commands.

use keepline_protocol::Token;
use tokio::sync::mpsc::{self, error::TryRecvError};

use super::{Driver, errand::Errand};
use crate::{
    command::{Command, Hint},
    engine::{LinkEvent, TokenFailure},
    limits::BATCH_MAX,
    signals::{Moment, Said, Wish},
};

/// Everything that waited.
#[derive(Default)]
pub(super) struct Inputs {
    pub(super) link: Vec<LinkEvent>,
    pub(super) token: Option<Result<Token, TokenFailure>>,
    pub(super) errands: Vec<Errand>,
    pub(super) said: Said,
    /// The last handle was dropped.
    pub(super) is_abandoned: bool,
}

impl Inputs {
    /// Takes what else waits, up to a batch.
    pub(super) fn take_errands(&mut self, errands: &mut mpsc::Receiver<Errand>) {
        while self.errands.len() < BATCH_MAX {
            match errands.try_recv() {
                Ok(errand) => self.errands.push(errand),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    self.is_abandoned = true;
                    break;
                }
            }
        }
    }
}

/// What the app and its host wished for last, which a new engine has to hear again.
#[derive(Debug, Default)]
pub(super) struct Intents {
    pub(super) wants_line: bool,
    pub(super) has_no_network: bool,
    /// When it last wished for a line.
    pub(super) connected: Moment,
    /// When it last wished to be awake: for a line, or because it is on the screen.
    pub(super) woken: Moment,
}

impl Driver {
    /// What the app and its host wish for. It may open a suspended client again.
    pub(super) fn heed(&mut self, wishes: &[(Moment, Wish)], commands: &mut Vec<Command>) {
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
    pub(super) fn look(&mut self, said: &Said, commands: &mut Vec<Command>) {
        if said.has_moved_taps {
            self.shared.with_observers(|observers| self.registry.taps_went(observers, commands));
        }
        for mailbox in &said.mailboxes {
            self.registry.moved(mailbox, commands);
        }
        if said.has_moved_taps {
            self.shared.with_observers(|observers| self.registry.taps_came(observers, commands));
        }
    }

    pub(super) fn sort(&mut self, errand: Errand, commands: &mut Vec<Command>) {
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
}
