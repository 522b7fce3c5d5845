//! A job's events through a line that is cut fifty times in the middle of a frame.

use std::time::Duration;

use super::{Claim, Env, Report, ShowError, job};
use crate::{
    cut_proxy::{CutProxy, Ending, Plan},
    process::{Cli, ServerProcess},
};

/// The claim.
pub(super) const CLAIM: Claim = Claim {
    name: "cuts",
    says: "5,000 events come in order, without a hole and none twice, through 50 cuts in mid-frame",
    time_max: Duration::from_secs(300),
    run: |env| Box::pin(run(env)),
};

async fn run(env: &Env) -> Result<Report, ShowError> {
    let mut report = Report::new();
    let server = env.server(&[]).await?;
    let job = job::start(&env.cli("starter.db", &server), EVENTS, INTERVAL_MS, BYTES).await?;
    // The first watches while the job runs, the second knows nothing but its id and comes when it may have ended.
    for (number, who) in [(1, "first process"), (2, "second process")] {
        let watcher = Watcher { env, server: &server, job: &job, number };
        report.add(watcher.watch(who).await?);
    }
    Ok(report)
}

/// A client with a database and a line of its own.
struct Watcher<'a> {
    env: &'a Env,
    server: &'a ServerProcess,
    job: &'a str,
    number: u64,
}

impl Watcher<'_> {
    async fn watch(&self, who: &str) -> Result<Report, ShowError> {
        let seed = self.env.rng(self.number).u64(..);
        let proxy = CutProxy::start(self.server.addr(), Plan { cuts: CUTS, seed, ..Plan::default() }).await?;
        let database = format!("watcher-{}.db", self.number);
        let cli = Cli { url: format!("http://{}", proxy.addr()), ..self.env.cli(&database, self.server) };
        let cli = cli.flags(["--reconnect-max", RECONNECT_MAX]);
        // The ticks, and an event each for the job's beginning and its end.
        let count = (EVENTS + 2).to_string();
        let run = cli.run(&["watch", &format!("job:{}", self.job), "--count", &count]).await?;

        let mut report = Report::new();
        let made = proxy.made();
        let by_rst = made.iter().filter(|cut| cut.ending == Ending::Rst).count();
        report.equal(format!("{who}: cuts in mid-frame"), made.len(), CUTS as usize);
        report.note(format!("{who}: of these by RST, the others by FIN"), by_rst);
        let told = job::Told::of(&run.lines);
        report.equal(format!("{who}: ticks"), told.ticks.len() as u64, EVENTS);
        report.equal(format!("{who}: ticks that came twice"), told.repeated_ticks(), 0);
        let is_in_order = told.ticks.iter().copied().eq(0..EVENTS);
        report.check(format!("{who}: ticks in order"), is_in_order, "true", is_in_order);
        let are_contiguous = told.offsets.iter().copied().eq(1..=EVENTS + 2);
        report.check(format!("{who}: offsets contiguous from 1"), are_contiguous, "true", are_contiguous);
        report.equal(format!("{who}: resets"), told.resets.len(), 0);
        Ok(report)
    }
}

const EVENTS: u64 = 5_000;

/// Some seconds in all, so that the first watches events as they are made.
const INTERVAL_MS: u64 = 1;

/// Of filling in each event: with what surrounds it some 350 bytes, so that a cut falls after some 20 events.
const BYTES: u64 = 100;

const CUTS: u32 = 50;

/// Fifty waits are waited for; with the default of 10 s they would be minutes.
const RECONNECT_MAX: &str = "0.2";
