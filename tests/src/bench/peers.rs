use std::path::PathBuf;

use serde::Deserialize;
use tokio::process::Command;

use super::{Figure, Load};
use crate::process::{Process, ProcessError};

/// Where the stock peers are and what runs them; `scripts/lib/peers.sh` installs both.
#[derive(Debug, Clone)]
pub struct PeerScripts {
    /// `tests/peers/node`, with its modules.
    pub node: PathBuf,
    /// `tests/peers/python`.
    pub python: PathBuf,
    /// The Python interpreter of the virtual environment.
    pub interpreter: PathBuf,
}

/// Measures the Node pair: `echo_round_trip_p50`, `echo_round_trip_p99`, `acks_per_second`, `events_per_second`.
///
/// # Errors
/// [`ProcessError`] where the peers are not installed or fail.
pub async fn node_pair(peers: &PeerScripts, load: Load) -> Result<Vec<Figure>, ProcessError> {
    let (server, url) = node_server(peers).await?;
    let mut client = Command::new("node");
    client.arg(peers.node.join("pair-bench-client.mjs")).args(["--url", &url]);
    for (flag, count) in [
        ("--echoes", load.round_trips),
        ("--acks", load.acks),
        ("--window", load.window),
        ("--events", load.events),
        ("--bytes", load.bytes),
    ] {
        client.arg(flag).arg(count.to_string());
    }
    let figures = figures(Process::spawn("pair-bench-client", client)?).await;
    drop(server);
    figures
}

/// Measures `echo_round_trip_p50` of python-socketio against the Node server.
///
/// # Errors
/// [`ProcessError`] where the peers are not installed or fail.
pub async fn python_to_node(peers: &PeerScripts, load: Load) -> Result<Vec<Figure>, ProcessError> {
    let (server, url) = node_server(peers).await?;
    let mut client = Command::new(&peers.interpreter);
    client.arg(peers.python.join("bench_client.py")).args(["--url", &url]);
    client.arg("--echoes").arg(load.round_trips.to_string()).arg("--bytes").arg(load.bytes.to_string());
    let figures = figures(Process::spawn("bench_client.py", client)?).await;
    drop(server);
    figures
}

async fn node_server(peers: &PeerScripts) -> Result<(Process, String), ProcessError> {
    let mut command = Command::new("node");
    command.arg(peers.node.join("pair-bench-server.mjs"));
    let mut server = Process::spawn("pair-bench-server", command)?;
    let url = server.line_where("where it listens", |line| match serde_json::from_str(line) {
        Ok(PeerLine::Listening { url }) => Some(url),
        _ => None,
    });
    let url = url.await?;
    Ok((server, url))
}

async fn figures(mut client: Process) -> Result<Vec<Figure>, ProcessError> {
    let mut figures = Vec::new();
    while let Some(line) = client.next_line().await? {
        match serde_json::from_str(&line) {
            Ok(PeerLine::Figure(figure)) => figures.push(figure),
            _ => return Err(ProcessError::Unreadable { name: "a benchmark's client".to_owned(), line }),
        }
    }
    if client.exit().await?.success() && !figures.is_empty() {
        return Ok(figures);
    }
    let (name, wanted) = ("a benchmark's client".to_owned(), "its figures".to_owned());
    Err(ProcessError::Ended { name, wanted, tail: client.tail() })
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum PeerLine {
    Listening { url: String },
    Figure(Figure),
}
