//! `keepline`: a client for the command line, for scripts and for trying things.
//!
//! It is written with the public API only, as a program to copy from: `submit.rs` and `watch.rs` are what an app
//! does, `queue.rs` is what a support tool does.

mod args;
mod failure;
mod line;
mod output;
mod queue;
mod session;
mod status;
mod submit;
mod watch;

use std::{io::IsTerminal, process::ExitCode};

use clap::Parser;

use self::{
    args::{Cli, Command},
    failure::{Exit, Failure},
    output::Output,
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("KEEPLINE_LOG").unwrap_or_else(|_| "off".into()),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        // A line that cannot be written is dropped; the library's complaint about it would be a panic.
        .log_internal_errors(false)
        .init();
    let output = Output::new(cli.json);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.failure(&Failure::new(Exit::Store, "RUNTIME", error.to_string()));
            return Exit::Store.into();
        }
    };
    let result = runtime.block_on(run(&cli, output));
    // A thread may still be reading standard input; it must not keep the process.
    runtime.shutdown_background();
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output.failure(&failure);
            failure.exit.into()
        }
    }
}

async fn run(cli: &Cli, output: Output) -> Result<Exit, Failure> {
    match &cli.command {
        Command::Submit(submit) => submit::run(cli, submit, output).await,
        Command::Watch(watch) => watch::run(cli, watch, output).await,
        Command::Status => status::run(cli, output).await,
        Command::Queue { command } => queue::run(cli, command, output).await,
    }
}
