//! Measures what Keepline's speed is compared with: one JSON line for each figure.

use std::{error::Error, path::PathBuf, process::ExitCode};

use clap::Parser;
use keepline_tests::{
    bench::{Figure, Load, batch_rate, commit_latency, echo_rate, echo_round_trip, median},
    process::{Process, binary},
};
use tokio::process::Command;

/// Measures the bare echo and plain SQLite. Build with `--release`, or the figures mean nothing.
#[derive(Debug, Parser)]
struct Flags {
    /// How many times each is measured; the median is printed.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    runs: u16,
    /// Where SQLite's files go; what counts is that disk.
    #[arg(long)]
    dir: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match measure(Flags::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("baselines: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(flags: Flags) -> Result<(), Box<dyn Error>> {
    let load = Load::default();
    let mut server = Process::spawn("bare-echo", Command::new(binary("bare-echo")?))?;
    let listening = |line: &str| line.strip_prefix("bare-echo listening on ")?.parse().ok();
    let addr = server.line_where("where it listens", listening).await?;
    let (mut round_trips, mut rates, mut commits, mut batches) = (vec![], vec![], vec![], vec![]);
    for _ in 0..flags.runs {
        round_trips.push(echo_round_trip(addr, load).await?.p50_us());
        rates.push(echo_rate(addr, load).await?);
        let dir = match &flags.dir {
            Some(dir) => tempfile::tempdir_in(dir)?,
            None => tempfile::tempdir()?,
        };
        commits.push(commit_latency(dir.path(), COMMITS, load)?.p50_us());
        batches.push(batch_rate(dir.path(), ROWS, load.window, load)?);
    }
    for (name, runs, unit) in [
        ("bare_echo_round_trip_p50", round_trips, "us"),
        ("bare_echo_per_second", rates, "1/s"),
        ("sqlite_commit_p50", commits, "us"),
        ("sqlite_rows_per_second_batch_256", batches, "1/s"),
    ] {
        println!("{}", serde_json::to_string(&Figure::new(name, median(runs), unit))?);
    }
    Ok(())
}

/// Enough for a median that moves by less than a tenth from run to run.
const COMMITS: usize = 1_000;

/// Some hundred commits of a full window.
const ROWS: usize = 50_000;
