//! One connection's session: from CONNECT to the end.
//!
//! The handshake is in an order that leaks nothing and loses nothing: the token is verified, the owner's rows are
//! found, streams are watched and compared, then CONNECT is answered, `session:ready:v1` follows, and only then is
//! anything live. From there on this task reads the socket, hands actions to the storage in the order they came,
//! and looks after what could not be sent at once. Answers and live events do not pass through it.
//!
//! A session that is to come back ends with its engine: a stock client takes a DISCONNECT as a goodbye.

mod clockwork;
mod dispatch;
mod handshake;
mod streams;

use std::sync::Arc;

use keepline_protocol::socket_io::{Kind, Packet, ROOT};
use serde_json::json;

use self::clockwork::Clockwork;
use crate::{
    actions::Desk,
    app::App,
    connection::{Acceptor, Link, Socket, SocketConfig},
    hub::{IN_FLIGHT_MAX, Outlet},
    limits::Seat,
    owners::Known,
};

/// How often one connection may try to CONNECT: a client that refreshes its token needs two.
const CONNECTS_MAX: usize = 4;

/// How many packets are taken in one go before anything else is looked at.
const BURST_MAX: usize = 256;

/// Makes a session of each engine connection.
#[derive(Clone)]
pub(crate) struct Sessions(pub(crate) Arc<App>);

impl Acceptor for Sessions {
    async fn accept(&self, mut link: Link) {
        // A session may last for weeks; the request's headers are not needed and may hold anything.
        drop(link.take_opening());
        let peer = link.peer();
        let config = SocketConfig { connect_timeout: self.0.line.connect_timeout, ..SocketConfig::default() };
        let mut socket = Socket::new(link, config);
        for _ in 0..CONNECTS_MAX {
            let Some(packet) = socket.recv().await else { return };
            let Kind::Connect(auth) = packet.kind else { continue };
            if packet.namespace != ROOT {
                let error = keepline_protocol::Payload::new(&json!({ "message": "Invalid namespace" }));
                let refused = socket.refuse(&packet.namespace, error.expect("an object")).await;
                if refused.is_err() {
                    return;
                }
                continue;
            }
            match self.0.connect(&mut socket, auth).await {
                handshake::Verdict::Connected(connected) => {
                    tracing::debug!(%peer, owner = %connected.known.owner, "connected");
                    self.0.metrics.connected();
                    Session::new(self.0.clone(), socket, *connected).run().await;
                    self.0.metrics.disconnected();
                    return;
                }
                handshake::Verdict::Refused(code) => {
                    tracing::debug!(%peer, %code, "refused");
                    self.0.metrics.connect_refused();
                }
                handshake::Verdict::Gone => return,
            }
        }
    }
}

/// What the handshake hands to the session.
pub(crate) struct Connected {
    pub(crate) known: Arc<Known>,
    pub(crate) outlet: Arc<Outlet>,
    pub(crate) seat: Seat,
    pub(crate) expires_ms: i64,
    /// Whether the client speaks Keepline.
    pub(crate) proto: bool,
}

pub(crate) struct Session {
    app: Arc<App>,
    socket: Socket,
    outlet: Arc<Outlet>,
    known: Arc<Known>,
    desk: Desk,
    seat: Seat,
    proto: bool,
    clockwork: Clockwork,
}

/// Whether the session goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Over,
}

impl Session {
    fn new(app: Arc<App>, socket: Socket, connected: Connected) -> Self {
        let Connected { known, outlet, seat, expires_ms, proto } = connected;
        let desk = Desk {
            known: known.clone(),
            actions: app.actions.clone(),
            outlet: outlet.clone(),
            metrics: app.metrics.clone(),
        };
        let clockwork = Clockwork::new(expires_ms, app.hub.now_ms());
        Self { app, socket, outlet, known, desk, seat, proto, clockwork }
    }

    async fn run(mut self) {
        loop {
            let end = self.clockwork.end();
            tokio::select! {
                biased;
                // What ends the session may interrupt a step: whatever it was about to send, nobody waits for.
                () = clockwork::until(end) => {
                    self.say_goodbye();
                    break;
                }
                flow = self.step() => if flow == Flow::Over {
                    break;
                },
            }
        }
        self.app.hub.fanout().remove(self.known.id, &self.outlet);
    }

    async fn step(&mut self) -> Flow {
        let draining = self.clockwork.draining();
        let drain = self.app.drain.clone();
        let warning = self.clockwork.warning();
        tokio::select! {
            // In a fixed order, so that a simulation that is run twice does the same: what is rare first, and what a
            // full send queue holds back before what the peer could keep going for ever.
            biased;
            () = drain.cancelled(), if !draining => self.drain().await,
            () = clockwork::until(warning) => self.warn().await,
            () = self.outlet.work() => self.catch_up().await,
            packet = self.socket.recv(), if self.outlet.in_flight() < IN_FLIGHT_MAX => match packet {
                Some(packet) => self.take_burst(packet).await,
                None => Flow::Over,
            },
        }
    }

    async fn take_burst(&mut self, first: Packet) -> Flow {
        let mut next = Some(first);
        let mut taken = 0;
        while let Some(packet) = next {
            if self.take(packet).await == Flow::Over {
                return Flow::Over;
            }
            taken += 1;
            let more = taken < BURST_MAX && self.outlet.in_flight() < IN_FLIGHT_MAX;
            next = if more { self.socket.try_recv() } else { None };
        }
        Flow::On
    }

    async fn take(&mut self, packet: Packet) -> Flow {
        match packet.kind {
            Kind::Event { id, args } => self.dispatch(id, args).await,
            // The client leaves; one that comes back opens a new engine.
            Kind::Disconnect => Flow::Over,
            Kind::Connect(_) => {
                let error = keepline_protocol::Payload::new(&json!({ "message": "Invalid namespace" }));
                match self.socket.refuse(&packet.namespace, error.expect("an object")).await {
                    Ok(()) => Flow::On,
                    Err(_) => Flow::Over,
                }
            }
            // This server asks for no acknowledgements.
            Kind::Ack { .. } | Kind::ConnectError(_) => Flow::On,
        }
    }
}
