use std::{fmt, path::PathBuf, process::ExitStatus};

use serde::Deserialize;
use serde_json::Value;
use tokio::process::Command;

use super::{Process, ProcessError, binary};

/// How to call the command-line client `keepline`, with `--json`.
#[derive(Clone)]
pub struct Cli {
    /// Its database.
    pub db: PathBuf,
    /// Its server.
    pub url: String,
    /// The token, handed over by the environment, where other users of the machine cannot read it.
    pub token: Option<String>,
    /// Further global flags, before the command.
    pub flags: Vec<String>,
    /// The program, where it is not the workspace's own.
    pub program: Option<PathBuf>,
}

impl Cli {
    /// A client with this database for this server.
    pub fn new(db: impl Into<PathBuf>, url: impl Into<String>) -> Self {
        Self { db: db.into(), url: url.into(), token: None, flags: Vec::new(), program: None }
    }

    /// With this token.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// With these global flags too, such as `--account`.
    #[must_use]
    pub fn flags<S: Into<String>>(mut self, flags: impl IntoIterator<Item = S>) -> Self {
        self.flags.extend(flags.into_iter().map(Into::into));
        self
    }

    /// Starts a command and lets it run.
    ///
    /// # Errors
    /// [`ProcessError`] where it is not built or does not start.
    pub fn start(&self, args: &[&str]) -> Result<CliProcess, ProcessError> {
        let program = self.program.clone().map_or_else(|| binary("keepline"), Ok)?;
        let mut command = Command::new(program);
        command
            .arg("--db")
            .arg(&self.db)
            .arg("--url")
            .arg(&self.url)
            .args(&self.flags)
            .arg("--json")
            .args(args);
        command.env_remove("KEEPLINE_TOKEN");
        if let Some(token) = &self.token {
            command.env("KEEPLINE_TOKEN", token);
        }
        let name = format!("keepline {}", args.first().copied().unwrap_or_default());
        Ok(CliProcess { process: Process::spawn(&name, command)?, name })
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// [`ProcessError`] where it does not start, print what it should, or end. An exit code is no error.
    pub async fn run(&self, args: &[&str]) -> Result<CliRun, ProcessError> {
        self.start(args)?.finish().await
    }
}

impl fmt::Debug for Cli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cli").field("db", &self.db).field("url", &self.url).finish_non_exhaustive()
    }
}

/// A running `keepline`.
#[derive(Debug)]
pub struct CliProcess {
    /// The process itself.
    pub process: Process,
    name: String,
}

impl CliProcess {
    /// The next line it prints; `None` after the last.
    ///
    /// # Errors
    /// [`ProcessError::TimedOut`], or [`ProcessError::Unreadable`] for a line that is not JSON with a `type`.
    pub async fn next(&mut self) -> Result<Option<CliLine>, ProcessError> {
        let Some(line) = self.process.next_line().await? else { return Ok(None) };
        match serde_json::from_str(&line) {
            Ok(read) => Ok(Some(read)),
            Err(_) => Err(ProcessError::Unreadable { name: self.name.clone(), line }),
        }
    }

    /// Skips lines until `pick` makes something of one.
    ///
    /// # Errors
    /// As [`next`](Self::next); [`ProcessError::Ended`] where the output ends before.
    pub async fn until<T>(
        &mut self,
        wanted: &str,
        mut pick: impl FnMut(CliLine) -> Option<T>,
    ) -> Result<T, ProcessError> {
        while let Some(line) = self.next().await? {
            if let Some(picked) = pick(line) {
                return Ok(picked);
            }
        }
        let (name, tail) = (self.name.clone(), self.process.tail());
        Err(ProcessError::Ended { name, wanted: wanted.to_owned(), tail })
    }

    /// Reads everything to the end and waits for the exit. Its standard input ends first.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn finish(mut self) -> Result<CliRun, ProcessError> {
        self.process.close_stdin();
        let mut lines = Vec::new();
        while let Some(line) = self.next().await? {
            lines.push(line);
        }
        let status = self.process.exit().await?;
        Ok(CliRun { lines, status, tail: self.process.last_lines().await? })
    }
}

/// What a finished `keepline` has done.
#[derive(Debug)]
pub struct CliRun {
    /// Everything it printed.
    pub lines: Vec<CliLine>,
    /// How it ended.
    pub status: ExitStatus,
    /// The last lines of its standard error.
    pub tail: Vec<String>,
}

/// One line of `keepline --json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CliLine {
    /// An action is durable.
    Submitted {
        /// Its id.
        id: String,
    },
    /// An action is settled.
    Outcome {
        /// Its id.
        id: String,
        /// Which outcome.
        outcome: String,
        /// The server's reply.
        #[serde(default)]
        reply: Option<Value>,
        /// Why it was refused.
        #[serde(default)]
        error: Option<Value>,
    },
    /// An event of a stream.
    Event {
        /// Its stream.
        stream: String,
        /// The log's incarnation.
        #[serde(default)]
        epoch: Option<String>,
        /// Its place; none for an ephemeral event.
        #[serde(default)]
        offset: Option<u64>,
        /// Its name.
        name: String,
        /// What it says.
        #[serde(default)]
        payload: Value,
    },
    /// Continuity was lost.
    Reset {
        /// Of which stream.
        stream: String,
        /// The log's incarnation.
        #[serde(default)]
        epoch: Option<String>,
        /// Where it goes on.
        #[serde(default)]
        offset: Option<u64>,
        /// Why.
        reason: String,
        /// The state at that place.
        #[serde(default)]
        snapshot: Option<Value>,
    },
    /// The state of the line.
    Status {
        /// Which state.
        state: String,
        /// How many actions wait for an outcome.
        #[serde(default)]
        pending: u64,
        /// The age of the oldest of them.
        #[serde(default)]
        oldest_ms: Option<u64>,
    },
    /// The server was restored and has lost these settled actions.
    RolledBack {
        /// Their ids.
        actions: Vec<String>,
    },
    /// The stream is no more.
    Gone {
        /// Which stream.
        stream: String,
    },
    /// The command failed.
    Error {
        /// The stable code.
        code: String,
    },
    /// Any other line.
    #[serde(other)]
    Other,
}
