//! The engine's HTTP face: which request is what, and why one is not served.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Query, State},
    http::{Method, Request, Response, Uri},
    routing::any,
};
use hyper::upgrade::OnUpgrade;
use keepline_protocol::engine_io::{Handshake, VERSION};
use tokio::{sync::mpsc, time::Instant};
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tracing::debug;
use uuid::Uuid;

use super::{
    Acceptor, EngineConfig, Frames, Link, Opening, Visitor,
    heartbeat::Heartbeat,
    link::Pipe,
    origin,
    peers::{Peers, Place},
    poll_body::PollBody,
    polling::{Command, Outcome, Polling},
    refusal::Refusal,
    registry::{Entry, Registration, Registry},
    requests,
    websocket::{self, Carried, WsStream},
};

/// The routes of one engine, at the path with and without its trailing slash.
///
/// Each new session is handed to the acceptor on a task of its own. The peer's address is taken from
/// [`ConnectInfo`], which [`serve`](super::serve) provides.
pub fn engine_routes<S>(path: &str, config: EngineConfig, acceptor: impl Acceptor) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let path = path.trim_end_matches('/');
    let sessions = Peers::new(config.sessions_max, config.sessions_per_address_max);
    let engine =
        Arc::new(Engine { config: Arc::new(config), acceptor, sessions, registry: Registry::default() });
    let mut router = Router::new().route(&format!("{path}/"), any(handle));
    if !path.is_empty() {
        router = router.route(path, any(handle));
    }
    router.with_state(engine)
}

struct Engine<A> {
    config: Arc<EngineConfig>,
    acceptor: A,
    sessions: Peers,
    registry: Registry,
}

/// What the query asks for.
struct Wish {
    transport: Transport,
    version_known: bool,
    sid: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Transport {
    Polling,
    WebSocket,
}

async fn handle<A: Acceptor>(State(engine): State<Arc<Engine<A>>>, request: Request<Body>) -> Response<Body> {
    let origin = match engine.config.origins.check(request.headers()) {
        Ok(origin) => origin,
        Err(origin::Foreign) => return Refusal::ForeignOrigin.into_response(),
    };
    let mut response = if request.method() == Method::OPTIONS {
        origin::preflight()
    } else {
        engine.serve(request).await.unwrap_or_else(Refusal::into_response)
    };
    if let Some(origin) = origin {
        origin::share_with(&origin, &mut response);
    }
    response
}

impl<A: Acceptor> Engine<A> {
    async fn serve(self: Arc<Self>, request: Request<Body>) -> Result<Response<Body>, Refusal> {
        let wish = self.read_wish(request.uri())?;
        let Some(sid) = wish.sid else {
            if request.method() != Method::GET {
                return Err(Refusal::BadHandshakeMethod);
            }
            if !wish.version_known {
                return Err(Refusal::UnsupportedVersion);
            }
            return match wish.transport {
                Transport::Polling => self.open_polling(&request),
                Transport::WebSocket => self.open_websocket(request),
            };
        };
        match (self.registry.find(&sid), wish.transport) {
            (None, _) => Err(Refusal::UnknownSid),
            (Some(entry), Transport::WebSocket) => self.upgrade(entry, request),
            (Some(Entry::Upgraded), Transport::Polling) => Err(Refusal::BadRequest),
            (Some(Entry::Polling(session)), Transport::Polling) => match *request.method() {
                Method::GET => requests::poll(session).await,
                Method::POST => requests::push(session, request.into_body(), self.config.max_payload).await,
                _ => Err(Refusal::BadRequest),
            },
        }
    }

    fn read_wish(&self, uri: &Uri) -> Result<Wish, Refusal> {
        let Query(pairs) =
            Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|_| Refusal::BadRequest)?;
        let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        if value("token").is_some() {
            return Err(Refusal::TokenInUrl);
        }
        let transports = self.config.transports;
        let transport = match value("transport") {
            Some("polling") if transports.polling => Transport::Polling,
            Some("websocket") if transports.websocket => Transport::WebSocket,
            _ => return Err(Refusal::UnknownTransport),
        };
        let sid = value("sid").filter(|sid| !sid.is_empty()).map(str::to_owned);
        Ok(Wish { transport, version_known: value("EIO") == Some(VERSION), sid })
    }

    fn open_websocket(self: Arc<Self>, mut request: Request<Body>) -> Result<Response<Body>, Refusal> {
        let (response, on_upgrade) = switch_protocols(&mut request)?;
        let place = self.admit(&request)?;
        let (pipe, link, handshake) = self.new_session(&request, Vec::new());
        // The first of all, into an empty queue.
        let _ = pipe.outgoing.try_push(handshake);
        self.clone().config.tasks.spawn(async move {
            let _place = place;
            let Ok(upgraded) = on_upgrade.await else { return };
            let socket = websocket::wrap(upgraded, &self.config).await;
            self.accept(link);
            let beat = self.new_heartbeat();
            self.run_websocket(
                socket,
                Carried { pipe: &pipe, beat, ping_due: false, close_timeout: self.config.close_timeout },
            )
            .await;
        });
        Ok(response)
    }

