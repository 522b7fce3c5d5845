use std::{
    collections::VecDeque,
    fmt,
    future::{Future, poll_fn},
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use axum::http::HeaderMap;

use super::{
    EngineConfig, Frames, Message,
    queue::{PushError, Queue},
};

/// What to do with each new engine session.
pub trait Acceptor: Clone + Send + Sync + 'static {
    /// Called once for each session, on a task of its own. The session ends when the future has dropped its
    /// [`Link`]; what was sent before still goes out.
    fn accept(&self, link: Link) -> impl Future<Output = ()> + Send;
}

/// One Engine.IO session, whatever carries it: long polling, a WebSocket, or first the one and then the other.
///
/// A task of the connection layer reads and writes and keeps the heartbeat going, whether [`recv`](Self::recv) is
/// called or not. While the application takes nothing, at most the incoming queue's limit is read ahead, and then
/// the peer is held back by TCP.
///
/// Dropping the link closes the session after what was sent has gone out.
pub struct Link {
    pipe: Arc<Pipe>,
    /// Boxed, because most links outlive the interest in it by far.
    opening: Option<Box<Opening>>,
}

/// The request that opened a session.
///
/// `Debug` shows no values: a header may carry a token.
pub struct Opening {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its query as it came, without the question mark.
    pub query: String,
}

/// Sends into a [`Link`] from anywhere. Clones share one bounded queue.
#[derive(Clone)]
pub struct LinkSender(Arc<Pipe>);

impl Link {
    pub(super) fn new(pipe: Arc<Pipe>, opening: Opening) -> Self {
        Self { pipe, opening: Some(Box::new(opening)) }
    }

    /// Where the session was opened from.
    pub fn peer(&self) -> SocketAddr {
        self.pipe.peer
    }

    /// The engine's session id. Who knows it can take part in a session over long polling: it is not for logs.
    pub fn sid(&self) -> &str {
        &self.pipe.sid
    }

    /// The request that opened the session; `None` once it was taken.
    pub fn opening(&self) -> Option<&Opening> {
        self.opening.as_deref()
    }

    /// Takes the request out, so that its memory goes when the caller is done with it.
    pub fn take_opening(&mut self) -> Option<Opening> {
        self.opening.take().map(|opening| *opening)
    }

    /// The next message; `None` once the session has ended and all that came before was taken. Cancel safe.
    pub async fn recv(&mut self) -> Option<Message> {
        poll_fn(|cx| self.pipe.incoming.poll_pop(cx)).await
    }

    /// The next message if it is here already, so that a caller can take a burst in one go.
    pub fn try_recv(&mut self) -> Option<Message> {
        self.pipe.incoming.try_pop()
    }

    /// The other direction.
    pub fn sender(&self) -> LinkSender {
        LinkSender(self.pipe.clone())
    }

    /// Why the session has ended; `None` while it has not.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.pipe.reason.get().copied()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.pipe.incoming.cut();
        self.pipe.outgoing.finish();
    }
}

impl LinkSender {
    /// Sends as soon as the queue has room. Cancel safe: a dropped future has sent nothing.
    ///
    /// # Errors
    /// [`Closed`] once the session has ended or is being closed.
    pub async fn send(&self, frames: impl Into<Frames>) -> Result<(), Closed> {
        self.0.outgoing.push(frames.into()).await.map_err(|()| Closed)
    }

    /// Sends all in their order, as soon as the queue has room for each. Cancel safe: what a dropped future has not
    /// sent is still in `frames`.
    ///
    /// # Errors
    /// [`Closed`] once the session has ended or is being closed.
    pub(crate) async fn send_all(&self, frames: &mut VecDeque<Frames>) -> Result<(), Closed> {
        self.0.outgoing.push_all(frames).await.map_err(|()| Closed)
    }

    /// Sends from the front, as many as the queue has room for now, in one step. What is left then was not sent.
    ///
    /// # Errors
    /// [`Closed`] once the session has ended or is being closed.
    pub(crate) fn try_send_all(&self, frames: &mut VecDeque<Frames>) -> Result<(), Closed> {
        self.0.outgoing.try_push_all(frames).map_err(|()| Closed)
    }

    /// Sends if the queue has room now.
    ///
    /// # Errors
    /// [`TrySendError::Full`] for a peer that reads too slowly; the caller falls back to where the data lasts.
    /// [`TrySendError::Closed`] once the session has ended or is being closed.
    pub fn try_send(&self, frames: impl Into<Frames>) -> Result<(), TrySendError> {
        self.0.outgoing.try_push(frames.into()).map_err(|error| match error {
            PushError::Full(_) => TrySendError::Full,
            PushError::Ended => TrySendError::Closed,
        })
    }

