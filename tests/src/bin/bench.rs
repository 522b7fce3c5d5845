//! Measures every row of the table of budgets: one JSON line each. `scripts/bench.sh` builds and runs it.
//!
//! Some rows need a process whose memory or threads are theirs alone; for these the program starts itself again with
//! a subcommand.

use std::{
    cell::RefCell,
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand};
use keepline::Config;
use keepline_tests::{
    bench::{
        BenchError, Drained, Figure, Load, Machine, Return, Rig, Row, WakeUps, batch_rate, call_rate,
        call_round_trip, call_round_trip_own_thread, come_back, commit_latency, connection_bytes, drain,
        echo_rate, echo_round_trip, end_to_end_rate, fill, fill_by_copying, folder, live_rate, median,
        node_pair, open_ms, replay_rate, roomy, section, submit_latency, submit_latency_own_thread, table,
        wake_ups, write_into,
    },
    peers::Peers,
    process::{Process, binary},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::process::Command;

/// Measures Keepline beside plain things. Build with `--release`, or the figures mean nothing.
#[derive(Debug, Parser)]
struct Flags {
    #[command(subcommand)]
    child: Option<Child>,
    /// How many times each is measured; the median is printed.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    runs: u16,
    /// Where databases go; what counts is that disk.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// How many clients the large herd has.
    #[arg(long, default_value_t = 5_000)]
    herd: usize,
    /// Writes the rows to this file, one JSON object a line.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Measures nothing and takes the rows from this file, which an earlier run wrote.
    #[arg(long, conflicts_with = "json")]
    from: Option<PathBuf>,
    /// Writes the table into this document, between its marks.
    #[arg(long, requires = "date")]
    write: Option<PathBuf>,
    /// Today, for the document.
    #[arg(long)]
    date: Option<String>,
    /// Why there is no Node pair.
    #[arg(long)]
    no_node: Option<String>,
    /// The library that the packages carry, stripped.
    #[arg(long)]
    library: Option<PathBuf>,
    /// Only the groups of rows whose name begins so: line, durable, drain, open, idle, herd.
    #[arg(long)]
    only: Option<String>,
}

/// What runs in a process of its own, and prints one JSON line.
#[derive(Debug, Clone, Subcommand)]
enum Child {
    #[command(hide = true)]
    Drain { url: String, database: PathBuf, token: String, account: String },
    #[command(hide = true)]
    Open { database: PathBuf },
    #[command(hide = true)]
    WakeUps { url: String, database: PathBuf, token: String, ping_ms: u64, seconds: u64 },
    #[command(hide = true)]
    Herd { clients: usize, dead_ms: u64, dir: Option<PathBuf> },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let flags = Flags::parse();
    let measured = match flags.child.clone() {
        Some(child) => child.run().await,
        None => Bench { flags, load: Load::default(), rows: RefCell::default() }.run().await,
    };
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Child {
    async fn run(self) -> Result<(), BenchError> {
        match self {
            Self::Drain { url, database, token, account } => {
                print(&drain(roomy(Config::new(url, database).token(token).account(account))).await?)
            }
            Self::Open { database } => print(&open_ms(&database)?),
            Self::WakeUps { url, database, token, ping_ms, seconds } => {
                let config = Config::new(url, database).token(token);
                print(&wake_ups(config, Duration::from_millis(ping_ms), Duration::from_secs(seconds)).await?)
            }
            Self::Herd { clients, dead_ms, dir } => {
                let mut rig = Rig::start(dir.as_deref(), &[]).await?;
                print(&come_back(&mut rig, clients, Duration::from_millis(dead_ms)).await?)
            }
        }
    }
}

struct Bench {
    flags: Flags,
    load: Load,
    rows: RefCell<Vec<Row>>,
}

impl Bench {
    async fn run(&self) -> Result<(), BenchError> {
        let machine = Machine::look();
        eprintln!("{machine}, load average {:.1}; this takes some minutes", machine.load);
        match &self.flags.from {
            Some(file) => self.read(file)?,
            None => self.measure().await?,
        }
        let rows = self.rows.take();
        eprintln!("\n{}", table(&rows));
        if let (Some(document), Some(date)) = (&self.flags.write, &self.flags.date) {
            let section = section(&rows, &machine, date);
            let text = std::fs::read_to_string(document)?;
            let text = write_into(&text, &section).ok_or("the document has no marks for the figures")?;
            std::fs::write(document, text)?;
        }
        Ok(())
    }

    fn read(&self, file: &Path) -> Result<(), BenchError> {
        for line in std::fs::read_to_string(file)?.lines() {
            self.rows.borrow_mut().push(serde_json::from_str(line)?);
        }
        Ok(())
    }

    /// Prints a row as soon as there is one, so that a run that is broken off was not for nothing.
    fn row(&self, row: Row) -> Result<(), BenchError> {
        let row = Row { load: row.value.map(|_| Machine::look().load), ..row };
        let line = serde_json::to_string(&row)?;
        println!("{line}");
        if let Some(file) = &self.flags.json {
            let is_first = self.rows.borrow().is_empty();
            let mut options = OpenOptions::new();
            let options = options.create(true).write(true).truncate(is_first).append(!is_first);
            writeln!(options.open(file)?, "{line}")?;
        }
        self.rows.borrow_mut().push(row);
        Ok(())
    }

    async fn measure(&self) -> Result<(), BenchError> {
        if self.wants("line") {
            self.line().await?;
        }
        if self.wants("durable") {
            self.durable().await?;
        }
        if self.wants("drain") {
            self.drain().await?;
        }
        if self.wants("open") {
            self.open().await?;
        }
        if self.wants("idle") {
            self.idle().await?;
        }
        if self.wants("herd") {
            self.herd().await?;
        }
        if self.flags.only.is_none() {
            self.library()?;
        }
        Ok(())
    }

    fn library(&self) -> Result<(), BenchError> {
        let row = match &self.flags.library {
            Some(library) => {
                let bytes = std::fs::metadata(library)?.len();
                Row { value: Some(bytes as f64), reason: None, ..Row::skipped("library_bytes", "bytes", "") }
            }
            None => Row::skipped("library_bytes", "bytes", "the library was not named (--library)"),
        };
        self.row(row)
    }

    fn wants(&self, group: &str) -> bool {
        self.flags.only.as_ref().is_none_or(|only| group.starts_with(only.as_str()))
    }

    fn dir(&self) -> Option<&Path> {
        self.flags.dir.as_deref()
    }

    /// Echo, acknowledgements, events. The plain things are measured between Keepline's own runs, so that a machine
    /// that grows busy is busy for both.
    async fn line(&self) -> Result<(), BenchError> {
        let load = self.load;
        let node = match &self.flags.no_node {
            Some(reason) => Err(reason.clone()),
            None => Node::find(),
        };
        let mut bare = Process::spawn("bare-echo", Command::new(binary("bare-echo")?))?;
        let listening = |line: &str| line.strip_prefix("bare-echo listening on ")?.parse().ok();
        let bare = bare.line_where("where it listens", listening).await.map(|addr| (addr, bare));
        let (addr, _bare) = bare?;
        let log_max = (load.events + 1_000).to_string();
        let flags = ["--user-log-max", &log_max, "--job-log-max", &log_max];
        let rig = Rig::start(self.dir(), &flags).await?;
        let mut runs = LineRuns::default();
        for _ in 0..self.flags.runs {
            runs.bare_echo.push(echo_round_trip(addr, load).await?.p50_us());
            runs.echo.push(call_round_trip(&rig, load).await?.p50_us());
            runs.echo_own_thread.push(call_round_trip_own_thread(&rig, load).await?.p50_us());
            runs.bare_rate.push(echo_rate(addr, load).await?);
            runs.acks.push(call_rate(&rig, load).await?);
            runs.replay.push(replay_rate(&rig, load).await?);
            runs.live.push(live_rate(&rig, load).await?);
            if let Ok(node) = &node {
                runs.node.push(node.measure(load).await?);
            }
        }
        runs.rows(node.err()).into_iter().try_for_each(|row| self.row(row))
    }

    async fn durable(&self) -> Result<(), BenchError> {
        let (mut commits, mut submits, mut own_thread, mut rates, mut batches) =
            (vec![], vec![], vec![], vec![], vec![]);
        let rig = Rig::start(self.dir(), &[]).await?;
        for run in 0..self.flags.runs {
            let dir = folder(self.dir())?;
            commits.push(commit_latency(dir.path(), COMMITS, self.load)?.p50_us());
            submits.push(submit_latency(&dir.path().join("submit.db"), COMMITS).await?.p50_us());
            own_thread
                .push(submit_latency_own_thread(&dir.path().join("thread.db"), COMMITS).await?.p50_us());
            batches.push(batch_rate(dir.path(), END_TO_END, self.load.window, self.load)?);
            rates.push(end_to_end_rate(&rig, END_TO_END, &format!("lane-{run}")).await?);
        }
        let (commit, batch) = (median(commits), median(batches));
        self.row(Figure::new("submit_p50", median(submits), "us").against(commit))?;
        self.row(Figure::new("submit_own_thread_p50", median(own_thread), "us").against(commit))?;
        self.row(Figure::new("durable_actions_per_second", median(rates), "1/s").against(batch))
    }

    async fn drain(&self) -> Result<(), BenchError> {
        let (mut seconds, mut bytes) = (vec![], vec![]);
        for run in 0..self.flags.runs {
            let rig = Rig::start(self.dir(), &[]).await?;
            let account = format!("drain-{run}");
            fill(rig.config(&account, "drain.db")?, DRAINED).await?;
            let (database, token) = (rig.database("drain.db"), rig.token(&account)?);
            let arguments = [rig.server.url(), &database.to_string_lossy(), &token, &account];
            let drained: Drained = child("drain", &arguments).await?;
            seconds.push(drained.seconds);
            bytes.push(drained.peak_bytes.saturating_sub(drained.idle_bytes) as f64);
        }
        self.row(Figure::new("drain_100000", median(seconds), "s").alone())?;
        self.row(Figure::new("drain_100000_memory_over_idle", median(bytes), "bytes").alone())
    }

    async fn open(&self) -> Result<(), BenchError> {
        let dir = folder(self.dir())?;
        let database = dir.path().join("open.db");
        let config = roomy(Config::new("ws://127.0.0.1:9", &database));
        fill_by_copying(config, &database, MANY).await?;
        let mut times = vec![];
        for _ in 0..self.flags.runs {
            let (ms, pending): (f64, usize) = child("open", &[&database.to_string_lossy()]).await?;
            if pending != MANY {
                return Err(format!("{pending} actions are queued instead of {MANY}").into());
            }
            times.push(ms);
        }
        self.row(Figure::new("open_1000000_queued", median(times), "ms").alone())
    }

    async fn idle(&self) -> Result<(), BenchError> {
        let mut bytes = vec![];
        for _ in 0..self.flags.runs {
            let rig = Rig::start(self.dir(), &[]).await?;
            bytes.push(connection_bytes(&rig, CONNECTIONS).await?);
        }
        self.row(Figure::new("idle_connection_bytes", median(bytes), "bytes").alone())?;
        let ping_ms = PING_INTERVAL.as_millis().to_string();
        let rig = Rig::start(self.dir(), &["--ping-interval-ms", &ping_ms]).await?;
        let (database, token) = (rig.database("idle.db"), rig.token("idle")?);
        let seconds = IDLE.as_secs().to_string();
        let arguments = [rig.server.url(), &database.to_string_lossy(), &token, &ping_ms, &seconds];
        let looked: WakeUps = child("wake-ups", &arguments).await?;
        self.row(
            Figure::new("idle_client_wake_ups", looked.wake_ups as f64, "wake-ups")
                .against(looked.heartbeats),
        )
    }

    /// A restart takes a moment; an outage of some seconds is another matter, because the clients wait longer after
    /// each attempt. Both are measured, and the budget is about the restart.
    async fn herd(&self) -> Result<(), BenchError> {
        let restart = self.returns(SMALL_HERD, Duration::ZERO).await?;
        let outage = self.returns(SMALL_HERD, OUTAGE).await?;
        let p99 = |returns: &[Return]| median(returns.iter().map(|back| back.p99).collect());
        self.row(Figure::new("back_online_100_clients_p99", p99(&restart), "s").alone())?;
        self.row(Figure::new("back_online_100_clients_p99_after_3_s", p99(&outage), "s").alone())?;
        for (dead, suffix) in [(Duration::ZERO, ""), (OUTAGE, "_after_3_s")] {
            let back = self.come_back(self.flags.herd, dead).await?;
            let name = |what: &str| format!("herd_{}_{what}{suffix}", back.clients);
            self.row(Figure::new(name("all_back"), back.all, "s").alone())?;
            self.row(Figure::new(name("largest_second"), back.largest_second, "share").alone())?;
        }
        Ok(())
    }

    async fn returns(&self, clients: usize, dead: Duration) -> Result<Vec<Return>, BenchError> {
        let mut returns = vec![];
        for _ in 0..self.flags.runs {
            returns.push(self.come_back(clients, dead).await?);
        }
        Ok(returns)
    }

    async fn come_back(&self, clients: usize, dead: Duration) -> Result<Return, BenchError> {
        let (clients, dead_ms) = (clients.to_string(), dead.as_millis().to_string());
        let dir = self.dir().map(|dir| dir.to_string_lossy().into_owned());
        let arguments: Vec<&str> = [clients.as_str(), &dead_ms].into_iter().chain(dir.as_deref()).collect();
        child("herd", &arguments).await
    }
}

#[derive(Default)]
struct LineRuns {
    bare_echo: Vec<f64>,
    echo: Vec<f64>,
    echo_own_thread: Vec<f64>,
    bare_rate: Vec<f64>,
    acks: Vec<f64>,
    replay: Vec<f64>,
    live: Vec<f64>,
    node: Vec<NodeFigures>,
}

impl LineRuns {
    fn rows(self, no_node: Option<String>) -> Vec<Row> {
        let (bare_echo, bare_rate) = (median(self.bare_echo), median(self.bare_rate));
        let (acks, replay, live) = (median(self.acks), median(self.replay), median(self.live));
        let node = |figure: fn(&NodeFigures) -> f64| -> Option<f64> {
            let runs: Vec<f64> = self.node.iter().map(figure).collect();
            (!runs.is_empty()).then(|| median(runs))
        };
        let beside = |name: &str, value: f64, baseline: Option<f64>| {
            let figure = Figure::new(name, value, "1/s");
            match baseline {
                Some(baseline) => figure.against(baseline),
                None => figure.without_baseline(no_node.clone().unwrap_or_default()),
            }
        };
        let mut rows = vec![
            Figure::new("echo_p50", median(self.echo), "us").against(bare_echo),
            Figure::new("echo_own_thread_p50", median(self.echo_own_thread), "us").against(bare_echo),
            Figure::new("acks_per_second", acks, "1/s").against(bare_rate),
            beside("acks_per_second_beside_node", acks, node(|node| node.acks)),
            beside("events_per_second_beside_node", replay, node(|node| node.events)),
            beside("events_live_per_second_beside_node", live, node(|node| node.events)),
        ];
        rows.extend(
            node(|node| node.echo)
                .map(|echo| Figure::new("node_pair_echo_p50", echo, "us").against(bare_echo)),
        );
        rows
    }
}

/// The stock pair, where it is installed.
struct Node(Peers);

struct NodeFigures {
    echo: f64,
    acks: f64,
    events: f64,
}

impl Node {
    fn find() -> Result<Self, String> {
        Peers::find().map(Self).map_err(|missing| missing.to_string())
    }

    async fn measure(&self, load: Load) -> Result<NodeFigures, BenchError> {
        let figures = node_pair(&self.0, load).await?;
        let value = |name: &str| -> Result<f64, BenchError> {
            let found = figures.iter().find(|figure| figure.name == name);
            Ok(found.ok_or_else(|| format!("the Node pair did not measure {name}"))?.value)
        };
        Ok(NodeFigures {
            echo: value("echo_round_trip_p50")?,
            acks: value("acks_per_second")?,
            events: value("events_per_second")?,
        })
    }
}

fn print<T: Serialize>(value: &T) -> Result<(), BenchError> {
    println!("{}", serde_json::to_string(value)?);
    Ok(())
}

/// Runs this program again as a child and reads the one line it prints.
async fn child<T: DeserializeOwned>(name: &str, arguments: &[&str]) -> Result<T, BenchError> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(name).args(arguments);
    let mut process = Process::spawn(name, command)?.waiting_at_most(CHILD_MAX);
    let figures = process.line_where("its figures", |line| serde_json::from_str(line).ok()).await?;
    // To its end: it may have a server of its own to take down.
    if !process.exit().await?.success() {
        return Err(format!("{name} failed after its figures").into());
    }
    Ok(figures)
}

/// Enough for a median that moves by less than a tenth from run to run.
const COMMITS: usize = 1_000;
const END_TO_END: usize = 50_000;
const DRAINED: usize = 100_000;
const MANY: usize = 1_000_000;
const CONNECTIONS: usize = 2_000;
const SMALL_HERD: usize = 100;

/// How long a killed server stays dead in an outage: the clients have failed a few times by then.
const OUTAGE: Duration = Duration::from_secs(3);

/// A short heartbeat shows in half a minute what the default would in five.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(30);

/// The longest that one measurement may take.
const CHILD_MAX: Duration = Duration::from_secs(300);
