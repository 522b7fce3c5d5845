//! Flags and subcommands.

mod serve;
mod tls;
mod token;

use std::{fmt, process::ExitCode};

use clap::{Parser, Subcommand};

/// The reference server of Keepline.
#[derive(Debug, Parser)]
#[command(name = "keepline-server", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves until it is told to stop (SIGTERM, SIGINT).
    Serve(serve::Serve),
    /// Prints a token, signed with the secret of the environment or the data folder.
    Token(token::TokenArgs),
}

impl Cli {
    /// Runs to the end. A wrong configuration exits with 2, anything else that fails with 1.
    pub(crate) fn run(self) -> ExitCode {
        let done = match self.command {
            Command::Serve(serve) => serve.run(),
            Command::Token(token) => token.run(),
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                eprintln!("keepline-server: {failure}");
                ExitCode::from(match failure {
                    Failure::Usage(_) => 2,
                    Failure::Failed(_) => 1,
                })
            }
        }
    }
}

/// Why the program ends early, in words for the person who started it.
#[derive(Debug)]
enum Failure {
    /// What was asked cannot be done.
    Usage(String),
    /// It could not be done here and now.
    Failed(String),
}

impl Failure {
    fn usage(error: impl fmt::Display) -> Self {
        Self::Usage(error.to_string())
    }

    fn failed(error: impl fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Usage(text) | Self::Failed(text)) = self;
        f.write_str(text)
    }
}

/// The environment's secret.
const SECRET: &str = "KEEPLINE_JWT_SECRET";

/// Prints a line on standard output at once: somebody may wait for it at the other end of a pipe.
fn print(line: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(Failure::failed)
}
