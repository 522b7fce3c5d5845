use std::{fmt, time::Duration};

use keepline_protocol::{ErrorBody, ErrorCode};

use crate::storage::StorageError;

/// Why a handler did not do what was asked.
///
/// Either way nothing that the handler did to streams stands.
#[derive(Debug)]
pub struct ActionError(pub(crate) Kind);

#[derive(Debug)]
pub(crate) enum Kind {
    /// For good: the outcome is stored, and the same action is answered with it for ever.
    Refused(ErrorBody),
    /// It may pass: nothing is stored and the client tries again.
    Later(ErrorBody),
    /// The storage failed underneath.
    Storage(StorageError),
}

impl ActionError {
    /// Refuses for good. The code may be the app's own.
    pub fn refuse(code: impl Into<ErrorCode>, message: impl Into<String>) -> Self {
        Self(Kind::Refused(ErrorBody {
            code: code.into(),
            message: message.into(),
            retryable: false,
            retry_after_ms: None,
        }))
    }

    /// Fails in a way that may pass: the client sends the action again later, under the same id.
    pub fn later(code: impl Into<ErrorCode>, message: impl Into<String>) -> Self {
        Self(Kind::Later(ErrorBody {
            code: code.into(),
            message: message.into(),
            retryable: true,
            retry_after_ms: None,
        }))
    }

    /// How long the client should wait before it tries again. Means nothing for a refusal.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        if let Kind::Later(error) = &mut self.0 {
            error.retry_after_ms = Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        }
        self
    }
}

impl From<StorageError> for ActionError {
    fn from(error: StorageError) -> Self {
        Self(Kind::Storage(error))
    }
}

impl From<rusqlite::Error> for ActionError {
    fn from(error: rusqlite::Error) -> Self {
        Self(Kind::Storage(error.into()))
    }
}

impl fmt::Display for ActionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Refused(error) => write!(f, "refused: {}", error.code),
            Kind::Later(error) => write!(f, "not now: {}", error.code),
            Kind::Storage(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ActionError {}
