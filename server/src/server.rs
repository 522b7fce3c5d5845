use std::{sync::Arc, time::Duration};

use axum::Router;
use keepline_protocol::{Payload, Stream};
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    actions::Actions,
    app::App,
    config::Config,
    connection::{Admit, EngineConfig, Listener, ServeOptions, TooMany, engine_routes, serve},
    http,
    hub::{Fanout, Hub, HubOptions},
    ids::Owner,
    jobs::{Corpus, Workers, WorkersHandle},
    limits::Gate,
    session::Sessions,
    storage::{OpenError, Storage, StorageMode, StorageOptions},
};

/// Where Socket.IO clients look for the engine.
const ENGINE_PATH: &str = "/socket.io/";

/// How often what has been kept long enough is removed.
const UPKEEP_EVERY: Duration = Duration::from_secs(60);

/// What sessions get beyond the drain to end by themselves.
const DRAIN_GRACE: Duration = Duration::from_secs(1);

/// A server with its data folder open, not yet listening.
///
/// Clone a [`publisher`](Self::publisher) from it to append events from outside any action.
pub struct Server {
    app: Arc<App>,
    mode: StorageMode,
    tls: Option<Arc<rustls::ServerConfig>>,
    tasks: TaskTracker,
}

/// Why an event was not appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishError {
    /// The owner has no such job, or its stream is no more.
    NotFound,
    /// The event is larger than the limit.
    TooLarge,
    /// The storage failed or is shut down. The event may be appended again: it was not.
    Unavailable,
}

impl PublishError {
    /// The stable code, as in `docs/errors.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "NOT_FOUND",
            Self::TooLarge => "TOO_LARGE",
            Self::Unavailable => "UNAVAILABLE",
        }
    }
}

impl std::fmt::Display for PublishError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotFound => "no such stream",
            Self::TooLarge => "the event is too large",
            Self::Unavailable => "the storage is unavailable",
        })
    }
}

impl std::error::Error for PublishError {}

/// Appends events from outside any action: from a task, a timer, another service's call.
#[derive(Clone)]
pub struct Publisher(Hub);

impl Publisher {
    /// Appends an event to a stream of this owner and gives its offset, once it is committed. Clients that listen
    /// have it then or get it from the log.
    ///
    /// Cancel safe in so far as a dropped future may have appended the event or not.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub async fn append(
        &self,
        owner: &Owner,
        stream: Stream,
        name: impl Into<String>,
        payload: Payload,
    ) -> Result<u64, PublishError> {
        if payload.len() > keepline_protocol::limits::EVENT_BYTES_MAX {
            return Err(PublishError::TooLarge);
        }
        match self.0.append(owner, stream, name.into(), payload).await {
            Ok(Some(offset)) => Ok(offset),
            Ok(None) => Err(PublishError::NotFound),
            Err(_) => Err(PublishError::Unavailable),
        }
    }

    /// Removes what has been kept long enough, now. A server that serves does it by itself once a minute.
    ///
    /// # Errors
    /// [`PublishError::Unavailable`]; what is left is removed the next time.
    pub async fn maintain(&self) -> Result<(), PublishError> {
        self.0.maintain().await.map_err(|_| PublishError::Unavailable)
    }
}

impl Server {
    /// Opens the data folder.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing was changed then.
    pub fn open(config: Config, actions: Actions) -> Result<Self, OpenError> {
        let fanout = Arc::new(Fanout::default());
        let options = StorageOptions {
            mode: config.storage,
            retention: config.retention.clone(),
            clock: config.clock.clone(),
            fanout: fanout.clone(),
        };
        let storage = Storage::open(&config.data, options)?;
        let options = HubOptions {
            fanout,
            clock: config.clock.clone(),
            mode: config.storage,
            retention: config.retention,
        };
        let app = App {
            hub: Hub::new(storage, options),
            auth: config.auth,
            actions: Arc::new(Actions::complete(actions, config.dev)),
            gate: Gate::new(config.rates),
            metrics: Arc::default(),
            corpus: Arc::new(Corpus::new(config.corpus, &config.data, config.clock)),
            line: config.line,
            dev: config.dev,
            drain: CancellationToken::new(),
            drain_timeout: config.drain,
        };
        Ok(Self { app: Arc::new(app), mode: config.storage, tls: None, tasks: TaskTracker::new() })
    }

    /// Serves TLS alone.
    #[must_use]
    pub fn tls(mut self, tls: Arc<rustls::ServerConfig>) -> Self {
        self.tls = Some(tls);
        self
    }

    /// A handle that appends events.
    pub fn publisher(&self) -> Publisher {
        Publisher(self.app.hub.clone())
    }

    /// The HTTP routes, to be nested into an app's own router. Whoever serves them provides each request with its
    /// peer's `ConnectInfo<SocketAddr>`, or all peers count as one address.
    pub fn routes(&self) -> Router {
        engine_routes(ENGINE_PATH, self.engine_config(), Sessions(self.app.clone()))
            .merge(http::routes(self.app.clone()))
    }

    /// Serves until the shutdown: stops listening, tells the clients, waits for them at most [`Config::drain`], and
    /// closes the storage. Whatever was answered is on the disk.
    pub async fn serve<L: Listener>(self, listener: L, shutdown: CancellationToken) {
        let workers = self.start_background();
        let upkeep = self.tasks.clone();
        let options = ServeOptions { tls: self.tls.clone(), ..ServeOptions::default() };
        let routes = self.routes();
        let served = serve(listener, routes, options, shutdown.clone());
        let drained = async {
            shutdown.cancelled().await;
            self.app.drain.cancel();
            upkeep.close();
            if timeout(self.app.drain_timeout + DRAIN_GRACE, upkeep.wait()).await.is_err() {
                tracing::warn!("some sessions did not end in time");
            }
        };
        tokio::join!(served, drained);
        workers.stop().await;
        self.app.hub.storage().close().await;
    }

    fn start_background(&self) -> WorkersHandle {
        let (hub, drain) = (self.app.hub.clone(), self.app.drain.clone());
        self.tasks.spawn(async move {
            while drain.run_until_cancelled(tokio::time::sleep(UPKEEP_EVERY)).await.is_some() {
                if let Err(error) = hub.maintain().await {
                    tracing::warn!(%error, "the upkeep failed");
                }
            }
        });
        if self.mode == StorageMode::Thread {
            let corpus = self.app.corpus.clone();
            // Not waited for: an index that is not finished is made by the next search.
            tokio::task::spawn_blocking(move || {
                if let Err(error) = corpus.refresh() {
                    tracing::warn!(%error, "the documents cannot be indexed");
                }
            });
        }
        Workers::start(self.app.hub.clone(), self.app.corpus.clone())
    }

    fn engine_config(&self) -> EngineConfig {
        let (gate, hub) = (self.app.gate.clone(), self.app.hub.clone());
        let admit = Admit::new(move |visitor| {
            gate.knock(visitor.peer.ip(), hub.now_ms()).map_err(|retry_after| TooMany { retry_after })
        });
        EngineConfig {
            ping_interval: self.app.line.ping_interval,
            ping_timeout: self.app.line.ping_timeout,
            origins: self.app.line.origins.clone(),
            admit,
            tasks: self.tasks.clone(),
            ..EngineConfig::default()
        }
    }
}

/// Opens the data folder and serves until the shutdown.
///
/// # Errors
/// See [`OpenError`].
pub async fn run<L: Listener>(
    listener: L,
    config: Config,
    shutdown: CancellationToken,
) -> Result<(), OpenError> {
    Server::open(config, Actions::new())?.serve(listener, shutdown).await;
    Ok(())
}
