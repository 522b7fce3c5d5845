use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use keepline_protocol::{
    Payload,
    limits::PACKET_BYTES_MAX,
    socket_io::{Decoder, Kind, Malformed, Packet},
};
use tokio::time::{Instant, timeout_at};
use tracing::debug;

use super::{CloseCode, CloseReason, Closed, Link, LinkSender, Message};

/// The limits of one Socket.IO connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketConfig {
    /// How long a connection may be in no namespace: before its first CONNECT is accepted, and after it has left
    /// the last one.
    pub connect_timeout: Duration,
    /// How many namespaces it may be in.
    pub namespaces_max: usize,
    /// The largest packet with all its attachments, in bytes.
    pub packet_bytes_max: usize,
}

impl Default for SocketConfig {
    fn default() -> Self {
        Self {
            connect_timeout: CONNECT_TIMEOUT,
            namespaces_max: NAMESPACES_MAX,
            packet_bytes_max: 2 * PACKET_BYTES_MAX,
        }
    }
}

/// Socket.IO over a [`Link`]: whole packets, and the rules of namespaces.
///
/// The application gets every CONNECT and answers it with [`accept`](Self::accept) or [`refuse`](Self::refuse).
/// Events and acknowledgements come only from namespaces that were accepted. A peer that breaks the protocol (a
/// malformed packet, an event before its CONNECT was accepted, a second CONNECT, too many namespaces or bytes) or
/// does not connect in time is cut off.
///
/// Dropping it closes the link.
#[derive(Debug)]
pub struct Socket {
    link: Link,
    sender: LinkSender,
    config: SocketConfig,
    decoder: Decoder,
    namespaces: BTreeMap<Cow<'static, str>, Membership>,
    /// Until when it has to be in a namespace; `None` while it is in one.
    deadline: Option<Instant>,
    end: Option<SocketEnd>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Membership {
    /// CONNECT has come and is not answered yet.
    Asked,
    Joined,
    /// This end ended it; what the peer sent before it knew is dropped.
    Left,
}

/// Why a Socket.IO connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocketEnd {
    /// The engine session ended.
    Link(CloseReason),
    /// A packet was malformed.
    Malformed(Malformed),
    /// A packet with its attachments was larger than allowed.
    TooLarge,
    /// A packet came that its namespace is in no state for.
    OutOfPlace,
    /// More namespaces than allowed.
    TooManyNamespaces,
    /// Not in any namespace for too long.
    Silent,
}

impl Socket {
    /// Begins; the time to connect runs from now.
    pub fn new(link: Link, config: SocketConfig) -> Self {
        let sender = link.sender();
        let deadline = Some(Instant::now() + config.connect_timeout);
        let (decoder, namespaces) = (Decoder::default(), BTreeMap::new());
        Self { link, sender, config, decoder, namespaces, deadline, end: None }
    }

    /// The next packet; `None` once the connection has ended, see [`end`](Self::end). Cancel safe.
    pub async fn recv(&mut self) -> Option<Packet> {
        while self.end.is_none() {
            let next = match self.deadline {
                None => self.link.recv().await,
                Some(deadline) => match timeout_at(deadline, self.link.recv()).await {
                    Ok(next) => next,
                    Err(_) => return self.cut_off(SocketEnd::Silent),
                },
            };
            let Some(next) = next else {
                self.end = Some(SocketEnd::Link(self.link.close_reason().unwrap_or(CloseReason::Server)));
                return None;
            };
            if let Some(packet) = self.handle(next) {
                return Some(packet);
            }
        }
        None
    }

    /// The next packet if it is here already, so that a burst can share one transaction.
    pub fn try_recv(&mut self) -> Option<Packet> {
        while self.end.is_none() {
            let next = self.link.try_recv()?;
            if let Some(packet) = self.handle(next) {
                return Some(packet);
            }
        }
        None
    }

    /// Grants the namespace that was asked for; the reply is CONNECT's payload, `{"sid": …}`.
    ///
    /// # Errors
    /// [`Closed`] once the connection is gone.
    pub async fn accept(&mut self, namespace: &str, reply: Payload) -> Result<(), Closed> {
        self.namespaces.insert(Cow::Owned(namespace.to_owned()), Membership::Joined);
        self.deadline = None;
        self.answer(namespace, Kind::Connect(Some(reply))).await
    }

