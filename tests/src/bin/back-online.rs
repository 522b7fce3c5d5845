//! Kills a server under many clients, starts it again and prints as JSON when they were back: see
//! `keepline_tests::bench::Return`.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use keepline_tests::bench::{BenchError, Rig, come_back};

/// Measures how fast clients are back online after a server was killed and started again.
#[derive(Debug, Parser)]
struct Flags {
    /// How many clients.
    #[arg(long, default_value_t = 100)]
    clients: usize,
    /// How long the server stays dead, in milliseconds; 0 starts it again at once.
    #[arg(long, default_value_t = 0)]
    dead_ms: u64,
    /// Where the server's database goes.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Exit with 1 where 99 of 100 clients needed longer than so many seconds.
    #[arg(long)]
    p99_max: Option<f64>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match measure(Flags::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("back-online: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(flags: Flags) -> Result<bool, BenchError> {
    let mut rig = Rig::start(flags.dir.as_deref(), &[]).await?;
    let back = come_back(&mut rig, flags.clients, Duration::from_millis(flags.dead_ms)).await?;
    println!("{}", serde_json::to_string(&back)?);
    Ok(flags.p99_max.is_none_or(|most| back.p99 <= most))
}
