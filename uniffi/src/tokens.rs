use std::sync::{Arc, Mutex, PoisonError};

use keepline::{TokenError, TokenReason, TokenRequest, TokenRequests};

use crate::CoreClosedError;

/// Why a token is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum CoreTokenReason {
    /// A connection is being made.
    Connect,
    /// The present token runs out soon.
    Expiring,
    /// The server refused the last one: it must not be given again.
    Refused,
}

impl From<TokenReason> for CoreTokenReason {
    fn from(reason: TokenReason) -> Self {
        match reason {
            TokenReason::Connect => Self::Connect,
            TokenReason::Expiring => Self::Expiring,
            TokenReason::Refused => Self::Refused,
        }
    }
}

/// Why there is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum CoreTokenTrouble {
    /// Not now: the client asks again after a while.
    Unavailable,
    /// Not before the user signs in.
    SignedOut,
}

/// The questions for a token, one at a time.
#[derive(Debug, uniffi::Object)]
pub struct CoreTokenSource {
    requests: TokenRequests,
}

impl CoreTokenSource {
    pub(crate) fn new(requests: TokenRequests) -> Self {
        Self { requests }
    }
}

#[uniffi::export]
impl CoreTokenSource {
    /// Waits for the next question; `None` at the end.
    pub async fn next_question(&self) -> Result<Option<Arc<CoreTokenQuestion>>, CoreClosedError> {
        let request = self.requests.next().await;
        Ok(request.map(|request| Arc::new(CoreTokenQuestion::new(request))))
    }

    /// Nobody answers from now on; who waits gets the end.
    pub fn end(&self) -> Result<(), CoreClosedError> {
        self.requests.end();
        Ok(())
    }
}

/// A question for a token. Only the first answer counts; dropped unanswered it counts as `Unavailable`.
#[derive(Debug, uniffi::Object)]
pub struct CoreTokenQuestion {
    reason: TokenReason,
    request: Mutex<Option<TokenRequest>>,
}

impl CoreTokenQuestion {
    fn new(request: TokenRequest) -> Self {
        Self { reason: request.reason(), request: Mutex::new(Some(request)) }
    }

    fn take(&self) -> Option<TokenRequest> {
        self.request.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[uniffi::export]
impl CoreTokenQuestion {
    /// Why a token is asked for.
    pub fn reason(&self) -> Result<CoreTokenReason, CoreClosedError> {
        Ok(self.reason.into())
    }

    /// Answers with a token.
    pub fn resolve(&self, token: String) -> Result<(), CoreClosedError> {
        if let Some(request) = self.take() {
            request.resolve(token);
        }
        Ok(())
    }

    /// Answers that there is none.
    pub fn reject(&self, trouble: CoreTokenTrouble) -> Result<(), CoreClosedError> {
        if let Some(request) = self.take() {
            request.reject(match trouble {
                CoreTokenTrouble::Unavailable => TokenError::Unavailable,
                CoreTokenTrouble::SignedOut => TokenError::SignedOut,
            });
        }
        Ok(())
    }
}
