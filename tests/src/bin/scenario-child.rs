//! A client in a process of its own, for the scenarios in which one is killed or comes second.

use std::{io::Write as _, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use keepline::{Client, Config, Item, Stream, catalogue::TestRecord};

#[derive(Debug, Parser)]
struct Flags {
    #[arg(long)]
    url: String,
    #[arg(long)]
    token: String,
    #[arg(long)]
    db: PathBuf,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Submits 1 to COUNT, says `submitted COUNT`, and waits to be killed.
    SubmitAndWait {
        #[arg(long)]
        count: i64,
    },
    /// Prints the offsets of the first COUNT events of a job, and ends in good order.
    Read {
        #[arg(long)]
        job: String,
        #[arg(long)]
        count: usize,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Flags::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("scenario-child: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(flags: Flags) -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::open(Config::new(flags.url, flags.db).token(flags.token))?;
    client.connect();
    match flags.what {
        What::SubmitAndWait { count } => {
            for n in 1..=count {
                client.submit(TestRecord { n }).await?;
            }
            say(format_args!("submitted {count}"))?;
            // Longer than any test waits.
            tokio::time::sleep(Duration::from_secs(3_600)).await;
        }
        What::Read { job, count } => {
            let mut events = client.events(Stream::job(job))?;
            for _ in 0..count {
                let Some(Item::Event(event)) = events.next_item().await else {
                    return Err("no event".into());
                };
                let place = event.place.ok_or("an event without a place")?;
                say(format_args!("{}", place.offset))?;
            }
            events.end();
            client.shutdown().await;
        }
    }
    Ok(())
}

fn say(line: std::fmt::Arguments<'_>) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{line}")?;
    out.flush()
}
