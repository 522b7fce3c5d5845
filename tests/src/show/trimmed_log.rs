//! A log that was trimmed while its reader was away.

use std::time::Duration;

use super::{
    Claim, Env, Report, ShowError,
    job::{self, Told, tick},
};

/// The claim.
pub(super) const CLAIM: Claim = Claim {
    name: "trimmed-log",
    says: "A reader whose place was trimmed gets a reset with a snapshot; snapshot and later events add up",
    time_max: Duration::from_secs(180),
    run: |env| Box::pin(run(env)),
};

async fn run(env: &Env) -> Result<Report, ShowError> {
    let mut report = Report::new();
    let server = env.server(&["--job-log-max", LOG_MAX]).await?;
    let job = job::start(&env.cli("starter.db", &server), EVENTS, INTERVAL_MS, 0).await?;
    let stream = format!("job:{job}");

    // The reader takes some events and goes away; its cursor stays in its database.
    let reader = env.cli("reader.db", &server);
    let before = Told::of(&reader.run(&["watch", &stream, "--count", "20"]).await?.lines);
    report.equal("events before the reader went away", before.offsets.len(), 20);
    report.equal("resets until then", before.resets.len(), 0);

    // Another one sees that the job has gone on far enough for the reader's place to be trimmed.
    let mut other = env.cli("other.db", &server).start(&["watch", &stream])?;
    let on = other.until("a later tick", |line| tick(&line).filter(|index| *index >= TRIMMED_BY)).await?;
    other.process.kill().await?;
    report.note("tick at which the reader came back", on);

    let mut client = reader.start(&["watch", &stream])?;
    let mut lines = Vec::new();
    while let Some(line) = client.next().await? {
        let has_ended =
            Told::of(std::slice::from_ref(&line)).turns.iter().any(|name| name == "job:completed:v1");
        lines.push(line);
        if has_ended {
            break;
        }
    }
    judge(&mut report, &Told::of(&lines));
    Ok(report)
}

fn judge(report: &mut Report, told: &Told) {
    report.equal("resets after it came back", told.resets.len(), 1);
    let Some(reset) = told.resets.first() else { return };
    report.equal("reason of the reset", reset.reason.as_str(), "trimmed");
    report.equal("events before the reset", reset.after_events, 0);
    let status = reset.snapshot.get("status").cloned().unwrap_or_default();
    report.equal("status of the job in the snapshot", status, "running".into());
    let counted = reset.snapshot.get("events").and_then(serde_json::Value::as_u64).unwrap_or_default();
    report.at_least("ticks that the snapshot counts", counted, TRIMMED_BY);
    report.note("ticks that came after it", told.ticks.len());
    report.equal("snapshot and later ticks together", counted + told.ticks.len() as u64, EVENTS);
    let go_on = told.ticks.iter().copied().eq(counted..EVENTS);
    report.check("later ticks begin where the snapshot ends", go_on, "true", go_on);
    let are_contiguous =
        told.offsets.iter().copied().zip(reset.offset + 1..).all(|(got, expected)| got == expected);
    report.check("offsets contiguous after the reset", are_contiguous, "true", are_contiguous);
}

const EVENTS: u64 = 400;

/// A reader that starts has 2.5 s until its place is trimmed, and the whole job takes some 10 s.
const INTERVAL_MS: u64 = 25;

const LOG_MAX: &str = "100";

/// The reader's place is trimmed well before this tick.
const TRIMMED_BY: u64 = 200;
