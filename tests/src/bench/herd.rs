//! Many clients that lose their server and come back.

use std::time::{Duration, Instant};

use keepline::{Client, Config, Line, Tapped};
use serde::{Deserialize, Serialize};
use tokio::{sync::mpsc, task::JoinSet, time::timeout};

use super::rig::{BenchError, Rig};

/// How a herd came back after the server was killed and started again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Return {
    /// How many clients there were.
    pub clients: usize,
    /// When the median client was online, in seconds from the moment the server listened again.
    pub p50: f64,
    /// When 99 of 100 clients were.
    pub p99: f64,
    /// When the last one was.
    pub all: f64,
    /// The share of the clients that came back within the fullest second.
    pub largest_second: f64,
    /// From the kill to the moment the server listened again, in seconds.
    pub down: f64,
}

/// Connects so many clients, kills the server with SIGKILL, leaves it dead for a moment, starts it on the same port
/// and data, and measures when each client is online again.
///
/// # Errors
/// Where a client does not come back within two minutes.
pub async fn come_back(rig: &mut Rig, clients: usize, dead: Duration) -> Result<Return, BenchError> {
    let (sender, mut reports) = mpsc::channel(CHANNEL);
    let mut herd = JoinSet::new();
    let mut handles = Vec::with_capacity(clients);
    for number in 0..clients {
        let subject = format!("herd-{number}");
        let config = Config::new(rig.server.url(), ":memory:").token(rig.token(&subject)?).account(subject);
        let (client, driver) = Client::with_driver(config)?;
        client.connect();
        herd.spawn(driver.run());
        herd.spawn(report(client.clone(), number, sender.clone()));
        handles.push(client);
    }
    let mut is_online = vec![false; clients];
    until(&mut reports, &mut is_online, |is_online| is_online.iter().all(|online| *online)).await?;
    let killed = Instant::now();
    rig.server.kill().await?;
    until(&mut reports, &mut is_online, |is_online| !is_online.iter().any(|online| *online)).await?;
    tokio::time::sleep(dead.saturating_sub(killed.elapsed())).await;
    rig.server.start_again().await?;
    let listens = Instant::now();
    let down = listens.duration_since(killed).as_secs_f64();
    let mut back = vec![None; clients];
    let returning = async {
        while back.iter().any(Option::is_none) {
            let Some(Report { number, online, at }) = reports.recv().await else { break };
            if online && back[number].is_none() {
                back[number] = Some(at.saturating_duration_since(listens).as_secs_f64());
            }
        }
    };
    timeout(RETURN_MAX, returning).await.map_err(|_| "not every client came back")?;
    drop(handles);
    herd.shutdown().await;
    let mut back: Vec<f64> = back.into_iter().flatten().collect();
    back.sort_unstable_by(f64::total_cmp);
    let at = |percent: usize| back[(back.len() * percent / 100).min(back.len() - 1)];
    let (p50, p99, all) = (at(50), at(99), at(100));
    Ok(Return { clients, p50, p99, all, largest_second: largest_second(&back), down })
}

struct Report {
    number: usize,
    online: bool,
    at: Instant,
}

async fn report(client: Client, number: usize, reports: mpsc::Sender<Report>) {
    let mut statuses = client.status_changes();
    // The herd's own handles keep the client; this one must not.
    drop(client);
    let mut was_online = false;
    while let Some(tapped) = statuses.next().await {
        let Tapped::Item(status) = tapped else { continue };
        let online = matches!(status.line, Line::Online { .. });
        if online != was_online {
            was_online = online;
            if reports.send(Report { number, online, at: Instant::now() }).await.is_err() {
                return;
            }
        }
    }
}

async fn until(
    reports: &mut mpsc::Receiver<Report>,
    is_online: &mut [bool],
    done: impl Fn(&[bool]) -> bool,
) -> Result<(), BenchError> {
    let waiting = async {
        while !done(is_online) {
            let Some(Report { number, online, .. }) = reports.recv().await else { break };
            is_online[number] = online;
        }
    };
    timeout(RETURN_MAX, waiting)
        .await
        .map_err(|_| "the herd does not connect, or does not notice the loss".into())
}

/// The largest share of sorted times that falls into one second, wherever it begins.
fn largest_second(times: &[f64]) -> f64 {
    let most = times
        .iter()
        .enumerate()
        .map(|(index, time)| times[index..].iter().take_while(|other| **other < time + 1.0).count());
    most.max().unwrap_or(0) as f64 / times.len().max(1) as f64
}

const CHANNEL: usize = 16_384;
const RETURN_MAX: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_second_may_begin_anywhere() {
        let share = largest_second(&[0.0, 0.9, 1.0, 1.5, 1.8, 3.0]);
        assert!((share - 4.0 / 6.0).abs() < 1e-9, "{share}");
        assert!((largest_second(&[0.5]) - 1.0).abs() < 1e-9);
    }
}
