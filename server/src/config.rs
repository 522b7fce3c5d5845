use std::{path::PathBuf, time::Duration};

use crate::{auth::AuthConfig, clock::Clock, connection::Origins, limits::Rates, storage::StorageMode};

/// What a server is started with.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// The data folder, made where it is missing. One server at a time.
    pub data: PathBuf,
    /// The folder whose documents `search`, `research` and `model` read. Without it they find nothing.
    pub corpus: Option<PathBuf>,
    /// How tokens are verified.
    pub auth: AuthConfig,
    /// Switches on the `test:*` actions and the page at `/`. Never for the public.
    pub dev: bool,
    /// How long things are kept.
    pub retention: Retention,
    /// How much is taken from one user or address.
    pub rates: Rates,
    /// The heartbeat and who may connect.
    pub line: Line,
    /// How long connections get to hang up by themselves when the server ends. Default 5 s, the longest that the
    /// protocol lets a client wait for answers.
    pub drain: Duration,
    /// The time of day.
    pub clock: Clock,
    /// Where the storage works.
    pub storage: StorageMode,
}

impl Config {
    /// The defaults, with data in this folder and tokens verified like this.
    pub fn new(data: impl Into<PathBuf>, auth: AuthConfig) -> Self {
        Self {
            data: data.into(),
            corpus: None,
            auth,
            dev: false,
            retention: Retention::default(),
            rates: Rates::default(),
            line: Line::default(),
            drain: Duration::from_secs(5),
            clock: Clock::default(),
            storage: StorageMode::default(),
        }
    }
}

/// The connection layer's options.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Line {
    /// How often the server pings. Default 25 s.
    pub ping_interval: Duration,
    /// How long it waits for the answer. Default 10 s.
    pub ping_timeout: Duration,
    /// Which web pages may connect, beside native clients, which always may. Default those of the same host.
    pub origins: Origins,
    /// How long a connection may stay without a valid CONNECT. Default 5 s.
    pub connect_timeout: Duration,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(10),
            origins: Origins::default(),
            connect_timeout: Duration::from_secs(5),
        }
    }
}

/// How long and how much the server keeps. Whatever passes the end of it is told: a reset, `INDETERMINATE`, `gone`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Retention {
    /// Events of one user stream. Default 10,000.
    pub user_log_max: u64,
    /// The age of a user stream's events. Default 24 h.
    pub user_log_age: Duration,
    /// Events of one job stream. Default 100,000.
    pub job_log_max: u64,
    /// How long a job's stream is kept after the job's end. Default 1 h.
    pub job_log_age: Duration,
    /// How long a job's state and result are kept after its end. Default 24 h.
    pub job_age: Duration,
    /// How long it is known of a job that it was there at all. Default 31 days.
    pub job_tombstone_age: Duration,
    /// Entries of one ledger. Default 100,000.
    pub ledger_max: u64,
    /// The age of a ledger's entries. Default 31 days: one more than an action may wait in a client's queue.
    pub ledger_age: Duration,
    /// How long the reply of an applied action is kept; its verdict stays. Default 7 days.
    pub reply_age: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        const HOUR: u64 = 60 * 60;
        const DAY: u64 = 24 * HOUR;
        Self {
            user_log_max: 10_000,
            user_log_age: Duration::from_secs(DAY),
            job_log_max: 100_000,
            job_log_age: Duration::from_secs(HOUR),
            job_age: Duration::from_secs(DAY),
            job_tombstone_age: Duration::from_secs(31 * DAY),
            ledger_max: 100_000,
            ledger_age: Duration::from_secs(31 * DAY),
            reply_age: Duration::from_secs(7 * DAY),
        }
    }
}
