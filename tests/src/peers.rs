//! Stock Socket.IO programs in Node and Python, under `tests/peers/`.
//!
//! `scripts/lib/peers.sh` installs what they need. Where it has not run, they cannot be started: that is an error
//! that says so, never a test that passes.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tokio::process::Command;

use crate::process::{Process, ProcessError};

/// In which language a stock peer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// `socket.io` and `socket.io-client`.
    Node,
    /// `python-socketio`.
    Python,
}

/// The installed peers.
#[derive(Debug, Clone)]
pub struct Peers {
    node_dir: PathBuf,
    python_dir: PathBuf,
    interpreter: PathBuf,
}

impl Peers {
    /// Those of this repository.
    ///
    /// # Errors
    /// [`PeersMissing`] where they are not installed.
    pub fn find() -> Result<Self, PeersMissing> {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = tests.parent().unwrap_or(tests);
        let peers = Self {
            node_dir: tests.join("peers/node"),
            python_dir: tests.join("peers/python"),
            interpreter: root.join(".cache/venv/bin/python"),
        };
        let modules = peers.node_dir.join("node_modules/socket.io");
        for needed in [&modules, &peers.interpreter] {
            if !needed.exists() {
                return Err(PeersMissing { needed: needed.clone() });
            }
        }
        Ok(peers)
    }

    /// The command that runs one of the programs, named without its ending: `stock-client`.
    pub fn command(&self, language: Language, program: &str) -> Command {
        match language {
            Language::Node => {
                let mut command = Command::new("node");
                command.arg(self.node_dir.join(program).with_extension("mjs"));
                command
            }
            Language::Python => {
                let mut command = Command::new(&self.interpreter);
                let module = program.replace('-', "_");
                command.arg(self.python_dir.join(module).with_extension("py"));
                command
            }
        }
    }

    /// Starts one of the programs that serve and waits until it says where.
    ///
    /// # Errors
    /// [`ProcessError`] where it does not start.
    pub async fn serve(
        &self,
        language: Language,
        program: &str,
        args: &[&str],
    ) -> Result<Peer, ProcessError> {
        let mut peer = self.start(language, program, args)?;
        let url =
            |said: &Value| (said["type"] == "listening").then(|| said["url"].as_str().map(str::to_owned))?;
        peer.url = peer.until("where it listens", url).await?;
        Ok(peer)
    }

    /// Starts one of the programs.
    ///
    /// # Errors
    /// [`ProcessError`] where it does not start.
    pub fn start(&self, language: Language, program: &str, args: &[&str]) -> Result<Peer, ProcessError> {
        let mut command = self.command(language, program);
        command.args(args).env_remove("KEEPLINE_TOKEN");
        let name = format!("{program} ({language:?})");
        Ok(Peer { process: Process::spawn(&name, command)?, name, url: String::new() })
    }
}

/// A running stock program, which prints one JSON object a line.
#[derive(Debug)]
pub struct Peer {
    /// The process itself.
    pub process: Process,
    name: String,
    url: String,
}

impl Peer {
    /// Where it listens, if it serves.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it says next; `None` after the last.
    ///
    /// # Errors
    /// [`ProcessError::TimedOut`], or [`ProcessError::Unreadable`] for a line that is not JSON.
    pub async fn next(&mut self) -> Result<Option<Value>, ProcessError> {
        let Some(line) = self.process.next_line().await? else { return Ok(None) };
        match serde_json::from_str(&line) {
            Ok(said) => Ok(Some(said)),
            Err(_) => Err(ProcessError::Unreadable { name: self.name.clone(), line }),
        }
    }

    /// Skips lines until `pick` makes something of one.
    ///
    /// # Errors
    /// As [`next`](Self::next); [`ProcessError::Ended`] where it ends before.
    pub async fn until<T>(
        &mut self,
        wanted: &str,
        mut pick: impl FnMut(&Value) -> Option<T>,
    ) -> Result<T, ProcessError> {
        while let Some(said) = self.next().await? {
            if let Some(picked) = pick(&said) {
                return Ok(picked);
            }
        }
        let (name, tail) = (self.name.clone(), self.process.tail());
        Err(ProcessError::Ended { name, wanted: wanted.to_owned(), tail })
    }

    /// Everything it has to say until it ends, and its exit code.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn finish(mut self) -> Result<(Vec<Value>, Option<i32>), ProcessError> {
        let mut said = Vec::new();
        while let Some(line) = self.next().await? {
            said.push(line);
        }
        Ok((said, self.process.exit().await?.code()))
    }
}

/// The stock peers are not installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeersMissing {
    /// What is not there.
    pub needed: PathBuf,
}

impl fmt::Display for PeersMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let needed = self.needed.display();
        write!(
            f,
            "{needed} does not exist: `scripts/test.sh peers` installs the stock peers and runs these tests"
        )
    }
}

impl std::error::Error for PeersMissing {}