    /// Waits until the queue has run at least half empty, which is the time to fetch more from a log.
    ///
    /// # Errors
    /// [`Closed`] once the session has ended or is being closed.
    pub async fn ready(&self) -> Result<(), Closed> {
        self.room_for(0).await
    }

    /// Waits until the queue has run at least half empty and takes something of that size.
    ///
    /// # Errors
    /// [`Closed`] once the session has ended or is being closed.
    pub async fn room_for(&self, bytes: usize) -> Result<(), Closed> {
        let weight = bytes + size_of::<Frames>();
        poll_fn(|cx| self.0.outgoing.poll_room(weight, cx)).await;
        if self.is_closed() { Err(Closed) } else { Ok(()) }
    }

    /// Whether something of that size would go in now.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.0.outgoing.has_room(bytes + size_of::<Frames>())
    }

    /// How many sends and bytes wait in the queue.
    pub fn queued(&self) -> (usize, usize) {
        self.0.outgoing.level()
    }

    /// Whether nothing can be sent any more.
    pub fn is_closed(&self) -> bool {
        self.0.outgoing.ended()
    }

    /// Closes the engine session once what was sent has gone out, for at most
    /// [`EngineConfig::close_timeout`]. A stock client then comes back by itself.
    pub fn close(&self) {
        self.0.outgoing.finish();
    }

    /// Closes the engine session now and drops what has not gone out. Over a WebSocket the peer is told the code;
    /// the first call decides it.
    pub fn abort(&self, code: CloseCode) {
        let _ = self.0.abort.set(code);
        self.0.outgoing.cut();
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("peer", &self.pipe.peer).finish_non_exhaustive()
    }
}

impl fmt::Debug for LinkSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkSender").field("peer", &self.0.peer).finish_non_exhaustive()
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("headers", &self.headers.len()).finish_non_exhaustive()
    }
}

/// What a WebSocket is told when a session is aborted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseCode {
    /// 1001: the server goes away.
    GoingAway,
    /// 1002: the peer broke the protocol.
    Protocol,
    /// 1008: the peer broke a rule of the application.
    Policy,
    /// 1009: too large.
    TooLarge,
    /// 1011: the server failed.
    Internal,
    /// 1013: come back later.
    TryLater,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer closed it in good order.
    Peer,
    /// The connection was lost.
    Lost,
    /// No pong came in time.
    PingTimeout,
    /// The peer sent what is no Engine.IO, or what only a server may send.
    Malformed,
    /// The peer sent more than the maximum payload at once.
    TooLarge,
    /// The peer did two things at once that only go one after the other.
    Overlap,
    /// This end closed it.
    Server,
}

/// The session has ended or is being closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the session is closed")
    }
}

impl std::error::Error for Closed {}

/// Why something was not sent at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrySendError {
    /// The peer reads too slowly; it may pass.
    Full,
    /// The session has ended or is being closed.
    Closed,
}

impl fmt::Display for TrySendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the send queue is full",
            Self::Closed => "the session is closed",
        })
    }
}

impl std::error::Error for TrySendError {}

/// The wire's end of a queue, for tests of what sends into it.
#[cfg(test)]
impl LinkSender {
    pub(crate) fn of_nobody(outgoing: super::QueueLimit) -> Self {
        let config = EngineConfig { outgoing, ..EngineConfig::default() };
        Self(Pipe::new("", ([127, 0, 0, 1], 0).into(), &config))
    }

    /// Takes what was sent.
    pub(crate) fn take_sent(&self) -> Vec<String> {
        std::iter::from_fn(|| self.0.outgoing.try_pop()).map(Frames::into_text).collect()
    }
}

/// What the application's end and the wire's end of a session share.
pub(super) struct Pipe {
    pub(super) sid: Box<str>,
    pub(super) peer: SocketAddr,
    pub(super) incoming: Queue<Message>,
    pub(super) outgoing: Queue<Frames>,
    pub(super) abort: OnceLock<CloseCode>,
    reason: OnceLock<CloseReason>,
}

impl Pipe {
    pub(super) fn new(sid: &str, peer: SocketAddr, config: &EngineConfig) -> Arc<Self> {
        Arc::new(Self {
            sid: sid.into(),
            peer,
            incoming: Queue::new(config.incoming),
            outgoing: Queue::new(config.outgoing),
            abort: OnceLock::new(),
            reason: OnceLock::new(),
        })
    }

    /// The wire is done: senders hear it at once, the receiver after it has taken what came before.
    pub(super) fn end(&self, reason: CloseReason) {
        let _ = self.reason.set(reason);
        self.outgoing.cut();
        self.incoming.finish();
    }
}
