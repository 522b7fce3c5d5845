//! Real processes under a test: started, read line by line, killed.
//!
//! Every wait has an end: where what was waited for does not come, the error carries the last lines of standard
//! error. A process never outlives its handle.

mod binary;
mod cli;
mod script;
mod server;

use std::{
    collections::VecDeque,
    fmt, io,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
    sync::mpsc,
    task::JoinSet,
    time::timeout,
};

pub use binary::{BinaryMissing, binary, binary_dir};
pub use cli::{Cli, CliLine, CliProcess, CliRun};
pub use script::write_script;
pub use server::{ServerOptions, ServerProcess};

/// A child process whose standard output is read as lines. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
    stderr: Arc<Mutex<VecDeque<String>>>,
    wait_max: Duration,
    readers: JoinSet<()>,
}

impl Process {
    /// Starts a command; `name` is what errors call it.
    ///
    /// A child that writes more lines than anyone reads is held up once [`LINES_MAX`] of them wait.
    ///
    /// # Errors
    /// [`ProcessError::Io`] where it cannot be started.
    pub fn spawn(name: &str, mut command: Command) -> Result<Self, ProcessError> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| ProcessError::Io(name.to_owned(), error))?;
        let (sender, lines) = mpsc::channel(LINES_MAX);
        let stderr = Arc::new(Mutex::new(VecDeque::new()));
        let mut readers = JoinSet::new();
        if let Some(out) = child.stdout.take() {
            readers.spawn(read_lines(out, sender));
        }
        if let Some(err) = child.stderr.take() {
            readers.spawn(keep_tail(err, Arc::clone(&stderr)));
        }
        let stdin = child.stdin.take();
        Ok(Self { name: name.to_owned(), child, stdin, lines, stderr, wait_max: WAIT_MAX, readers })
    }

    /// Waits at most so long for each thing from here on; [`WAIT_MAX`] unless said.
    #[must_use]
    pub fn waiting_at_most(mut self, wait_max: Duration) -> Self {
        self.wait_max = wait_max;
        self
    }

    /// The next line of standard output; `None` once there is none to come.
    ///
    /// # Errors
    /// [`ProcessError::TimedOut`].
    pub async fn next_line(&mut self) -> Result<Option<String>, ProcessError> {
        match timeout(self.wait_max, self.lines.recv()).await {
            Ok(line) => Ok(line),
            Err(_) => Err(self.timed_out("a line")),
        }
    }

    /// Skips lines until `pick` makes something of one.
    ///
    /// # Errors
    /// [`ProcessError::TimedOut`], or [`ProcessError::Ended`] where the output ends before.
    pub async fn line_where<T>(
        &mut self,
        what: &str,
        mut pick: impl FnMut(&str) -> Option<T>,
    ) -> Result<T, ProcessError> {
        let skip = async {
            while let Some(line) = self.lines.recv().await {
                if let Some(picked) = pick(&line) {
                    return Some(picked);
                }
            }
            None
        };
        match timeout(self.wait_max, skip).await {
            Ok(Some(picked)) => Ok(picked),
            Ok(None) => Err(ProcessError::Ended {
                name: self.name.clone(),
                wanted: what.to_owned(),
                tail: self.tail(),
            }),
            Err(_) => Err(self.timed_out(what)),
        }
    }

    /// Every line that is still to come, until the output ends.
    ///
    /// # Errors
    /// [`ProcessError::TimedOut`] where one of them takes too long.
    pub async fn remaining_lines(&mut self) -> Result<Vec<String>, ProcessError> {
        let mut lines = Vec::new();
        while let Some(line) = self.next_line().await? {
            lines.push(line);
        }
        Ok(lines)
    }

    /// Writes a line to its standard input.
    ///
    /// # Errors
    /// [`ProcessError::Io`] where it does not read any more.
    pub async fn write_line(&mut self, line: &str) -> Result<(), ProcessError> {
        let Some(stdin) = &mut self.stdin else {
            return Err(ProcessError::Io(self.name.clone(), io::ErrorKind::BrokenPipe.into()));
        };
        let written = async {
            stdin.write_all(line.as_bytes()).await?;
            stdin.write_all(b"\n").await?;
            stdin.flush().await
        };
        written.await.map_err(|error| ProcessError::Io(self.name.clone(), error))
    }

    /// Ends its standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Kills it with SIGKILL and waits until it is gone.
    ///
    /// # Errors
    /// [`ProcessError::Io`] where the system cannot.
    pub async fn kill(&mut self) -> Result<(), ProcessError> {
        self.child.kill().await.map_err(|error| ProcessError::Io(self.name.clone(), error))
    }

    /// Asks it to end, with SIGTERM. [`exit`](Self::exit) waits for it.
    ///
    /// # Errors
    /// [`ProcessError::Io`] where it is gone already.
    pub fn terminate(&self) -> Result<(), ProcessError> {
        self.signal(Signal::TERM)
    }

    /// Stops it where it stands, as a machine that hangs: its sockets stay open and silent.
    ///
    /// # Errors
    /// [`ProcessError::Io`] where it is gone already.
    pub fn freeze(&self) -> Result<(), ProcessError> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on after [`freeze`](Self::freeze).
    ///
    /// # Errors
    /// [`ProcessError::Io`] where it is gone already.
    pub fn thaw(&self) -> Result<(), ProcessError> {
        self.signal(Signal::CONT)
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// [`ProcessError::TimedOut`].
    pub async fn exit(&mut self) -> Result<ExitStatus, ProcessError> {
        match timeout(self.wait_max, self.child.wait()).await {
            Ok(status) => status.map_err(|error| ProcessError::Io(self.name.clone(), error)),
            Err(_) => Err(self.timed_out("its end")),
        }
    }

    /// The process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Its resident memory in bytes, where the system tells (`/proc`).
    pub fn resident_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()?)).ok()?;
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        kib.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
    }

    /// The last lines of its standard error, as far as they were read.
    pub fn tail(&self) -> Vec<String> {
        self.stderr.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The last lines of its standard error, once it has ended and all of them were read. Its standard output has to be
    /// read to its end before.
    ///
    /// # Errors
    /// [`ProcessError::TimedOut`].
    pub async fn last_lines(&mut self) -> Result<Vec<String>, ProcessError> {
        let readers = &mut self.readers;
        match timeout(self.wait_max, async { while readers.join_next().await.is_some() {} }).await {
            Ok(()) => Ok(self.tail()),
            Err(_) => Err(self.timed_out("the end of its standard error")),
        }
    }

    fn signal(&self, signal: Signal) -> Result<(), ProcessError> {
        let failed = |error| ProcessError::Io(self.name.clone(), error);
        let pid = self.pid().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let pid = pid.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        kill_process(pid, signal).map_err(|error| failed(error.into()))
    }

    fn timed_out(&self, wanted: &str) -> ProcessError {
        ProcessError::TimedOut { name: self.name.clone(), wanted: wanted.to_owned(), tail: self.tail() }
    }
}

