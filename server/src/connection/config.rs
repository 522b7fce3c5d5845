use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use axum::http::HeaderMap;
use keepline_protocol::limits::PACKET_BYTES_MAX;
use tokio_util::task::TaskTracker;

use super::{Origins, QueueLimit};

/// How the engine behaves. The defaults are the reference server's.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// How often the server pings.
    pub ping_interval: Duration,
    /// How long it waits for the answer.
    pub ping_timeout: Duration,
    /// The largest packet with its type, and the largest body of a POST, that is accepted, in bytes. More closes the session:
    /// with code 1009 over a WebSocket, with status 413 over polling.
    pub max_payload: usize,
    /// How long a session may take to move from polling to its WebSocket.
    pub upgrade_timeout: Duration,
    /// How long a closing session may take to send what is still in its queue.
    pub close_timeout: Duration,
    /// What a session may start with.
    pub transports: Transports,
    /// Which web pages may connect.
    pub origins: Origins,
    /// What may wait for the peer to read.
    pub outgoing: QueueLimit,
    /// What may wait for the application to take.
    pub incoming: QueueLimit,
    /// How many sessions there may be in all.
    pub sessions_max: usize,
    /// How many sessions one address may have.
    pub sessions_per_address_max: usize,
    /// Asked before each new session, for rate limits.
    pub admit: Admit,
    /// Runs the sessions' tasks, so that a server that shuts down can wait for them.
    pub tasks: TaskTracker,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(10),
            max_payload: PACKET_BYTES_MAX,
            upgrade_timeout: UPGRADE_TIMEOUT,
            close_timeout: CLOSE_TIMEOUT,
            transports: Transports::default(),
            origins: Origins::default(),
            outgoing: OUTGOING_MAX,
            incoming: INCOMING_MAX,
            sessions_max: SESSIONS_MAX,
            sessions_per_address_max: SESSIONS_PER_ADDRESS_MAX,
            admit: Admit::default(),
            tasks: TaskTracker::new(),
        }
    }
}

/// What a session may start with. A session that starts with polling may move to a WebSocket where both are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transports {
    /// Long polling.
    pub polling: bool,
    /// A WebSocket.
    pub websocket: bool,
}

impl Default for Transports {
    fn default() -> Self {
        Self { polling: true, websocket: true }
    }
}

/// The application's say before a session begins. By default everybody is let in.
#[derive(Clone, Default)]
pub struct Admit(Option<Arc<AdmitFn>>);

type AdmitFn = dyn Fn(&Visitor<'_>) -> Result<(), TooMany> + Send + Sync;

/// Who asks for a session.
#[derive(Debug)]
pub struct Visitor<'a> {
    /// Where from.
    pub peer: SocketAddr,
    /// The request's headers.
    pub headers: &'a HeaderMap,
}

/// No session for now: the visitor gets status 429 with `Retry-After`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    /// When to ask again.
    pub retry_after: Duration,
}

impl Admit {
    /// Asks this function. It runs inside the request and must not block.
    pub fn new(ask: impl Fn(&Visitor<'_>) -> Result<(), TooMany> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(ask)))
    }

    pub(super) fn ask(&self, visitor: &Visitor<'_>) -> Result<(), TooMany> {
        self.0.as_ref().map_or(Ok(()), |ask| ask(visitor))
    }
}

impl fmt::Debug for Admit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Admit(..)" } else { "Admit(everybody)" })
    }
}

/// As long as the reference implementation gives.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);

/// A peer that reads at all takes a full queue in this time even over a slow mobile network.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Several pages of a replay, so that a fast reader never waits for the log; as bytes, four events of the largest
/// size and some, because each connection may hold as much.
const OUTGOING_MAX: QueueLimit = QueueLimit { items: 1_024, bytes: 512 * 1024 };

/// A whole window of small actions, so that they can share a commit; as bytes, two packets of the largest size.
const INCOMING_MAX: QueueLimit = QueueLimit { items: 256, bytes: 2 * PACKET_BYTES_MAX };

/// Idle sessions take about a gigabyte then.
const SESSIONS_MAX: usize = 100_000;

/// One address may be a carrier's gateway with thousands of phones behind it, or the reverse proxy before this
/// server.
const SESSIONS_PER_ADDRESS_MAX: usize = 20_000;
