use std::{fmt, io, time::Duration};

use crate::process::ProcessError;

/// Why a claim could not be shown. That it does not hold is no error but a [`Report`](super::Report).
#[derive(Debug)]
pub enum ShowError {
    /// A process did not do what was asked of it.
    Process(ProcessError),
    /// The system refused something.
    Io(io::Error),
    /// A database could not be read.
    Sqlite(rusqlite::Error),
    /// It took longer than it may.
    TooSlow(Duration),
    /// Something that everything else stands on did not come about.
    Unexpected(String),
    /// This machine lacks what it takes.
    CannotRunHere(String),
}

impl ShowError {
    /// Something that everything else stands on did not come about.
    pub fn unexpected(what: impl fmt::Display) -> Self {
        Self::Unexpected(what.to_string())
    }
}

impl fmt::Display for ShowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
            Self::Sqlite(error) => error.fmt(f),
            Self::TooSlow(time_max) => write!(f, "not done after {} s", time_max.as_secs()),
            Self::Unexpected(what) | Self::CannotRunHere(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for ShowError {}

impl From<ProcessError> for ShowError {
    fn from(error: ProcessError) -> Self {
        Self::Process(error)
    }
}

impl From<io::Error> for ShowError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<rusqlite::Error> for ShowError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}
