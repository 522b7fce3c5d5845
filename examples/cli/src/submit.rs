//! One action, or one for each line of standard input.

use std::{io, pin::pin, time::Duration};

use futures_util::{StreamExt, stream::FuturesOrdered};
use keepline::{ActionId, Client, Line, Outcome, Payload, Submission, SubmitError};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader, Split, Stdin};

use crate::{
    args::{Cli, Submit},
    failure::{Exit, Failure},
    output::Output,
    session,
};

/// Standard input by the line.
type Input = Split<BufReader<Stdin>>;

/// A line of standard input.
#[derive(Deserialize)]
struct InputLine {
    id: Option<ActionId>,
    payload: Payload,
}

pub(crate) async fn run(cli: &Cli, submit: &Submit, output: Output) -> Result<Exit, Failure> {
    if submit.payload == "-" && submit.id.is_some() {
        return Err(Failure::usage("--id is for one action; with `-` each line has its own"));
    }
    let client = session::open(cli)?;
    let changes = session::connect(&client);
    let result = {
        let mut work = pin!(work(cli, submit, &client, output));
        tokio::select! {
            biased;
            result = &mut work => result,
            failure = session::time_is_over(cli) => Err(failure),
            failure = session::tell_rollbacks(changes, output) => Err(failure),
        }
    };
    client.shutdown().await;
    result
}

async fn work(cli: &Cli, submit: &Submit, client: &Client, output: Output) -> Result<Exit, Failure> {
    let (submissions, exit) = if submit.payload == "-" {
        submit_lines(cli, submit, client, output).await?
    } else {
        let payload = Payload::parse(submit.payload.as_str())
            .map_err(|error| Failure::usage(format!("the payload is {error}")))?;
        let submission = submit_one(cli, submit, client, submit.id, payload).await?;
        output.submitted(submission.id());
        (vec![submission], Exit::Done)
    };
    if !submit.wait {
        linger(client, submit.linger).await;
        return Ok(exit);
    }
    let settled = print_outcomes(client, submissions, output).await?;
    Ok(if exit == Exit::Done { settled } else { exit })
}

/// Submits lines as they come; many wait for their commit together and are printed in order.
async fn submit_lines(
    cli: &Cli,
    submit: &Submit,
    client: &Client,
    output: Output,
) -> Result<(Vec<Submission>, Exit), Failure> {
    let mut lines: Option<Input> = Some(BufReader::new(tokio::io::stdin()).split(b'\n'));
    let mut under_way = FuturesOrdered::new();
    let (mut submissions, mut exit, mut number) = (Vec::new(), Exit::Done, 0u64);
    while lines.is_some() || !under_way.is_empty() {
        tokio::select! {
            biased;
            Some(done) = under_way.next(), if !under_way.is_empty() => match done {
                Ok(submission) => {
                    // Commits come back in any order; here they are in that of the lines.
                    output.submitted(Submission::id(&submission));
                    if submit.wait {
                        submissions.push(submission);
                    }
                }
                Err(failure) => {
                    output.failure(&failure);
                    if failure.exit == Exit::Store {
                        return Err(failure);
                    }
                    exit = if exit == Exit::Done { failure.exit } else { exit };
                }
            },
            line = next_line(&mut lines), if lines.is_some() && under_way.len() < UNDER_WAY_MAX => {
                let line = match line {
                    Ok(Some(line)) => line,
                    Ok(None) => { lines = None; continue }
                    // What was read before is submitted all the same.
                    Err(error) => {
                        let failure = Failure::new(Exit::Store, "INPUT", format!("standard input: {error}"));
                        output.failure(&failure);
                        (lines, exit) = (None, failure.exit);
                        continue;
                    }
                };
                number += 1;
                if line.trim_ascii().is_empty() {
                    continue;
                }
                // Bytes, so that a line that is no text is one bad line and not the end of all.
                match serde_json::from_slice::<InputLine>(&line) {
                    Ok(InputLine { id, payload }) => {
                        under_way.push_back(submit_one(cli, submit, client, id, payload));
                    }
                    Err(_) => {
                        output.failure(&Failure::usage(format!("line {number} is not {{id?, payload}}")));
                        exit = Exit::Usage;
                    }
                }
            }
        }
    }
    Ok((submissions, exit))
}

async fn next_line(lines: &mut Option<Input>) -> io::Result<Option<Vec<u8>>> {
    match lines {
        Some(lines) => lines.next_segment().await,
        None => std::future::pending().await,
    }
}

async fn submit_one(
    cli: &Cli,
    submit: &Submit,
    client: &Client,
    id: Option<ActionId>,
    payload: Payload,
) -> Result<Submission, Failure> {
    let mut action = client.submit_json(submit.name.clone(), &payload);
    if let Some(id) = id {
        action = action.id(id);
    }
    if let Some(lane) = &cli.lane {
        action = action.lane(lane);
    }
    action.await.map_err(|error| match error {
        SubmitError::NotJson => Failure::usage("the payload is not JSON"),
        error => error.into(),
    })
}

/// Prints outcomes as they come.
async fn print_outcomes(
    client: &Client,
    submissions: Vec<Submission>,
    output: Output,
) -> Result<Exit, Failure> {
    let mut exit = Exit::Done;
    let mut waiting: futures_util::stream::FuturesUnordered<_> = submissions
        .iter()
        .map(|submission| async { (submission.id(), submission.outcome_raw().await) })
        .collect();
    let mut refused = pin!(session::auth_refused(client));
    loop {
        tokio::select! {
            biased;
            next = waiting.next() => {
                let Some((id, outcome)) = next else { return Ok(exit) };
                let outcome = outcome?;
                output.outcome(id, &outcome);
                if !matches!(outcome, Outcome::Accepted(_) | Outcome::Sent) {
                    exit = Exit::Refused;
                }
            }
            failure = &mut refused => return Err(failure),
        }
    }
}

/// Without `--wait`, delivers what it can while there is a line, and leaves the rest for the next command.
async fn linger(client: &Client, time: Duration) {
    let mut changes = client.status_changes();
    let delivered = async {
        loop {
            let status = client.status();
            let has_line = matches!(status.line, Line::Connecting | Line::Online { .. });
            if status.pending == 0 || !has_line || changes.next().await.is_none() {
                return;
            }
        }
    };
    // Running out of time is no failure: what is queued is durable.
    let _ = tokio::time::timeout(time, delivered).await;
}

/// How many lines may wait for their commit at once; as many as the client takes into one.
const UNDER_WAY_MAX: usize = 256;
