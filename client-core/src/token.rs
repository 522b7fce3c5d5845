use std::{fmt, panic::AssertUnwindSafe, pin::Pin, sync::Arc};

use futures_util::FutureExt;
use keepline_protocol::{Token, limits::TOKEN_BYTES_MAX};
use tokio::sync::oneshot;

use crate::engine::{TokenFailure, TokenReason};

/// Gives the client a bearer token whenever it needs one.
///
/// Any `Fn(TokenReason) -> impl Future<Output = Result<Token, TokenError>>` is one:
///
/// ```
/// use keepline::{Config, Token, TokenError, TokenReason};
///
/// let config = Config::new("wss://example.org", "queue.db").token_provider(|reason: TokenReason| async move {
///     let cached = (reason != TokenReason::Refused).then(|| Token::new("from a cache"));
///     cached.ok_or(TokenError::SignedOut)
/// });
/// ```
///
/// It is asked before each connection, ahead of the present token's end, and once more after the server refused one;
/// never twice at a time. The future runs on the client's own thread beside its socket, so it must not block; a
/// provider that has to block is given by [`Config::token_handler`](crate::Config::token_handler). One that panics
/// counts as [`TokenError::Unavailable`], and so does one that has not answered after 30 seconds.
pub trait TokenProvider: Send + Sync + 'static {
    /// Starts asking for a token.
    fn token(&self, reason: TokenReason) -> TokenFuture;
}

/// A token on its way.
pub type TokenFuture = Pin<Box<dyn Future<Output = Result<Token, TokenError>> + Send>>;

impl<F, Fut> TokenProvider for F
where
    F: Fn(TokenReason) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Token, TokenError>> + Send + 'static,
{
    fn token(&self, reason: TokenReason) -> TokenFuture {
        Box::pin(self(reason))
    }
}

/// Why a provider has no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenError {
    /// Not now: the client asks again after a while.
    Unavailable,
    /// Not before the user signs in: the status becomes `AuthRequired`, and the queue is kept.
    SignedOut,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unavailable => "no token at the moment",
            Self::SignedOut => "no token before the user signs in",
        })
    }
}

impl std::error::Error for TokenError {}

/// One question for a token, as an object to be answered from anywhere.
///
/// Dropping it unanswered counts as [`TokenError::Unavailable`].
#[derive(Debug)]
pub struct TokenRequest {
    reason: TokenReason,
    answer: oneshot::Sender<Result<Token, TokenError>>,
}

impl TokenRequest {
    /// Why a token is asked for.
    pub fn reason(&self) -> TokenReason {
        self.reason
    }

    /// Answers with a token.
    pub fn resolve(self, token: impl Into<Token>) {
        // Nobody listens any more after the client's timeout.
        let _ = self.answer.send(Ok(token.into()));
    }

    /// Answers that there is none.
    pub fn reject(self, error: TokenError) {
        let _ = self.answer.send(Err(error));
    }
}

/// What the config says about tokens.
#[derive(Clone, Default)]
pub(crate) enum TokenSource {
    #[default]
    NotConfigured,
    Fixed(Token),
    Provider(Arc<dyn TokenProvider>),
    Handler(Arc<dyn Fn(TokenRequest) + Send + Sync>),
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotConfigured => "NotConfigured",
            Self::Fixed(_) => "Fixed",
            Self::Provider(_) => "Provider",
            Self::Handler(_) => "Handler",
        })
    }
}

/// Asks for one token at a time. A new question drops the one that is under way.
pub(crate) struct TokenDesk {
    source: TokenSource,
    asked: Option<Asked>,
}

type Asked = Pin<Box<dyn Future<Output = Result<Token, TokenFailure>> + Send>>;

impl TokenDesk {
    pub(crate) fn new(source: TokenSource) -> Self {
        Self { source, asked: None }
    }

    pub(crate) fn ask(&mut self, reason: TokenReason) {
        self.asked = Some(match self.source.clone() {
            TokenSource::NotConfigured => Box::pin(std::future::ready(Err(TokenFailure::NotConfigured))),
            TokenSource::Fixed(token) => Box::pin(std::future::ready(Ok(token))),
            TokenSource::Provider(provider) => Box::pin(from_provider(provider, reason)),
            TokenSource::Handler(handler) => Box::pin(from_handler(handler, reason)),
        });
    }

    pub(crate) fn forget(&mut self) {
        self.asked = None;
    }

