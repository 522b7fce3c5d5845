use std::{
    fmt,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

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
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
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

/// The questions for a token, to be pulled one at a time: for the bindings to other languages, where a call from
/// here into the app would come at a bad moment, such as the end of its interpreter.
///
/// See [`Config::token_requests`](crate::Config::token_requests). Dropping it leaves every question unanswered.
#[derive(Debug)]
pub struct TokenRequests {
    slot: Arc<Slot>,
}

impl TokenRequests {
    pub(crate) fn new() -> (TokenSource, Self) {
        let slot = Arc::<Slot>::default();
        (TokenSource::Pulled(Arc::new(Asker(Arc::clone(&slot)))), Self { slot })
    }

    /// Waits for the next question; `None` once the client is gone or after [`end`](Self::end). A newer question
    /// takes the place of one that nobody has pulled. One at a time may wait here.
    pub async fn next(&self) -> Option<TokenRequest> {
        loop {
            let moved = self.slot.moved.notified();
            {
                let mut question = self.slot.question();
                if let Some(request) = question.waiting.take() {
                    return Some(request);
                }
                if question.has_ended {
                    return None;
                }
            }
            moved.await;
        }
    }

    /// Nobody answers from now on; the client goes on with the token that it has.
    pub fn end(&self) {
        self.slot.end();
    }
}

impl Drop for TokenRequests {
    fn drop(&mut self) {
        self.slot.end();
    }
}

/// The client's side; with it the questions end.
pub(crate) struct Asker(Arc<Slot>);

impl Drop for Asker {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Room for one question: the client asks one at a time, and gives up the last one when it asks anew.
#[derive(Debug, Default)]
struct Slot {
    question: Mutex<Question>,
    moved: tokio::sync::Notify,
}

#[derive(Debug, Default)]
struct Question {
    waiting: Option<TokenRequest>,
    has_ended: bool,
}

impl Slot {
    fn ask(&self, request: TokenRequest) {
        let mut question = self.question();
        // A request that is dropped is answered by that.
        if !question.has_ended {
            question.waiting = Some(request);
            self.moved.notify_one();
        }
    }

    fn end(&self) {
        *self.question() = Question { waiting: None, has_ended: true };
        self.moved.notify_one();
    }

    fn question(&self) -> MutexGuard<'_, Question> {
        // Nothing panics while it is held.
        self.question.lock().unwrap_or_else(PoisonError::into_inner)
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
    Pulled(Arc<Asker>),
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotConfigured => "NotConfigured",
            Self::Fixed(_) => "Fixed",
            Self::Provider(_) => "Provider",
            Self::Handler(_) => "Handler",
            Self::Pulled(_) => "Pulled",
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
            TokenSource::Pulled(asker) => Box::pin(from_whoever_pulls(asker, reason)),
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

async fn from_whoever_pulls(asker: Arc<Asker>, reason: TokenReason) -> Result<Token, TokenFailure> {
    let (answer, answered) = oneshot::channel();
    asker.0.ask(TokenRequest { reason, answer });
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
    async fn questions_can_be_pulled() {
        let (source, requests) = TokenRequests::new();
        let answering = async {
            let request = requests.next().await.unwrap();
            assert_eq!(request.reason(), TokenReason::Connect);
            request.resolve("pulled");
        };
        assert_eq!(tokio::join!(ask(source.clone()), answering).0, Ok("pulled".into()));
        let answering = async { drop(requests.next().await.unwrap()) };
        assert_eq!(tokio::join!(ask(source.clone()), answering).0, Err(TokenFailure::Unavailable));
        // The client has gone.
        drop(source);
        assert!(requests.next().await.is_none());
    }

    #[tokio::test]
    async fn after_the_end_nobody_answers_and_nobody_waits() {
        let (source, requests) = TokenRequests::new();
        requests.end();
        assert!(requests.next().await.is_none());
        assert_eq!(ask(source.clone()).await, Err(TokenFailure::Unavailable));
        let (source, requests) = TokenRequests::new();
        let waiting = ask(source);
        drop(requests);
        assert_eq!(waiting.await, Err(TokenFailure::Unavailable));
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
