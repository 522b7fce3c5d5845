//! Starts, kills and restarts servers for the scenarios of each language; see `tests/scenarios.md`.

use std::{io::Write as _, net::SocketAddr, process::ExitCode};

use clap::Parser;
use tokio::{io::AsyncReadExt as _, net::TcpListener};

/// Gives real servers to tests that are written in other languages.
#[derive(Debug, Parser)]
struct Flags {
    /// Where to listen; port 0 picks one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Ends when its standard input ends, so that it never outlives the script that started it.
    #[arg(long)]
    with_stdin: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let flags = Flags::parse();
    if !flags.listen.ip().is_loopback() {
        eprintln!("scenario-host: loopback addresses only");
        return ExitCode::from(2);
    }
    let code = match serve(&flags).await {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("scenario-host: {error}");
            1
        }
    };
    // The thread that reads standard input cannot be ended in any other way.
    std::process::exit(code)
}

async fn serve(flags: &Flags) -> std::io::Result<()> {
    let listener = TcpListener::bind(flags.listen).await?;
    let address = listener.local_addr()?;
    println!("scenario-host listening on http://{address}");
    std::io::stdout().flush()?;
    let ended = ended(flags.with_stdin);
    // Dropping the application drops its servers, which ends their processes.
    tokio::select! {
        served = axum::serve(listener, keepline_tests::scenario_host::app()) => served,
        () = ended => Ok(()),
    }
}

async fn ended(with_stdin: bool) {
    let stdin = async {
        if !with_stdin {
            return std::future::pending().await;
        }
        let mut input = tokio::io::stdin();
        let mut buffer = [0; 64];
        while input.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
    };
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok();
    let terminated = async {
        match &mut terminate {
            Some(signal) => signal.recv().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = stdin => {}
        _ = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
