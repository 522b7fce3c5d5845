use std::process::ExitCode;

use keepline::{ControlError, EventsError, OpenError, OutcomeError, StoreError, SubmitError};

/// Why the command did not do what was asked: an exit code, a stable code, and words.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) code: String,
    pub(crate) text: String,
}

/// The exit codes of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Refused = 1,
    Usage = 2,
    TimedOut = 3,
    Store = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Failure {
    pub(crate) fn new(exit: Exit, code: impl Into<String>, text: impl Into<String>) -> Self {
        Self { exit, code: code.into(), text: text.into() }
    }

    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "USAGE", text)
    }

    pub(crate) fn timed_out() -> Self {
        Self::new(Exit::TimedOut, "TIMED_OUT", "the time is over")
    }
}

/// Each of the client's errors with the exit code of its kind.
macro_rules! failures {
    ($($error:ident: |$name:ident| $exit:expr;)*) => {
        $(impl From<$error> for Failure {
            fn from($name: $error) -> Self {
                Self::new($exit, $name.code(), $name.to_string())
            }
        })*
    };
}

failures! {
    OpenError: |error| match error {
        OpenError::BadUrl | OpenError::BadConfig { .. } => Exit::Usage,
        _ => Exit::Store,
    };
    SubmitError: |error| match error {
        SubmitError::NotJson | SubmitError::BadField { .. } => Exit::Usage,
        SubmitError::TooLarge { .. } | SubmitError::QueueFull | SubmitError::TooManyLanes | SubmitError::IdConflict => {
            Exit::Refused
        }
        _ => Exit::Store,
    };
    ControlError: |error| match error {
        ControlError::NotFound | ControlError::Settled | ControlError::NotParked => Exit::Refused,
        _ => Exit::Store,
    };
    EventsError: |error| match error {
        EventsError::InUse | EventsError::TooMany => Exit::Refused,
        _ => Exit::Store,
    };
    OutcomeError: |error| match error {
        OutcomeError::NotFound | OutcomeError::BadReply => Exit::Refused,
        _ => Exit::Store,
    };
    StoreError: |error| Exit::Store;
}
