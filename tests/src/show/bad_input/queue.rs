//! Actions that are too large, and a queue that is full.

use keepline::{Client, Config, Filter, Outcome, SubmitError};
use keepline_protocol::limits::ACTION_BYTES_MAX;
use serde_json::{Value, json};

use super::place::{NOWHERE, Place, done, ended, with};
use crate::{
    app,
    process::{Cli, CliLine, CliRun},
    show::Report,
    wire::{Checked, Socket},
};

pub(super) async fn show(place: &Place<'_>, report: &mut Report) -> Checked {
    oversize(place, report).await?;
    oversize_on_the_wire(place, report).await?;
    oversize_by_command(place, report).await?;
    full(place, report).await?;
    full_by_command(place, report).await
}

/// A string whose JSON has this many bytes.
fn text(bytes: usize) -> String {
    "x".repeat(bytes - 2)
}

async fn oversize(place: &Place<'_>, report: &mut Report) -> Checked {
    let client = app::connected(place.config("oversize.db", "large").await?)?;
    let largest = client.submit_json("test:echo:v1", &text(ACTION_BYTES_MAX)).await?;
    let outcome = app::outcome(&largest).await?;
    let echoed = app::accepted(&outcome).map(str::len);
    report.equal("bytes of the largest action, echoed", echoed, Some(ACTION_BYTES_MAX));
    let beyond = client.submit_json("test:echo:v1", &text(ACTION_BYTES_MAX + 1)).await;
    let (bytes, limit) = match beyond {
        Err(SubmitError::TooLarge { bytes, limit }) => (bytes, limit),
        other => return Err(format!("{other:?} for an action beyond the limit").into()),
    };
    report.equal("TOO_LARGE: bytes and limit", (bytes, limit), (65_537, 65_536));
    report.equal("actions kept", client.outbox(Filter::default()).await?.len(), 1);
    client.shutdown().await;
    Ok(())
}

/// A client that does not check is refused outside of the ledger, and the connection lives.
async fn oversize_on_the_wire(place: &Place<'_>, report: &mut Report) -> Checked {
    let token = place.token("large-wire").await?;
    let (mut socket, _) = Socket::open(place.server.addr(), "/socket.io/").await?;
    socket.send(format!("40{}", json!({ "token": token }))).await?;
    socket.text().await?;
    let action = |bytes: usize, id: &str| json!(["test:echo:v1", text(bytes), { "id": id }]);
    let beyond = action(ACTION_BYTES_MAX + 1, "0192b6d0-7a3c-7d1e-8000-000000000001");
    socket.send(format!("421{beyond}")).await?;
    let refused = socket.text().await?;
    let [refused]: [Value; 1] = serde_json::from_str(refused.strip_prefix("431").unwrap_or_default())?;
    report.equal("code on the wire", refused["error"]["code"].clone(), json!("TOO_LARGE"));
    report.equal("position of the refusal", refused["position"].clone(), Value::Null);
    let largest = action(ACTION_BYTES_MAX, "0192b6d0-7a3c-7d1e-8000-000000000002");
    socket.send(format!("422{largest}")).await?;
    let accepted = socket.text().await?;
    let [accepted]: [Value; 1] = serde_json::from_str(accepted.strip_prefix("432").unwrap_or_default())?;
    report.equal("position of the largest action after it", accepted["position"].clone(), json!(1));
    Ok(())
}

async fn oversize_by_command(place: &Place<'_>, report: &mut Report) -> Checked {
    let cli = place.cli("oversize-cli.db", "large-cli").await?;
    let largest = submit_lines(&cli, &["--wait"], &[json!({"payload": text(ACTION_BYTES_MAX)})]).await?;
    report.equal("submit of the largest action: exit", ended(&largest), done());
    let beyond = submit_lines(&cli, &[], &[json!({"payload": text(ACTION_BYTES_MAX + 1)})]).await?;
    report.equal("submit beyond it: exit", ended(&beyond), with(1, "TOO_LARGE"));
    Ok(())
}

/// `submit test:echo:v1 -` with these lines.
async fn submit_lines(cli: &Cli, flags: &[&str], lines: &[Value]) -> Checked<CliRun> {
    let mut process = cli.start(&[&["submit", "test:echo:v1", "-"], flags].concat())?;
    for line in lines {
        process.process.write_line(&line.to_string()).await?;
    }
    Ok(process.finish().await?)
}

async fn full(place: &Place<'_>, report: &mut Report) -> Checked {
    let config = |rows, bytes, name: &str| Config::new(NOWHERE, place.env.path(name)).capacity(rows, bytes);
    let client = Client::open(config(ROWS, 1 << 20, "full.db"))?;
    let mut kept = Vec::new();
    for n in 0..ROWS {
        kept.push(client.submit_json("test:record:v1", &json!({ "n": n })).await?.id());
    }
    let beyond = client.submit_json("test:record:v1", &json!({ "n": ROWS })).await;
    report.equal("one row too many", beyond.err().map(|error| error.code()), Some("QUEUE_FULL"));
    client.shutdown().await;

    // By bytes as well, whatever the rows.
    let client = Client::open(config(1_000, 64 * 1024, "full-bytes.db"))?;
    client.submit_json("test:echo:v1", &text(40_000)).await?;
    let beyond = client.submit_json("test:echo:v1", &text(40_000)).await;
    report.equal("some bytes too many", beyond.err().map(|error| error.code()), Some("QUEUE_FULL"));
    client.shutdown().await;

    // What was kept is delivered once there is a server, and there is room again.
    let client = app::connected(place.config("full.db", "full").await?.capacity(ROWS, 1 << 20))?;
    let mut accepted = 0;
    for id in kept {
        let outcome = app::outcome(&client.submission(id)).await?;
        accepted += u64::from(matches!(outcome, Outcome::Accepted(_)));
    }
    report.equal("actions of the full queue, delivered", accepted, ROWS);
    report.equal("room again", client.submit_json("test:record:v1", &json!({"n": 0})).await.is_ok(), true);
    client.shutdown().await;
    Ok(())
}

async fn full_by_command(place: &Place<'_>, report: &mut Report) -> Checked {
    let offline = Cli::new(place.env.path("full-cli.db"), NOWHERE).flags(["--capacity", "10"]);
    let lines: Vec<Value> = (0..=ROWS).map(|n| json!({ "payload": n })).collect();
    let run = submit_lines(&offline, &[], &lines).await?;
    report.equal("submit of one too many: exit", ended(&run), with(1, "QUEUE_FULL"));
    let submitted = run.lines.iter().filter(|line| matches!(line, CliLine::Submitted { .. })).count();
    report.equal("lines that say submitted", submitted as u64, ROWS);
    // Waiting for what cannot be delivered ends by its time, and the action stays.
    let patient = Cli::new(place.env.path("timeout-cli.db"), NOWHERE).flags(["--timeout", "0.2"]);
    let run = patient.run(&["submit", "test:echo:v1", "1", "--wait"]).await?;
    report.equal("submit --wait without a server: exit", ended(&run), with(3, "TIMED_OUT"));
    let kept = patient.run(&["queue", "list", "--pending"]).await?.lines.len();
    report.equal("actions kept after it", kept, 1);
    Ok(())
}

const ROWS: u64 = 10;
