//! The order of system calls: an action is synced to the disk before anybody is told that it is submitted.

use std::{ffi::OsString, fs, time::Duration};

use serde_json::json;
use tokio::process::Command;

use super::{Claim, Env, Report, ShowError, trace::Trace};
use crate::process::{CliLine, Process, ProcessError, binary};

/// The claim.
pub(super) const CLAIM: Claim = Claim {
    name: "durable-before-told",
    says: "An action's frames are in the log and the log is synced before its `submitted` line is written",
    time_max: Duration::from_secs(120),
    run: |env| Box::pin(run(env)),
};

async fn run(env: &Env) -> Result<Report, ShowError> {
    let mut report = Report::new();
    check_strace().await?;
    let trace = env.path("trace");
    let mut client = traced(env, &trace.clone().into_os_string())?;
    let mut printed = Vec::new();
    for n in 1..=COUNT {
        // One at a time, so that each has a commit of its own.
        let line = json!({ "payload": { "marker": marker(n) } });
        client.write_line(&line.to_string()).await?;
        printed.push(client.line_where("a submitted line", submitted_id).await?);
    }
    client.close_stdin();
    client.remaining_lines().await?;
    let status = client.exit().await?;
    if !status.success() {
        return Err(ShowError::unexpected(format!(
            "submit ended with {status}: {}",
            client.tail().join("; ")
        )));
    }

    let trace = Trace::read(&fs::read_to_string(&trace)?);
    report.note("system calls looked at", trace.calls());
    report.equal("actions submitted one after the other", printed.len() as u64, COUNT);
    let (mut written, mut synced) = (0, 0);
    for (n, id) in (1..).zip(&printed) {
        let told = trace.write_to_stdout(id);
        let logged = told.and_then(|told| trace.last_log_write_with(&marker(n), told));
        written += u64::from(logged.is_some());
        let sync = told.zip(logged).and_then(|(told, logged)| trace.log_sync_between(logged, told));
        synced += u64::from(sync.is_some());
    }
    report.equal("whose frame was written to the log before the line", written, COUNT);
    report.equal("and synced between that write and the line", synced, COUNT);
    Ok(report)
}

/// `keepline submit` under strace, with a server that is not there: what is shown needs none.
fn traced(env: &Env, trace: &OsString) -> Result<Process, ShowError> {
    let mut command = Command::new("strace");
    command.args(["--follow-forks", "--decode-fds=path", "--string-limit=70000", "--output"]).arg(trace);
    command.arg("--trace=write,writev,pwrite64,pwritev,fsync,fdatasync,sync_file_range").arg("--");
    command.arg(binary("keepline").map_err(ProcessError::from)?).arg("--db").arg(env.path("client.db"));
    command.args(["--url", "http://127.0.0.1:9", "--json", "submit", "test:echo:v1", "-"]);
    command.env_remove("KEEPLINE_TOKEN");
    Ok(Process::spawn("strace", command)?)
}

/// Whether there is a strace that may trace.
async fn check_strace() -> Result<(), ShowError> {
    let mut command = Command::new("strace");
    command.args(["--output", "/dev/null", "true"]);
    let mut strace = match Process::spawn("strace", command) {
        Err(ProcessError::Io(_, error)) => {
            return Err(ShowError::CannotRunHere(format!("strace does not start: {error}")));
        }
        other => other?,
    };
    if strace.exit().await?.success() {
        return Ok(());
    }
    Err(ShowError::CannotRunHere(format!("strace may not trace here: {}", strace.tail().join("; "))))
}

fn submitted_id(line: &str) -> Option<String> {
    match serde_json::from_str(line) {
        Ok(CliLine::Submitted { id }) => Some(id),
        _ => None,
    }
}

/// Something that stands in the payload of this action alone.
fn marker(n: u64) -> String {
    format!("marker-{n}-end")
}

const COUNT: u64 = 20;