    fn open_polling(self: Arc<Self>, request: &Request<Body>) -> Result<Response<Body>, Refusal> {
        let place = self.admit(request)?;
        let upgrades =
            if self.config.transports.websocket { vec!["websocket".to_owned()] } else { Vec::new() };
        let (pipe, link, handshake) = self.new_session(request, upgrades);
        let (session, commands) = mpsc::channel(COMMANDS_MAX);
        let registration = self.registry.register(&pipe.sid, session);
        let (beat, body) = (self.new_heartbeat(), PollBody::new(request.headers()));
        self.clone().config.tasks.spawn(async move {
            let _place = place;
            self.accept(link);
            let EngineConfig { upgrade_timeout, close_timeout, .. } = *self.config;
            let polling = Polling { pipe: &pipe, commands, beat, body, upgrade_timeout, close_timeout };
            self.run_polling(polling, registration).await;
        });
        Ok(requests::packets(handshake.into_text()))
    }

    /// Gives a WebSocket to the session that it names. One that comes too late is let in and turned away at once,
    /// because a refused upgrade is an error to stock clients and a closed one is not.
    fn upgrade(&self, entry: Entry, mut request: Request<Body>) -> Result<Response<Body>, Refusal> {
        let (response, on_upgrade) = switch_protocols(&mut request)?;
        let config = self.config.clone();
        self.config.tasks.spawn(async move {
            let Ok(upgraded) = on_upgrade.await else { return };
            let socket = websocket::wrap(upgraded, &config).await;
            match entry {
                // A session that has ended meanwhile takes the socket with it.
                Entry::Polling(session) => drop(session.send(Command::Upgrade(socket)).await),
                Entry::Upgraded => websocket::turn_away(socket).await,
            }
        });
        Ok(response)
    }

    async fn run_polling(&self, polling: Polling<'_>, registration: Registration) {
        let (pipe, close_timeout) = (polling.pipe, polling.close_timeout);
        // On the heap, so that it is gone once a WebSocket has taken over.
        match Box::pin(polling.run()).await {
            Outcome::Upgraded { socket, beat, ping_due } => {
                registration.mark_upgraded();
                self.run_websocket(socket, Carried { pipe, beat, ping_due, close_timeout }).await;
            }
            Outcome::Closed(reason) => {
                pipe.end(reason);
                debug!(peer = %pipe.peer, ?reason, "session ended");
            }
        }
    }

    async fn run_websocket(&self, socket: Box<WsStream>, carried: Carried<'_>) {
        let peer = carried.pipe.peer;
        let reason = websocket::run(socket, carried).await;
        debug!(%peer, ?reason, "session ended");
    }

    fn new_heartbeat(&self) -> Heartbeat {
        Heartbeat::new(Instant::now(), self.config.ping_interval, self.config.ping_timeout)
    }

    fn accept(&self, link: Link) {
        let acceptor = self.acceptor.clone();
        self.config.tasks.spawn(async move { acceptor.accept(link).await });
    }

    fn admit(&self, request: &Request<Body>) -> Result<Place, Refusal> {
        let peer = peer_of(request);
        let visitor = Visitor { peer, headers: request.headers() };
        self.config.admit.ask(&visitor).map_err(|too_many| Refusal::TooMany(too_many.retry_after))?;
        self.sessions.enter(peer.ip()).ok_or(Refusal::TooMany(self.config.ping_interval))
    }

    fn new_session(&self, request: &Request<Body>, upgrades: Vec<String>) -> (Arc<Pipe>, Link, Frames) {
        let sid = Uuid::new_v4().simple().to_string();
        let pipe = Pipe::new(&sid, peer_of(request), &self.config);
        let query = request.uri().query().unwrap_or_default().to_owned();
        let link = Link::new(pipe.clone(), Opening { headers: request.headers().clone(), query });
        let handshake = Handshake {
            sid,
            upgrades,
            ping_interval: millis(self.config.ping_interval),
            ping_timeout: millis(self.config.ping_timeout),
            max_payload: Some(self.config.max_payload as u64),
        };
        (pipe, link, Frames::open(&handshake))
    }
}

/// Checks that the request is a WebSocket's, and takes what becomes of its connection.
fn switch_protocols(request: &mut Request<Body>) -> Result<(Response<Body>, OnUpgrade), Refusal> {
    let response = create_response_with_body(request, Body::empty).map_err(|_| Refusal::BadRequest)?;
    let on_upgrade = request.extensions_mut().remove::<OnUpgrade>().ok_or(Refusal::BadRequest)?;
    Ok((response, on_upgrade))
}

fn peer_of(request: &Request<Body>) -> SocketAddr {
    // Without the address, which only a router that is served by something else lacks, all peers are one.
    let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
    request.extensions().get::<ConnectInfo<SocketAddr>>().map_or(unknown, |info| info.0)
}

/// A session's requests come one after the other; those that overlap end it.
const COMMANDS_MAX: usize = 4;

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
