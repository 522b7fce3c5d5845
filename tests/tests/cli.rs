//! The command-line client as scripts use it: bad input, readers that go away, and whose rows are shown.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{fs::File, path::PathBuf, process::Stdio, time::Duration};

use keepline::{Client, Config};
use keepline_tests::process::{Cli, CliRun, ServerOptions, ServerProcess, binary};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9";

/// Machines can be slow.
const LONG: Duration = Duration::from_secs(60);

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn db(&self) -> PathBuf {
        self.0.path().join("queue.db")
    }

    fn cli(&self) -> Cli {
        Cli::new(self.db(), NOWHERE)
    }

    /// A command with pipes of the test's own, and JSON Lines.
    fn command(&self, url: &str, args: &[&str]) -> Command {
        let mut command = Command::new(binary("keepline").unwrap());
        command.arg("--db").arg(self.db()).args(["--url", url, "--json"]).args(args);
        command.env_remove("KEEPLINE_TOKEN").kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }

    async fn queue(&self, flags: &[&str]) -> Vec<Value> {
        let args = [&["queue", "list"], flags].concat();
        let (code, lines) = finish(self.command(NOWHERE, &args).spawn().unwrap()).await;
        assert_eq!(code, Some(0), "{lines:?}");
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The exit code and the lines of a command that ends.
async fn finish(child: Child) -> (Option<i32>, Vec<String>) {
    let output = timeout(LONG, child.wait_with_output()).await.unwrap().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), text.lines().map(str::to_owned).collect())
}

fn codes(lines: &[String]) -> Vec<(String, Option<String>)> {
    lines
        .iter()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            (line["type"].as_str().unwrap().to_owned(), line["code"].as_str().map(str::to_owned))
        })
        .collect()
}

fn exit(run: &CliRun) -> Option<i32> {
    run.status.code()
}