    /// Refuses the namespace that was asked for; a stock client does not come back by itself then.
    ///
    /// # Errors
    /// [`Closed`] once the connection is gone.
    pub async fn refuse(&mut self, namespace: &str, error: Payload) -> Result<(), Closed> {
        self.namespaces.remove(namespace);
        self.answer(namespace, Kind::ConnectError(error)).await
    }

    /// Ends a namespace from this side; a stock client does not come back by itself then.
    ///
    /// # Errors
    /// [`Closed`] once the connection is gone.
    pub async fn leave(&mut self, namespace: &str) -> Result<(), Closed> {
        if let Some(membership) = self.namespaces.get_mut(namespace) {
            *membership = Membership::Left;
        }
        self.start_deadline();
        self.answer(namespace, Kind::Disconnect).await
    }

    /// Sends packets, from anywhere.
    pub fn sender(&self) -> &LinkSender {
        &self.sender
    }

    /// The engine session underneath.
    pub fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    /// Why the connection ended; `None` while it has not.
    pub fn end(&self) -> Option<SocketEnd> {
        self.end
    }

    async fn answer(&self, namespace: &str, kind: Kind) -> Result<(), Closed> {
        self.sender.send(Packet { namespace: Cow::Owned(namespace.to_owned()), kind }).await
    }

    fn handle(&mut self, message: Message) -> Option<Packet> {
        let decoded = match message {
            Message::Text(text) => self.decoder.text(&text),
            Message::Binary(bytes) => self.decoder.binary(bytes),
        };
        match decoded {
            Ok(Some(packet)) => self.handle_packet(packet),
            Ok(None) if self.decoder.pending_bytes() > self.config.packet_bytes_max => {
                self.cut_off(SocketEnd::TooLarge)
            }
            Ok(None) => None,
            Err(error) => self.cut_off(SocketEnd::Malformed(error)),
        }
    }

    fn handle_packet(&mut self, packet: Packet) -> Option<Packet> {
        let membership = self.namespaces.get(&packet.namespace).copied();
        match (&packet.kind, membership) {
            (Kind::Connect(_), None | Some(Membership::Left)) => {
                if self.namespaces.len() >= self.config.namespaces_max && membership.is_none() {
                    return self.cut_off(SocketEnd::TooManyNamespaces);
                }
                self.namespaces.insert(packet.namespace.clone(), Membership::Asked);
                Some(packet)
            }
            (Kind::Event { .. } | Kind::Ack { .. }, Some(Membership::Joined)) => Some(packet),
            (Kind::Disconnect, Some(Membership::Joined | Membership::Asked)) => {
                self.namespaces.remove(&packet.namespace);
                self.start_deadline();
                Some(packet)
            }
            (Kind::Event { .. } | Kind::Ack { .. } | Kind::Disconnect, Some(Membership::Left)) => None,
            _ => self.cut_off(SocketEnd::OutOfPlace),
        }
    }

    fn start_deadline(&mut self) {
        let joined = self.namespaces.values().any(|membership| *membership == Membership::Joined);
        if !joined && self.deadline.is_none() {
            self.deadline = Some(Instant::now() + self.config.connect_timeout);
        }
    }

    fn cut_off(&mut self, end: SocketEnd) -> Option<Packet> {
        debug!(peer = %self.link.peer(), ?end, "connection cut off");
        self.end = Some(end);
        self.sender.abort(match end {
            SocketEnd::TooLarge => CloseCode::TooLarge,
            SocketEnd::Silent | SocketEnd::TooManyNamespaces => CloseCode::Policy,
            SocketEnd::Link(_) | SocketEnd::Malformed(_) | SocketEnd::OutOfPlace => CloseCode::Protocol,
        });
        None
    }
}

/// Whoever means well sends CONNECT at once, with a token that is there already or is made in a moment.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Stock clients use one, seldom a few.
const NAMESPACES_MAX: usize = 16;
