use std::time::Duration;

use keepline_protocol::ActionId;

use crate::{
    command::{Answer, Command},
    error::{CallError, ControlError, EventsError, OutcomeError, StoreError, SubmitError},
    outcome::Outcome,
    signals::Moment,
};

/// What the handle asks of the driver and waits for.
pub(crate) enum Errand {
    /// The engine's business.
    Command(Command),
    /// Waits for an action's outcome, across restarts of the engine.
    Await { id: ActionId, answer: Answer<Result<Outcome, OutcomeError>> },
    /// Answers `true` once nothing is pending, `false` when the time is over.
    Flush { within: Duration, answer: Answer<bool> },
    /// Closes every file and socket within the time; first tries to get the queue out, where asked to.
    Suspend { said: Moment, within: Duration, flush_first: bool, answer: Answer<()> },
    /// Disconnects and forgets whose session it was, with or without the account's rows.
    SignOut { said: Moment, discard: bool, answer: Answer<Result<(), StoreError>> },
    /// Closes for good.
    Shutdown { answer: Answer<()> },
    /// Says how the database failed last, to whoever was not answered because of it.
    Failure { answer: Answer<Refusal> },
}

/// Why an errand cannot reach the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Suspended,
    /// The database failed and is being opened again.
    Store,
    /// It failed because the disk is full.
    Full,
    Closed,
}

impl From<&StoreError> for Refusal {
    fn from(error: &StoreError) -> Self {
        if *error == StoreError::Full { Self::Full } else { Self::Store }
    }
}

/// An error that has a word for each refusal.
pub(crate) trait Refused {
    fn refused(why: Refusal) -> Self;
}

macro_rules! refused {
    ($($error:ident: $suspended:ident, $store:ident, $full:ident;)*) => {$(
        impl Refused for $error {
            fn refused(why: Refusal) -> Self {
                match why {
                    Refusal::Suspended => Self::$suspended,
                    Refusal::Store => Self::$store,
                    Refusal::Full => Self::$full,
                    Refusal::Closed => Self::Closed,
                }
            }
        }
    )*};
}

refused! {
    SubmitError: Suspended, Store, DiskFull;
    ControlError: Suspended, Store, Store;
    EventsError: Suspended, Store, Store;
    StoreError: Suspended, Io, Full;
    // A call that was under way when the database failed may have happened; one that meets a suspended client was
    // never sent.
    CallError: NotOnline, TimedOut, TimedOut;
    // The driver keeps these across both.
    OutcomeError: Closed, Closed, Closed;
}

/// Answers a command that cannot reach the engine.
pub(crate) fn refuse(command: Command, why: Refusal) {
    fn send<T, E: Refused>(answer: Answer<Result<T, E>>, why: Refusal) {
        // Whoever asked may have gone.
        let _ = answer.send(Err(E::refused(why)));
    }
    match command {
        Command::Submit { answer, .. } => send(answer, why),
        Command::Cancel { answer, .. } | Command::Discard { answer, .. } => send(answer, why),
        Command::Retry { answer, .. } => send(answer, why),
        Command::Outcome { answer, .. } => send(answer, why),
        Command::Outbox { answer, .. } => send(answer, why),
        // Nothing was sent, whatever the reason.
        Command::Call { answer, .. } => {
            send(answer, if why == Refusal::Closed { why } else { Refusal::Suspended })
        }
        Command::Emit { answer, .. } => drop(answer.send(false)),
        Command::Consume { answer, .. } | Command::Observe { answer, .. } => send(answer, why),
        Command::SignOut { answer, .. } => send(answer, why),
        Command::Diagnostics { answer } => drop(answer.send(serde_json::Value::Null)),
        Command::AckEvent { .. }
        | Command::Taken { .. }
        | Command::Freed { .. }
        | Command::Release { .. }
        | Command::Unobserve { .. }
        | Command::Connect
        | Command::Disconnect
        | Command::Hint(_) => {}
    }
}
