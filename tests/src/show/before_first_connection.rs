//! An action that is submitted before the client ever had a connection.

use std::time::Duration;

use serde_json::json;

use super::{Claim, Env, Report, ShowError};
use crate::process::CliLine;

/// The claim.
pub(super) const CLAIM: Claim = Claim {
    name: "before-first-connection",
    says: "An action submitted before the first connection ever is durable and is delivered later",
    time_max: Duration::from_secs(120),
    run: |env| Box::pin(run(env)),
};

async fn run(env: &Env) -> Result<Report, ShowError> {
    let mut report = Report::new();
    // The server chooses its port and its secret, and is then not there when the client is used for the first time.
    let mut server = env.server(&[]).await?;
    server.kill().await?;
    let cli = env.cli("client.db", &server);

    let submitted = cli.run(&["submit", "test:record:v1", r#"{"n":1}"#]).await?;
    report.equal("exit code of submit without a server", submitted.status.code(), Some(0));
    let ids: Vec<String> = submitted.lines.iter().filter_map(submitted_id).collect();
    report.equal("submitted lines", ids.len(), 1);
    let queued = cli.run(&["queue", "list", "--pending"]).await?;
    report.equal("actions in the queue", queued.lines.len(), 1);

    server.start_again().await?;
    let watched = cli.run(&["watch", "user", "--after", "0", "--count", "1"]).await?;
    let recorded = watched.lines.iter().find_map(|line| match line {
        CliLine::Event { name, payload, .. } if name == "test:recorded:v1" => Some(payload.clone()),
        _ => None,
    });
    report.equal("event after the first connection", recorded, Some(json!({"n": 1, "action": ids.first()})));
    Ok(report)
}

fn submitted_id(line: &CliLine) -> Option<String> {
    match line {
        CliLine::Submitted { id } => Some(id.clone()),
        _ => None,
    }
}