async fn read_lines(out: impl AsyncRead + Unpin, sender: mpsc::Sender<String>) {
    let mut lines = BufReader::new(out).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if sender.send(line).await.is_err() {
            return;
        }
    }
}

/// Standard error is always read, so that a talkative child is never held up by it.
async fn keep_tail(err: impl AsyncRead + Unpin, tail: Arc<Mutex<VecDeque<String>>>) {
    let mut lines = BufReader::new(err).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        if tail.len() == TAIL_LINES_MAX {
            tail.pop_front();
        }
        tail.push_back(line);
    }
}

/// Why a process did not do what a test wanted of it.
#[derive(Debug)]
pub enum ProcessError {
    /// There is no such binary.
    Missing(BinaryMissing),
    /// The system refused something.
    Io(String, io::Error),
    /// What was waited for did not come in time.
    TimedOut {
        /// Which process.
        name: String,
        /// What was waited for.
        wanted: String,
        /// The last lines of its standard error.
        tail: Vec<String>,
    },
    /// Its output ended before what was waited for.
    Ended {
        /// Which process.
        name: String,
        /// What was waited for.
        wanted: String,
        /// The last lines of its standard error.
        tail: Vec<String>,
    },
    /// A line is not what this program prints.
    Unreadable {
        /// Which process.
        name: String,
        /// The line.
        line: String,
    },
}

impl From<BinaryMissing> for ProcessError {
    fn from(missing: BinaryMissing) -> Self {
        Self::Missing(missing)
    }
}

impl fmt::Display for ProcessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(missing) => missing.fmt(f),
            Self::Io(name, error) => write!(f, "{name}: {error}"),
            Self::TimedOut { name, wanted, tail } => {
                write!(
                    f,
                    "{name}: {wanted} did not come in time; its standard error ends:\n{}",
                    tail.join("\n")
                )
            }
            Self::Ended { name, wanted, tail } => {
                write!(f, "{name}: ended before {wanted}; its standard error ends:\n{}", tail.join("\n"))
            }
            Self::Unreadable { name, line } => write!(f, "{name}: an unreadable line: {line}"),
        }
    }
}

impl std::error::Error for ProcessError {}

/// How many lines may wait to be read.
pub const LINES_MAX: usize = 10_000;

/// How long a wait lasts unless said otherwise: far beyond what anything here takes on a busy machine.
pub const WAIT_MAX: Duration = Duration::from_secs(60);

/// Enough of standard error to see why a child failed.
const TAIL_LINES_MAX: usize = 40;

#[cfg(test)]
mod tests;
