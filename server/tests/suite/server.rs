use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use keepline_server::{
    Actions, AuthConfig, Clock, Config, Owner, Publisher, Rates, Server, connection::bind,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const SECRET: &[u8] = b"a secret of at least thirty-two bytes";

/// A server of its own for each test, on a port that the system picks.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) clock: TestClock,
    pub(crate) publisher: Publisher,
    folder: Arc<TempDir>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

/// A clock that the test can put forward. It starts at the present, as tokens are about it.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<AtomicI64>);

impl TestClock {
    fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "tests start at the present")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Self(Arc::new(AtomicI64::new(i64::try_from(now.as_millis()).unwrap())))
    }

    pub(crate) fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(u64::try_from(self.0.load(Ordering::SeqCst)).unwrap())
    }

    pub(crate) fn forward(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

/// What a server is started with.
pub(crate) struct Setup {
    pub(crate) folder: Arc<TempDir>,
    pub(crate) clock: TestClock,
    pub(crate) config: Config,
    pub(crate) actions: Actions,
}

impl Setup {
    pub(crate) fn new() -> Self {
        Self::in_folder(Arc::new(tempfile::tempdir().unwrap()), TestClock::new())
    }

    fn in_folder(folder: Arc<TempDir>, clock: TestClock) -> Self {
        let mut config = Config::new(folder.path().join("data"), auth());
        config.dev = true;
        config.rates = Rates::generous();
        config.corpus = Some(folder.path().join("corpus"));
        let ours = clock.clone();
        config.clock = Clock::new(move || ours.now());
        let corpus = folder.path().join("corpus");
        std::fs::create_dir_all(&corpus).unwrap();
        Self { folder, clock, config, actions: Actions::new() }
    }

    /// Puts a document into the corpus.
    pub(crate) fn document(self, name: &str, text: &str) -> Self {
        std::fs::write(self.folder.path().join("corpus").join(name), text).unwrap();
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    pub(crate) fn actions(mut self, actions: Actions) -> Self {
        self.actions = actions;
        self
    }

    pub(crate) fn start(self) -> TestServer {
        let server = Server::open(self.config, self.actions).unwrap();
        let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let publisher = server.publisher();
        let task = tokio::spawn(server.serve(listener, shutdown.clone()));
        TestServer { address, clock: self.clock, publisher, folder: self.folder, shutdown, task }
    }
}

impl TestServer {
    pub(crate) fn start() -> Self {
        Setup::new().start()
    }

    /// Stops the server in good order and gives what the next one needs.
    pub(crate) async fn stop(self) -> Setup {
        self.begin_stop();
        self.stopped().await
    }

    pub(crate) fn begin_stop(&self) {
        self.shutdown.cancel();
    }

    pub(crate) async fn stopped(self) -> Setup {
        tokio::time::timeout(Duration::from_secs(30), self.task).await.expect("the server stops").unwrap();
        Setup::in_folder(self.folder, self.clock)
    }

    pub(crate) fn corpus(&self) -> PathBuf {
        self.folder.path().join("corpus")
    }

    pub(crate) fn token(&self, subject: &str) -> String {
        self.token_for(subject, Duration::from_secs(3_600))
    }

    pub(crate) fn token_for(&self, subject: &str, ttl: Duration) -> String {
        auth().issue(&Owner::subject(subject), ttl, self.clock.now()).unwrap().expose().to_owned()
    }

    /// What a Keepline client says at CONNECT.
    pub(crate) fn auth(&self, subject: &str) -> Value {
        json!({ "token": self.token(subject), "proto": 1, "account": subject })
    }
}

pub(crate) fn auth() -> AuthConfig {
    AuthConfig::from_secret(SECRET).unwrap()
}

/// Copies a database that no server has open.
pub(crate) fn copy_database(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_str().unwrap().starts_with("keepline.db") {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
