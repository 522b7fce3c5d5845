//! What it costs to be connected and silent.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use keepline::{Client, Config};
use tokio::net::TcpStream;
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use super::rig::{BenchError, Rig, roomy, token, until_online};

/// How much memory of the server each of so many silent Keepline connections takes, in bytes.
///
/// # Errors
/// Where they cannot connect.
pub async fn connection_bytes(rig: &Rig, connections: usize) -> Result<f64, BenchError> {
    let addr = rig.server.addr();
    // What the first ones allocate for everybody is not theirs.
    let mut held = connect(addr, &rig.data(), "warm", connections / 20).await?;
    let before = resident(rig)?;
    held.extend(connect(addr, &rig.data(), "idle", connections).await?);
    // The server gives back what a handshake needed before it is looked at.
    tokio::time::sleep(SETTLE).await;
    let bytes = resident(rig)?.saturating_sub(before) as f64 / connections as f64;
    drop(held);
    Ok(bytes)
}

fn resident(rig: &Rig) -> Result<u64, BenchError> {
    rig.server
        .resident_bytes()
        .ok_or_else(|| "the system does not tell how much memory the server takes".into())
}

async fn connect(
    addr: SocketAddr,
    data: &Path,
    name: &str,
    count: usize,
) -> Result<Vec<WebSocketStream<TcpStream>>, BenchError> {
    let mut held = Vec::with_capacity(count);
    for number in 0..count {
        let subject = format!("{name}-{number}");
        let auth = serde_json::json!({ "token": token(data, &subject)?, "proto": 1, "account": subject });
        let stream = TcpStream::connect(addr).await?;
        let url = format!("ws://{addr}/socket.io/?EIO=4&transport=websocket");
        let (mut socket, _) = client_async(url, stream).await?;
        socket.send(Message::text(format!("40{auth}"))).await?;
        // The engine's handshake, the granted CONNECT, the greeting.
        loop {
            let message = socket.next().await.ok_or("the server hung up")??;
            let text = message.to_text()?;
            if text.starts_with("44") {
                return Err(format!("refused: {text}").into());
            }
            if text.starts_with("42[\"session:ready:v1\"") {
                break;
            }
        }
        held.push(socket);
    }
    Ok(held)
}

/// How often an idle client woke up, and how many of the server's heartbeats came meanwhile.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub struct WakeUps {
    /// Voluntary context switches of the client's thread: each ends a sleep.
    pub wake_ups: u64,
    /// How many heartbeats fit into the time.
    pub heartbeats: f64,
    /// How long was looked.
    pub seconds: f64,
}

/// Connects a client, leaves it alone and counts how often its thread wakes. For a process of its own.
///
/// # Errors
/// Where it cannot connect, or the system does not tell.
pub async fn wake_ups(
    config: Config,
    ping_interval: Duration,
    time: Duration,
) -> Result<WakeUps, BenchError> {
    let client = Client::open(roomy(config))?;
    client.connect();
    until_online(&client).await?;
    // The timers that follow a connection (the backoff's reset, a first cursor) are over then.
    tokio::time::sleep(Duration::from_secs(12)).await;
    let (begun, before) = (Instant::now(), switches()?);
    tokio::time::sleep(time).await;
    let wake_ups = switches()? - before;
    let seconds = begun.elapsed().as_secs_f64();
    client.shutdown().await;
    Ok(WakeUps { wake_ups, heartbeats: seconds / ping_interval.as_secs_f64(), seconds })
}

/// The voluntary context switches of the threads named like the client's.
fn switches() -> Result<u64, BenchError> {
    let mut sum = 0;
    for task in fs::read_dir("/proc/self/task")? {
        let folder = task?.path();
        if !fs::read_to_string(folder.join("comm"))?.starts_with("keepline") {
            continue;
        }
        let status = fs::read_to_string(folder.join("status"))?;
        let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        sum += count.ok_or("the system does not count wake-ups")?.trim().parse::<u64>()?;
    }
    Ok(sum)
}

const SETTLE: Duration = Duration::from_secs(1);
