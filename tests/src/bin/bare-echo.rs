//! A WebSocket echo with nothing but tokio-tungstenite, to compare speed with.

use std::{net::SocketAddr, process::ExitCode};

use clap::Parser;
use keepline_tests::bench::serve_echo;
use tokio::net::TcpListener;

/// Serves a bare WebSocket echo.
#[derive(Debug, Parser)]
struct Flags {
    /// Where to listen; port 0 picks one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let served = async {
        let listener = TcpListener::bind(Flags::parse().listen).await?;
        println!("bare-echo listening on {}", listener.local_addr()?);
        serve_echo(listener).await
    };
    match served.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bare-echo: {error}");
            ExitCode::FAILURE
        }
    }
}
