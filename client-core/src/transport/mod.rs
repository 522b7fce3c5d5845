//! One link to the server: dial, TLS, WebSocket, Engine.IO; Socket.IO packets come out and go in.
//!
//! A [`Line`] makes one link at a time and is polled by the driver; it has no task of its own. The link goes over
//! WebSocket from its first byte: there is no long polling in the client. [`Dialer`] is the seam where a simulation
//! puts its own network.

mod dial;
mod handshake;
mod socket;
#[cfg(test)]
mod tests;
mod tls;

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use keepline_protocol::socket_io::Packet;

pub use self::dial::{BoxedIo, DialFuture, Dialer, Io};
pub(crate) use self::{dial::TcpDialer, tls::TlsOptions};
use self::{handshake::Opened, socket::Socket, tls::TlsClient};
use crate::{config::Endpoint, engine::LinkEvent, limits::GOODBYES_MAX, status::LineTrouble};

/// What the transport needs of the config.
pub(crate) struct TransportOptions {
    pub(crate) endpoint: Endpoint,
    pub(crate) tls: TlsOptions,
    pub(crate) receive_bytes_max: usize,
    pub(crate) dialer: Arc<dyn Dialer>,
}

impl fmt::Debug for TransportOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportOptions").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// Why there is no link, or no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LinkFailure {
    pub(crate) trouble: LineTrouble,
    pub(crate) retry_after: Option<Duration>,
}

impl From<LineTrouble> for LinkFailure {
    fn from(trouble: LineTrouble) -> Self {
        Self { trouble, retry_after: None }
    }
}

/// What the line did since the client was opened, for diagnostics.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub(crate) struct LineCounters {
    pub(crate) dials: u64,
    pub(crate) opened: u64,
    pub(crate) packets_in: u64,
    pub(crate) packets_out: u64,
}

/// The link, if there is one, and those that are saying goodbye.
pub(crate) struct Line {
    options: Arc<TransportOptions>,
    tls: Arc<TlsClient>,
    link: Link,
    goodbyes: VecDeque<Pin<Box<dyn Future<Output = ()> + Send>>>,
    is_starved: bool,
    counters: LineCounters,
}

enum Link {
    Down,
    Dialing(Pin<Box<dyn Future<Output = Result<Opened, LinkFailure>> + Send>>),
    Up(Box<Socket>),
}

impl Line {
    pub(crate) fn new(options: TransportOptions) -> Self {
        let tls = Arc::new(TlsClient::new(options.tls.clone()));
        Self {
            options: Arc::new(options),
            tls,
            link: Link::Down,
            goodbyes: VecDeque::new(),
            is_starved: false,
            counters: LineCounters::default(),
        }
    }

    /// Begins a link. One that is there is dropped.
    pub(crate) fn dial(&mut self) {
        self.counters.dials += 1;
        let (options, tls) = (Arc::clone(&self.options), Arc::clone(&self.tls));
        self.link = Link::Dialing(Box::pin(handshake::open(options, tls)));
    }

    /// Ends the link: what was handed to it is still written, in the background and within a second.
    pub(crate) fn hang_up(&mut self) {
        self.is_starved = false;
        if let Link::Up(socket) = std::mem::replace(&mut self.link, Link::Down) {
            if self.goodbyes.len() == GOODBYES_MAX {
                self.goodbyes.pop_front();
            }
            self.goodbyes.push_back(Box::pin(socket.say_goodbye()));
        }
    }

    /// Asks the other end for a sign of life.
    pub(crate) fn probe(&mut self) {
        if let Link::Up(socket) = &mut self.link {
            socket.probe();
        }
    }

    /// Whether packets may be handed over; what was handed over before is on its way then.
    pub(crate) fn has_room(&self) -> bool {
        matches!(&self.link, Link::Up(socket) if socket.has_room())
    }

    /// Takes packets, to be written when the line is polled next. Where there is no link they are dropped: what must
    /// arrive is sent again by the engine.
    pub(crate) fn send(&mut self, packets: Vec<Packet>) {
        if let Link::Up(socket) = &mut self.link {
            self.counters.packets_out += packets.len() as u64;
            packets.into_iter().for_each(|packet| socket.push(packet));
        }
    }

    /// There was more to send than there was room: the line wakes the driver when there is room again.
    pub(crate) fn starve(&mut self) {
        self.is_starved = true;
    }

    pub(crate) fn counters(&self) -> LineCounters {
        self.counters
    }

    /// Waits until something happened on the link, which is appended to `events`, or until a starved line has room.
    /// Cancel safe.
    pub(crate) async fn turn(&mut self, events: &mut Vec<LinkEvent>) {
        std::future::poll_fn(|cx| self.poll(cx, events)).await;
    }

    /// Waits until every goodbye was said. Cancel safe.
    pub(crate) async fn closed(&mut self) {
        std::future::poll_fn(|cx| {
            self.poll_goodbyes(cx);
            if self.goodbyes.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Closes everything at once.
    pub(crate) fn cut(&mut self) {
        self.link = Link::Down;
        self.goodbyes.clear();
        self.is_starved = false;
    }

    fn poll(&mut self, cx: &mut Context<'_>, events: &mut Vec<LinkEvent>) -> Poll<()> {
        self.poll_goodbyes(cx);
        let before = events.len();
        match &mut self.link {
            Link::Down => {}
            Link::Dialing(dialing) => match dialing.as_mut().poll(cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(opened)) => {
                    self.counters.opened += 1;
                    events.push(opened.event);
                    self.link = Link::Up(Box::new(opened.socket));
                    // What came right behind the handshake waits in the socket's buffer, and nothing else wakes us.
                    cx.waker().wake_by_ref();
                }
                Poll::Ready(Err(failure)) => self.lose(failure, events),
            },
            Link::Up(socket) => {
                if let Err(failure) = socket.poll(cx, events) {
                    self.lose(failure, events);
                }
            }
        }
        let read = events.len() - before;
        self.counters.packets_in += read as u64;
        let has_room_again = self.is_starved && self.has_room();
        if read == 0 && !has_room_again {
            return Poll::Pending;
        }
        self.is_starved = false;
        Poll::Ready(())
    }

    fn poll_goodbyes(&mut self, cx: &mut Context<'_>) {
        self.goodbyes.retain_mut(|goodbye| goodbye.as_mut().poll(cx).is_pending());
    }

    fn lose(&mut self, failure: LinkFailure, events: &mut Vec<LinkEvent>) {
        self.link = Link::Down;
        events.push(LinkEvent::Lost { trouble: failure.trouble, retry_after: failure.retry_after });
    }
}
