use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use keepline::{Client, Config, Line, Tapped};
use keepline_server::{AuthConfig, Owner, secret_in};
use tempfile::TempDir;
use tokio::{task::JoinHandle, time::timeout};

use crate::process::{ServerOptions, ServerProcess};

/// Whatever stops a measurement.
pub type BenchError = Box<dyn std::error::Error + Send + Sync>;

/// A server process of its own and a folder for the clients' databases, on the disk that counts.
#[derive(Debug)]
pub struct Rig {
    /// The server.
    pub server: ServerProcess,
    folder: TempDir,
}

impl Rig {
    /// Starts a `--dev` server with these flags. `dir` says on which disk; the system's temporary folder otherwise.
    ///
    /// # Errors
    /// Where the server does not start.
    pub async fn start(dir: Option<&Path>, args: &[&str]) -> Result<Self, BenchError> {
        let folder = folder(dir)?;
        let options = ServerOptions::dev(folder.path().join("server")).args(args.iter().copied());
        Ok(Self { server: ServerProcess::start(options).await?, folder })
    }

    /// A file for a client's database.
    pub fn database(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A token for this subject.
    ///
    /// # Errors
    /// Where the server's secret cannot be read.
    pub fn token(&self, subject: &str) -> Result<String, BenchError> {
        token(&self.folder.path().join("server"), subject)
    }

    /// The data folder of the server, for children that mint tokens themselves.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("server")
    }

    /// A client's config for this server, with room for any queue.
    ///
    /// # Errors
    /// Where there is no token.
    pub fn config(&self, subject: &str, database: &str) -> Result<Config, BenchError> {
        let token = self.token(subject)?;
        Ok(roomy(Config::new(self.server.url(), self.database(database)).token(token).account(subject)))
    }
}

/// A folder for databases.
///
/// # Errors
/// Where it cannot be made.
pub fn folder(dir: Option<&Path>) -> io::Result<TempDir> {
    match dir {
        Some(dir) => tempfile::tempdir_in(dir),
        None => tempfile::tempdir(),
    }
}

/// A token as the server with this data folder issues it.
///
/// # Errors
/// Where its secret cannot be read.
pub fn token(data: &Path, subject: &str) -> Result<String, BenchError> {
    let auth = AuthConfig::from_secret(secret_in(data)?.as_bytes())?;
    let token = auth.issue(&Owner::subject(subject), Duration::from_secs(24 * 3_600), SystemTime::now())?;
    Ok(token.expose().to_owned())
}

/// A queue larger than any app's, so that its capacity is not what is measured.
pub fn roomy(config: Config) -> Config {
    config.capacity(10_000_000, 4 << 30).disk_quota(16 << 30)
}

/// A client that runs in the caller's runtime, as a load generator's does.
#[derive(Debug)]
pub struct Running {
    /// Its handle.
    pub client: Client,
    driver: JoinHandle<()>,
}

impl Running {
    /// Opens the database and runs the client.
    ///
    /// # Errors
    /// Where the database cannot be opened.
    pub fn open(config: Config) -> Result<Self, BenchError> {
        let (client, driver) = Client::with_driver(config)?;
        Ok(Self { client, driver: tokio::spawn(driver.run()) })
    }

    /// Opens it and waits until it is online.
    ///
    /// # Errors
    /// Where it is not online within a minute.
    pub async fn online(config: Config) -> Result<Self, BenchError> {
        let running = Self::open(config)?;
        running.client.connect();
        until_online(&running.client).await?;
        Ok(running)
    }

    /// Shuts it down in good order.
    pub async fn shutdown(self) {
        self.client.shutdown().await;
        // It has ended, and a panic in it shows in the figures that are missing.
        let _ = self.driver.await;
    }
}

/// Waits until a client is online.
///
/// # Errors
/// Where that takes more than a minute.
pub(super) async fn until_online(client: &Client) -> Result<(), BenchError> {
    let mut statuses = client.status_changes();
    let online = async {
        while let Some(tapped) = statuses.next().await {
            if matches!(tapped, Tapped::Item(status) if matches!(status.line, Line::Online { .. })) {
                return Ok(());
            }
        }
        Err(BenchError::from("the client ended"))
    };
    timeout(Duration::from_secs(60), online).await?
}

/// Seconds since a moment.
pub(super) fn seconds_since(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64()
}
