//! Shows one of Keepline's claims and says whether it holds. `scripts/show.sh` builds what it needs and calls it.

use std::process::ExitCode;

use clap::Parser;
use keepline_tests::show::{CLAIMS, Env, Report, ShowError, claim};
use serde_json::json;

/// Shows a claim with real processes on real sockets. Exit status: 0 it holds, 1 it does not, 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "show")]
struct Flags {
    /// Which claim.
    #[arg(required_unless_present = "list")]
    name: Option<String>,
    /// Names the claims.
    #[arg(long)]
    list: bool,
    /// The report as one JSON object.
    #[arg(long)]
    json: bool,
    /// Decides the moments of kills and the places of cuts.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main(flavor = "multi_thread")]
async fn main() -> ExitCode {
    let flags = Flags::parse();
    if flags.list {
        CLAIMS.iter().for_each(|claim| println!("{:<24} {}", claim.name, claim.says));
        return ExitCode::SUCCESS;
    }
    let name = flags.name.as_deref().unwrap_or_default();
    let Some(claim) = claim(name) else {
        eprintln!("show: there is no claim {name}; --list names them");
        return ExitCode::from(2);
    };
    let shown = match Env::new(flags.seed) {
        Ok(env) => claim.show(&env).await,
        Err(error) => Err(error.into()),
    };
    match shown {
        Ok(report) => told(&flags, claim.says, &report),
        Err(ShowError::CannotRunHere(reason)) => {
            println!("SKIP {name}: {reason}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("show: {name}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn told(flags: &Flags, says: &str, report: &Report) -> ExitCode {
    let (name, holds) = (flags.name.as_deref().unwrap_or_default(), report.holds());
    if flags.json {
        let measures = report.measures();
        println!("{}", json!({ "claim": name, "seed": flags.seed, "holds": holds, "measures": measures }));
    } else {
        println!("{says}.\n\n{report}\n{name}: {}", if holds { "holds" } else { "DOES NOT HOLD" });
    }
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