    /// Waits for the answer, for ever where nothing was asked. Cancel safe.
    pub(crate) async fn answered(&mut self) -> Result<Token, TokenFailure> {
        let Some(asked) = &mut self.asked else { return std::future::pending().await };
        let answer = asked.await;
        self.asked = None;
        answer
    }
}

async fn from_provider(provider: Arc<dyn TokenProvider>, reason: TokenReason) -> Result<Token, TokenFailure> {
    // The call itself may panic as well as the future it gives.
    let answer = AssertUnwindSafe(async move { provider.token(reason).await }).catch_unwind().await;
    match answer {
        Ok(answer) => checked(answer),
        Err(_) => {
            tracing::error!("the token provider panicked");
            Err(TokenFailure::Unavailable)
        }
    }
}

async fn from_handler(
    handler: Arc<dyn Fn(TokenRequest) + Send + Sync>,
    reason: TokenReason,
) -> Result<Token, TokenFailure> {
    let (answer, answered) = oneshot::channel();
    // A handler may block, for instance on another language's lock, and the driver must go on meanwhile. Its panic
    // stays on that thread and drops the question.
    tokio::task::spawn_blocking(move || handler(TokenRequest { reason, answer }));
    checked(answered.await.unwrap_or(Err(TokenError::Unavailable)))
}

fn checked(answer: Result<Token, TokenError>) -> Result<Token, TokenFailure> {
    match answer {
        Ok(token) if is_plausible(&token) => Ok(token),
        Ok(_) => {
            tracing::error!("the token provider gave an empty or overlong token");
            Err(TokenFailure::Unavailable)
        }
        Err(TokenError::Unavailable) => Err(TokenFailure::Unavailable),
        Err(TokenError::SignedOut) => Err(TokenFailure::SignedOut),
    }
}

/// Whether a token can be sent at all.
pub(crate) fn is_plausible(token: &Token) -> bool {
    (1..=TOKEN_BYTES_MAX).contains(&token.expose().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(source: TokenSource) -> Result<Token, TokenFailure> {
        let mut desk = TokenDesk::new(source);
        desk.ask(TokenReason::Connect);
        desk.answered().await
    }

    fn provider(
        answer: impl Fn(TokenReason) -> Result<Token, TokenError> + Send + Sync + 'static,
    ) -> TokenSource {
        TokenSource::Provider(Arc::new(move |reason| std::future::ready(answer(reason))))
    }

    #[tokio::test]
    async fn each_source_answers() {
        assert_eq!(ask(TokenSource::NotConfigured).await, Err(TokenFailure::NotConfigured));
        assert_eq!(ask(TokenSource::Fixed("t".into())).await, Ok("t".into()));
        assert_eq!(ask(provider(|_| Ok("p".into()))).await, Ok("p".into()));
        assert_eq!(ask(provider(|_| Err(TokenError::SignedOut))).await, Err(TokenFailure::SignedOut));
        let handler = |request: TokenRequest| request.resolve("h");
        assert_eq!(ask(TokenSource::Handler(Arc::new(handler))).await, Ok("h".into()));
        let handler = |request: TokenRequest| request.reject(TokenError::SignedOut);
        assert_eq!(ask(TokenSource::Handler(Arc::new(handler))).await, Err(TokenFailure::SignedOut));
    }

    #[tokio::test]
    async fn a_provider_that_fails_in_its_own_way_is_unavailable() {
        let panicking = provider(|_| panic!("as a provider may"));
        assert_eq!(ask(panicking).await, Err(TokenFailure::Unavailable));
        let dropping = TokenSource::Handler(Arc::new(drop));
        assert_eq!(ask(dropping).await, Err(TokenFailure::Unavailable));
        let panicking = TokenSource::Handler(Arc::new(|_| panic!("as a handler may")));
        assert_eq!(ask(panicking).await, Err(TokenFailure::Unavailable));
        assert_eq!(ask(provider(|_| Ok("".into()))).await, Err(TokenFailure::Unavailable));
        let overlong = provider(|_| Ok("x".repeat(TOKEN_BYTES_MAX + 1).into()));
        assert_eq!(ask(overlong).await, Err(TokenFailure::Unavailable));
    }

    #[tokio::test]
    async fn the_reason_reaches_the_provider() {
        let mut desk = TokenDesk::new(provider(|reason| match reason {
            TokenReason::Refused => Err(TokenError::SignedOut),
            _ => Ok("cached".into()),
        }));
        desk.ask(TokenReason::Expiring);
        assert_eq!(desk.answered().await, Ok("cached".into()));
        desk.ask(TokenReason::Refused);
        assert_eq!(desk.answered().await, Err(TokenFailure::SignedOut));
    }
}
