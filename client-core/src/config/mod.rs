mod check;
mod endpoint;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use keepline_protocol::Token;

pub(crate) use self::{
    check::{CoreSettings, Settings},
    endpoint::Endpoint,
};
use crate::{
    clock::Clock,
    engine::LanePolicy,
    limits::RECEIVE_BYTES_DEFAULT,
    token::{TokenProvider, TokenRequest, TokenRequests, TokenSource},
    transport::{Dialer, TcpDialer},
};

/// Where to connect, which file to keep the queue in, and everything that may differ from the defaults.
///
/// Nothing is checked before [`Client::open`](crate::Client::open), which names the option that is out of its range.
///
/// ```
/// use std::time::Duration;
/// use keepline::{Config, LanePolicy};
///
/// let config = Config::new("wss://example.org", "queue.db")
///     .token("a bearer token")
///     .account("alice")
///     .lane_policy("payments", LanePolicy::Block)
///     .ttl(Duration::from_secs(3_600));
/// ```
///
/// `Debug` shows neither tokens nor keys nor headers.
#[derive(Clone)]
pub struct Config {
    url: String,
    database: PathBuf,
    allow_plain_text: bool,
    path: String,
    namespace: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    auth: Option<serde_json::Value>,
    tokens: TokenSource,
    account: Option<String>,
    sdk: Option<String>,
    lanes: Vec<(String, LanePolicy)>,
    default_lane: LanePolicy,
    capacity: Option<(u64, u64)>,
    disk_quota: Option<u64>,
    ttl: Option<Duration>,
    is_relaxed: bool,
    set_corrupt_aside: bool,
    buffer: Option<(u32, u64)>,
    outcomes: Option<(u64, Duration)>,
    extra_roots: Vec<Vec<u8>>,
    pinned_keys: Vec<[u8; 32]>,
    reconnect: Option<(Duration, Duration)>,
    attempts: Option<u32>,
    receive_limit: usize,
    seed: Option<u64>,
    clock: Clock,
    dialer: Arc<dyn Dialer>,
}

impl Config {
    /// A server and the file that holds the queue. The file is made where there is none, with its folder; `:memory:`
    /// keeps everything in memory and loses it at the end.
    ///
    /// The URL names scheme, host and port: `wss://example.org`. `https` means the same as `wss`, and `http` as
    /// `ws`. Plain text is accepted to loopback only, see [`allow_plain_text`](Self::allow_plain_text). A query is
    /// sent when dialling, except that a token in it is refused. Unlike in `socket.io-client` a path is no namespace:
    /// use [`namespace`](Self::namespace) for that, and [`path`](Self::path) for where the engine listens.
    pub fn new(url: impl Into<String>, database: impl Into<PathBuf>) -> Self {
        Self {
            url: url.into(),
            database: database.into(),
            allow_plain_text: false,
            path: "/socket.io/".to_owned(),
            namespace: "/".to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            auth: None,
            tokens: TokenSource::NotConfigured,
            account: None,
            sdk: None,
            lanes: Vec::new(),
            default_lane: LanePolicy::Skip,
            capacity: None,
            disk_quota: None,
            ttl: None,
            is_relaxed: false,
            set_corrupt_aside: false,
            buffer: None,
            outcomes: None,
            extra_roots: Vec::new(),
            pinned_keys: Vec::new(),
            reconnect: None,
            attempts: None,
            receive_limit: RECEIVE_BYTES_DEFAULT,
            seed: None,
            clock: Clock::System,
            dialer: Arc::new(TcpDialer),
        }
    }

    /// Allows `ws://` beyond loopback: everything, the token too, can then be read and changed on the way.
    pub fn allow_plain_text(mut self, allow: bool) -> Self {
        self.allow_plain_text = allow;
        self
    }

    /// A token that never changes. When the server refuses it the status becomes `AuthRequired`.
    pub fn token(mut self, token: impl Into<Token>) -> Self {
        self.tokens = TokenSource::Fixed(token.into());
        self
    }

    /// Who gives a token whenever one is needed: an async function, see [`TokenProvider`].
    pub fn token_provider(mut self, provider: impl TokenProvider) -> Self {
        self.tokens = TokenSource::Provider(Arc::new(provider));
        self
    }

    /// Who gives a token whenever one is needed: a function that gets the question as an object and answers it from
    /// wherever it likes. It is called on a thread of its own and may block.
    pub fn token_handler(mut self, handler: impl Fn(TokenRequest) + Send + Sync + 'static) -> Self {
        self.tokens = TokenSource::Handler(Arc::new(handler));
        self
    }

    /// Who gives a token whenever one is needed, as questions that are pulled.
    pub fn token_requests(mut self) -> (Self, TokenRequests) {
        let (source, requests) = TokenRequests::new();
        self.tokens = source;
        (self, requests)
    }

