//! A thousand actions, and everything is killed on the way.

use std::{collections::VecDeque, time::Duration};

use fastrand::Rng;

use super::{
    Claim, Env, Report, ShowError,
    queue::{self, with_outcome},
    records::{Feed, history, judge, record, record_last},
};
use crate::{
    cut_proxy::{CutProxy, Plan},
    process::{Cli, CliProcess, ServerProcess},
};

/// The claim.
pub(super) const CLAIM: Claim = Claim {
    name: "exactly-once",
    says: "1,000 actions are applied once and in order, though client and server are each killed three times",
    time_max: Duration::from_secs(300),
    run: |env| Box::pin(run(env)),
};

async fn run(env: &Env) -> Result<Report, ShowError> {
    let mut report = Report::new();
    let mut rng = env.rng(1);
    let mut server = env.server(&[]).await?;
    server.kill().await?;
    // A way of some length, so that a window of actions is under way whenever something is killed.
    let way = Plan { delay: WAY, ..Plan::untouched() };
    let way = CutProxy::start(server.addr(), way).await?;
    let direct = env.cli("client.db", &server);
    let cli =
        Cli { url: format!("http://{}", way.addr()), ..direct.clone() }.flags(["--reconnect-max", "0.5"]);

    let mut feed = Feed::new(1..=COUNT);
    submit(&mut report, &mut feed, &cli, &mut rng).await?;
    server.start_again().await?;
    Delivery { report: &mut report, cli: &cli, server: &mut server, moments: moments(&mut rng) }
        .run()
        .await?;
    feed.until_settled(&cli).await?;

    let rows = queue::rows(&cli).await?;
    report.equal("outcomes in queue list", with_outcome(&rows, "accepted"), COUNT as usize);
    report.equal("rows in queue list", rows.len(), COUNT as usize);
    let other = env.cli("other.db", &server);
    record_last(&other, COUNT + 1).await?;
    judge(&mut report, &history(&other, COUNT as usize + 1).await?, 1..=COUNT, COUNT + 1);
    Ok(report)
}

/// Submits while there is no server. Killed with lines under way: what was printed has to be there, the rest may be.
async fn submit(report: &mut Report, feed: &mut Feed, cli: &Cli, rng: &mut Rng) -> Result<(), ShowError> {
    for number in 1..=2 {
        let given = 200 + rng.usize(..200);
        let printed = rng.usize(..given);
        let before = feed.submitted().len();
        feed.submit_and_kill(cli, given, printed).await?;
        let submitted = feed.submitted();
        let kept = queue::ids(&queue::rows(cli).await?, |_| true);
        let who = format!("client killed in submit ({number})");
        report.note(format!("{who}: lines given to it"), given);
        report.note(format!("{who}: lines that it printed"), submitted.len() - before);
        report.note(format!("{who}: rows on the disk and not printed"), kept.difference(&submitted).count());
        report.equal(format!("{who}: printed and lost"), submitted.difference(&kept).count(), 0);
    }
    feed.submit_rest(cli, &[]).await?;
    let waiting = queue::ids(&queue::rows(cli).await?, |row| row.outcome.is_none());
    report.equal("actions that wait for a server", waiting.len(), COUNT as usize);
    Ok(())
}

/// The delivery of the queue, by a client that watches.
struct Delivery<'a> {
    report: &'a mut Report,
    cli: &'a Cli,
    server: &'a mut ServerProcess,
    moments: VecDeque<(u64, Victim)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Client,
    Server,
}

impl Delivery<'_> {
    async fn run(mut self) -> Result<(), ShowError> {
        let mut client = self.watch()?;
        loop {
            let n = client.until("a record", |line| record(&line)).await?.n;
            if self.moments.front().is_some_and(|(moment, _)| n >= *moment) {
                let Some((_, victim)) = self.moments.pop_front() else { continue };
                match victim {
                    Victim::Server => self.server.kill().await?,
                    Victim::Client => client.process.kill().await?,
                }
                self.tell(victim, n).await?;
                match victim {
                    Victim::Server => self.server.start_again().await?,
                    Victim::Client => client = self.watch()?,
                }
            }
            if n == COUNT {
                client.finish().await?;
                return Ok(());
            }
        }
    }

    fn watch(&self) -> Result<CliProcess, ShowError> {
        Ok(self.cli.start(&["watch", "user", "--after", "0", "--count", &COUNT.to_string()])?)
    }

    async fn tell(&mut self, victim: Victim, n: u64) -> Result<(), ShowError> {
        let waiting = queue::ids(&queue::rows(self.cli).await?, |row| row.outcome.is_none()).len();
        let what = format!("{victim:?} killed at event {n}: actions without an outcome");
        self.report.at_least(what.to_lowercase(), waiting, 1);
        Ok(())
    }
}

/// When during the delivery whom it hits. What is left after the last moment takes more than a second, so that the
/// blow falls within the delivery even where this process is slow to see that its moment has come.
fn moments(rng: &mut Rng) -> VecDeque<(u64, Victim)> {
    let mut victims = [Victim::Server, Victim::Server, Victim::Server, Victim::Client];
    rng.shuffle(&mut victims);
    (0..).zip(victims).map(|(number, victim)| (60 + number * 150 + rng.u64(..120), victim)).collect()
}

/// How many actions.
const COUNT: u64 = 1_000;

/// How long a chunk takes in each direction: a window of 64 actions every 200 ms, some 3 s for all of them.
const WAY: Duration = Duration::from_millis(100);