#[tokio::test]
async fn a_line_that_is_no_text_is_reported_and_the_rest_is_submitted() {
    let place = Place::new();
    let mut command = place.command(NOWHERE, &["submit", "do:it:v1", "-"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(
            b"{\"payload\":1}\n\xff\xfe\n\n{\"payload\":\"\xff\"}\r\n{\"payload\":2}\r\n{\"payload\":3}",
        )
        .await
        .unwrap();
    drop(stdin);
    let (code, lines) = finish(child).await;
    assert_eq!(code, Some(2));
    let said = codes(&lines);
    assert_eq!(said.iter().filter(|(kind, _)| kind == "submitted").count(), 3);
    assert_eq!(said.iter().filter(|(_, code)| code.as_deref() == Some("USAGE")).count(), 2);
    let payloads: Vec<Value> =
        place.queue(&["--payload"]).await.iter().map(|row| row["payload"].clone()).collect();
    assert_eq!(payloads, [1, 2, 3]);
}

#[tokio::test]
async fn an_input_that_cannot_be_read_is_a_failure() {
    let place = Place::new();
    let mut command = place.command(NOWHERE, &["submit", "do:it:v1", "-"]);
    // Reading a folder fails.
    let child = command.stdin(File::open(place.0.path()).unwrap()).spawn().unwrap();
    let (code, lines) = finish(child).await;
    assert_eq!(code, Some(4));
    assert_eq!(codes(&lines), [("error".to_owned(), Some("INPUT".to_owned()))]);
}

#[tokio::test]
async fn an_id_is_for_one_action() {
    let place = Place::new();
    let id = "018f0000-0000-7000-8000-000000000001";
    let run = place.cli().run(&["submit", "do:it:v1", "-", "--id", id]).await.unwrap();
    assert_eq!(exit(&run), Some(2));
    assert!(!place.db().exists(), "nothing was opened");
}

#[tokio::test]
async fn a_reader_that_has_had_enough_ends_the_watch_and_takes_nothing_with_it() {
    let place = Place::new();
    let server = ServerProcess::start(ServerOptions::dev(place.0.path().join("data"))).await.unwrap();
    let token = server.token().unwrap();
    let talk = Cli::new(place.0.path().join("other.db"), server.url()).token(token);
    let started = talk
        .run(&["submit", "test:job:v1", r#"{"events":3,"interval_ms":0,"bytes":0}"#, "--wait"])
        .await
        .unwrap();
    let job = started
        .lines
        .iter()
        .find_map(|line| match line {
            keepline_tests::process::CliLine::Outcome { reply: Some(reply), .. } => reply["job"].as_str(),
            _ => None,
        })
        .unwrap();
    let stream = format!("job:{job}");
    let watch = |args: &[&str]| {
        let mut command = place.command(server.url(), &[&["watch", &stream], args].concat());
        command.env("KEEPLINE_TOKEN", token);
        command
    };
    // Without a reader from the start, so that no line lies in the pipe that nobody will read.
    let mut first = watch(&[]).spawn().unwrap();
    drop(first.stdout.take());
    assert_eq!(timeout(LONG, first.wait()).await.unwrap().unwrap().code(), Some(0));
    let mut second = watch(&["--count", "2"]).spawn().unwrap();
    let mut lines = BufReader::new(second.stdout.take().unwrap()).lines();
    for offset in 1..=2 {
        let line = timeout(LONG, lines.next_line()).await.unwrap().unwrap().unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["type"], &line["offset"]), (&json!("event"), &json!(offset)));
    }
}

#[tokio::test]
async fn a_payload_that_no_value_can_hold_is_shown_as_it_is() {
    let place = Place::new();
    for odd in ["{\"a\":1e400}", "\"\\ud800\"", "[1,\n2]"] {
        let run = place.cli().run(&["submit", "do:it:v1", odd]).await.unwrap();
        assert_eq!(exit(&run), Some(0));
    }
    let (_, lines) = finish(place.command(NOWHERE, &["queue", "export", "--payload"]).spawn().unwrap()).await;
    let ends = ["\"payload\":{\"a\":1e400}}", "\"payload\":\"\\ud800\"}", "\"payload\":[1, 2]}"];
    assert_eq!(lines.len(), 3);
    for (line, end) in lines.iter().zip(ends) {
        assert!(line.ends_with(end), "{line}");
    }
}

#[tokio::test]
async fn rows_show_whose_they_are_and_an_account_sees_and_touches_its_own() {
    let place = Place::new();
    for account in ["alice", "alice", "bob"] {
        let run = place.cli().flags(["--account", account]).run(&["submit", "do:it:v1", "1"]).await.unwrap();
        assert_eq!(exit(&run), Some(0));
    }
    let accounts = |rows: Vec<Value>| -> Vec<String> {
        rows.iter().map(|row| row["account"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(accounts(place.queue(&[]).await), ["alice", "alice", "bob"]);
    let bobs = place.queue(&["--account", "bob"]).await;
    let id = bobs[0]["id"].as_str().unwrap();
    assert_eq!(accounts(bobs.clone()), ["bob"]);
    for command in ["show", "cancel", "retry", "discard"] {
        let args = ["queue", command, id, "--account", "alice"];
        let (code, lines) = finish(place.command(NOWHERE, &args).spawn().unwrap()).await;
        assert_eq!(
            (code, codes(&lines)),
            (Some(1), vec![("error".to_owned(), Some("NOT_FOUND".to_owned()))]),
            "{command}"
        );
    }
    assert_eq!(place.queue(&["--account", "bob", "--pending"]).await.len(), 1, "untouched");
    // Beside a running client the counts are the account's too.
    let client = Client::open(Config::new(NOWHERE, place.db()).account("alice")).unwrap();
    for (flags, pending) in [(&["--account", "alice"][..], 2), (&["--account", "bob"], 1), (&[], 3)] {
        let args = [&["status"], flags].concat();
        let (_, lines) = finish(place.command(NOWHERE, &args).spawn().unwrap()).await;
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!((&line["state"], &line["pending"]), (&json!("in_use"), &json!(pending)), "{flags:?}");
    }
    client.shutdown().await;
    let (code, _) =
        finish(place.command(NOWHERE, &["queue", "cancel", id, "--account", "bob"]).spawn().unwrap()).await;
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn an_empty_file_is_a_queue_that_holds_nothing() {
    let place = Place::new();
    File::create(place.db()).unwrap();
    assert!(place.queue(&[]).await.is_empty());
    let run = place.cli().flags(["--timeout", "0"]).run(&["status"]).await.unwrap();
    assert_eq!(exit(&run), Some(0));
    assert!(place.queue(&[]).await.is_empty());
}