    /// Whom the queue and the cursors belong to: the subject of the tokens to come. Without it the first session
    /// says. Another account's rows stay in the file and are never sent.
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.account = Some(account.into());
        self
    }

    /// Where the engine listens on the server; `/socket.io/` unless changed here.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// The Socket.IO namespace, one for a client; `/` unless changed here.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Adds a pair to the query of the dial. A token is refused here: a URL ends up in logs.
    pub fn query(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((key.into(), value.into()));
        self
    }

    /// Adds a header to the dial, for proxies and gateways.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// A JSON object whose keys go into the CONNECT payload beside Keepline's own (`token`, `proto`, `account`,
    /// `sdk`, `ledger`, `resume`), which it may not use.
    pub fn auth(mut self, auth: serde_json::Value) -> Self {
        self.auth = Some(auth);
        self
    }

    /// What the server sees as this client's name and version.
    pub fn sdk(mut self, sdk: impl Into<String>) -> Self {
        self.sdk = Some(sdk.into());
        self
    }

    /// What happens to a lane whose head cannot be delivered. Named lanes block unless changed here.
    pub fn lane_policy(mut self, lane: impl Into<String>, policy: LanePolicy) -> Self {
        self.lanes.push((lane.into(), policy));
        self
    }

    /// The policy of the default lane, [`LanePolicy::Skip`] unless changed here.
    pub fn default_lane_policy(mut self, policy: LanePolicy) -> Self {
        self.default_lane = policy;
        self
    }

    /// How many actions without an outcome the queue may hold, and how many bytes of payload: 10,000 and 50 MiB
    /// unless changed here.
    pub fn capacity(mut self, rows: u64, bytes: u64) -> Self {
        self.capacity = Some((rows, bytes));
        self
    }

    /// How large the database file may grow by submits. Settling may use an eighth more. Twice the capacity and
    /// 32 MiB unless changed here.
    pub fn disk_quota(mut self, bytes: u64) -> Self {
        self.disk_quota = Some(bytes);
        self
    }

    /// How long an action that was never sent stays in the queue before it expires: 24 hours unless changed here, at
    /// most 30 days.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Lets a power cut lose the last commits, for speed. The death of the process alone still loses nothing.
    pub fn relaxed_durability(mut self, relaxed: bool) -> Self {
        self.is_relaxed = relaxed;
        self
    }

    /// Moves a corrupt database aside at open (`….corrupt-1`) and begins a new one. What was queued in it is then
    /// for the app to look at; without this the error is [`OpenError::Corrupt`](crate::OpenError::Corrupt).
    pub fn set_corrupt_aside(mut self, set_aside: bool) -> Self {
        self.set_corrupt_aside = set_aside;
        self
    }

    /// How many events, and how many bytes of them, wait for a slow app in memory, for each stream: 1,024 and 4 MiB
    /// unless changed here. What lies beyond stays on the server and is fetched later.
    pub fn buffer(mut self, events: u32, bytes: u64) -> Self {
        self.buffer = Some((events, bytes));
        self
    }

    /// How many outcomes that the app has taken are kept, and for how long: 1,000 and 7 days unless changed here.
    pub fn outcomes_kept(mut self, rows: u64, age: Duration) -> Self {
        self.outcomes = Some((rows, age));
        self
    }

    /// Trusts the certificates of this PEM text as roots, beside the platform's.
    pub fn extra_root_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.extra_roots.push(pem.into());
        self
    }

    /// Accepts only a server whose key has this fingerprint: the SHA-256 of the SubjectPublicKeyInfo in the server's
    /// own certificate. Call it again for each backup key. The certificate has to hold besides.
    pub fn pinned_key(mut self, spki_sha256: [u8; 32]) -> Self {
        self.pinned_keys.push(spki_sha256);
        self
    }

    /// The first and the longest delay between two attempts to connect: 0.5 s and 10 s unless changed here. The
    /// delay is drawn between zero and a ceiling that doubles from the first to the longest.
    pub fn reconnect(mut self, base: Duration, cap: Duration) -> Self {
        self.reconnect = Some((base, cap));
        self
    }

    /// How often an action that failed in a way that may pass is tried before it is parked: 10 times unless changed
    /// here, from 1 to 1,000. A lost line, an expired token and a rate limit never count.
    pub fn attempts(mut self, max: u32) -> Self {
        self.attempts = Some(max);
        self
    }

    /// The largest packet that is read, in bytes: 1 MiB unless changed here. A server that sends a larger one loses
    /// the connection.
    pub fn receive_limit(mut self, bytes: usize) -> Self {
        self.receive_limit = bytes;
        self
    }

    /// How links are made; a simulation puts its own network here.
    #[doc(hidden)]
    pub fn dialer(mut self, dialer: impl Dialer) -> Self {
        self.dialer = Arc::new(dialer);
        self
    }

    /// Makes the client's random draws repeatable.
    #[doc(hidden)]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Lets the wall clock follow tokio's, from this many milliseconds since 1970. Call it inside the runtime.
    #[doc(hidden)]
    pub fn simulated_clock(mut self, wall_ms: i64) -> Self {
        self.clock = Clock::simulated(wall_ms);
        self
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("url", &self.url)
            .field("database", &self.database)
            .field("path", &self.path)
            .field("namespace", &self.namespace)
            .field("account", &self.account)
            .field("tokens", &self.tokens)
            .finish_non_exhaustive()
    }
}
