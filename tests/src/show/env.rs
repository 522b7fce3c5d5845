use std::{
    io,
    path::{Path, PathBuf},
};

use fastrand::Rng;
use tempfile::TempDir;

use super::ShowError;
use crate::process::{Cli, ServerOptions, ServerProcess};

/// Where a claim is shown: a folder of its own, which goes with it, and a seed for everything that varies.
#[derive(Debug)]
pub struct Env {
    dir: TempDir,
    seed: u64,
}

impl Env {
    /// A fresh folder.
    ///
    /// # Errors
    /// Where none can be made.
    pub fn new(seed: u64) -> io::Result<Self> {
        Ok(Self { dir: TempDir::with_prefix("keepline-show-")?, seed })
    }

    /// What decides the moments of kills and the places of cuts.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A generator that draws the same for the same seed and purpose, whatever else was drawn.
    pub fn rng(&self, purpose: u64) -> Rng {
        Rng::with_seed(self.seed.wrapping_mul(PURPOSES).wrapping_add(purpose))
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The data folder of the server that [`server`](Self::server) starts.
    pub fn server_data(&self) -> PathBuf {
        self.path("server")
    }

    /// How a `--dev` server of this folder is started.
    pub fn server_options(&self) -> ServerOptions {
        ServerOptions::dev(self.server_data())
    }

    /// A running `--dev` server with these further flags.
    ///
    /// # Errors
    /// [`ShowError`] where it does not start.
    pub async fn server(&self, flags: &[&str]) -> Result<ServerProcess, ShowError> {
        Ok(ServerProcess::start(self.server_options().args(flags.iter().copied())).await?)
    }

    /// The command-line client with a database of this folder, for a server.
    pub fn cli(&self, database: &str, server: &ServerProcess) -> Cli {
        let cli = Cli::new(self.path(database), server.url());
        match server.token() {
            Some(token) => cli.token(token),
            None => cli,
        }
    }
}

/// Neighbouring seeds must not share the draws of neighbouring purposes.
const PURPOSES: u64 = 1_000;
