//! The server is killed and started again, and ends a connection by itself; the queue goes on.

use keepline::{Client, Line, Submission};
use serde_json::{Value, json};

use super::{
    Told,
    stock::{Stock, handled, shown},
};
use crate::{app, wire::Checked};

pub(super) async fn show(told: &mut Told<'_>, mut stock: Stock) -> Checked {
    let client = app::connected(stock.config())?;
    // In flight when the server dies: its acknowledgement would take far longer than that.
    let in_flight = client.submit_json("slow", &json!({"ms": 3_000})).await?;
    stock.until("the slow action", |line| line["name"] == "slow").await?;
    let asked_before = stock.tokens.asked();
    stock.kill().await?;
    app::status(&client, "waiting", |status| matches!(status.line, Line::Waiting { .. })).await?;
    let queued = queue(&client).await?;
    let pending = client.status().pending;
    told.equal("pending while the server is down", pending, QUEUED + 1);
    // The status names the attempt to come, so two have failed by then.
    app::status(
        &client,
        "two failed attempts",
        |status| matches!(status.line, Line::Waiting { attempt, .. } if attempt >= 3),
    )
    .await?;
    told.at_least("tokens asked for by two failed attempts", stock.tokens.asked() - asked_before, 2);
    stock.start_again().await?;

    let mut accepted = 0;
    for submission in queued.iter().chain([&in_flight]) {
        accepted += u64::from(app::accepted(&app::outcome(submission).await?).is_some());
    }
    told.equal("accepted after the restart", accepted, QUEUED + 1);
    told.equal("pending after the restart", client.status().pending, 0);
    ended_by_the_server(told, &client, &mut stock).await?;
    client.shutdown().await;

    let asked = stock.tokens.asked();
    let said = stock.end(told, "restart").await?;
    told.equal(
        "queued actions in the order of their lanes, once",
        lanes_in_order(&handled(&said, "echo")),
        QUEUED,
    );
    told.equal("arrivals of the action in flight", handled(&said, "slow").len(), 2);
    let shown = shown(&said);
    told.note("tokens asked for", asked);
    told.note("tokens shown", shown.iter().map(|(token, _)| token.as_str()).collect::<Vec<_>>());
    let fresh = shown.iter().all(|(_, accepted)| *accepted);
    told.equal("each token shown was fresh", fresh, true);
    told.equal("connections", shown.len(), 3);
    let last = shown.last().map(|(token, _)| token.as_str());
    told.equal("the last token asked for is the last one shown", last, Some(&*format!("good-{asked}")));
    Ok(())
}

/// Two lanes and the default one, in turn.
async fn queue(client: &Client) -> Checked<Vec<Submission>> {
    let mut queued = Vec::new();
    for n in 0..QUEUED {
        let lane = LANES[usize::try_from(n)? % LANES.len()];
        let action = client.submit_json("echo", &json!({"lane": lane, "n": n}));
        queued.push(if lane.is_empty() { action.await? } else { action.lane(lane).await? });
    }
    Ok(queued)
}

/// How many came in the order of their lane and not again.
fn lanes_in_order(came: &[Value]) -> u64 {
    let mut in_order = 0;
    for lane in LANES {
        let numbers: Vec<_> =
            came.iter().filter(|data| data["lane"] == lane).filter_map(|data| data["n"].as_u64()).collect();
        let expected = (0..QUEUED).filter(|n| LANES[*n as usize % LANES.len()] == lane);
        in_order += if expected.eq(numbers.iter().copied()) { numbers.len() as u64 } else { 0 };
    }
    in_order
}

/// A server that closes the engine wants the client back.
async fn ended_by_the_server(told: &mut Told<'_>, client: &Client, stock: &mut Stock) -> Checked {
    let asked = stock.tokens.asked();
    client.emit_raw("close", &[Value::Null], Vec::new()).await;
    stock.until("the end of the connection", |line| line["type"] == "disconnected").await?;
    stock.until("the next connection", |line| line["type"] == "connected").await?;
    app::status(client, "online again", |status| matches!(status.line, Line::Online { .. })).await?;
    told.equal("tokens asked for after the server closed", stock.tokens.asked() - asked, 1);
    Ok(())
}

const QUEUED: u64 = 30;

/// Named lanes and the default one, which is the empty name here.
const LANES: [&str; 3] = ["", "a", "b"];
