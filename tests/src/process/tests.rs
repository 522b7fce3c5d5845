use std::{fs, path::Path};

use serde_json::json;
use tempfile::TempDir;

use super::*;

fn shell(script: &str) -> Process {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    Process::spawn("sh", command).unwrap()
}

fn program(dir: &Path, script: &str) -> std::path::PathBuf {
    let path = dir.join("program");
    write_script(&path, &format!("#!/bin/sh\n{script}\n")).unwrap();
    path
}

#[tokio::test]
async fn lines_come_in_order_and_end() {
    let mut process = shell("echo one; echo two; echo three");
    assert_eq!(process.next_line().await.unwrap().as_deref(), Some("one"));
    assert_eq!(process.line_where("three", |line| (line == "three").then_some(3)).await.unwrap(), 3);
    assert_eq!(process.next_line().await.unwrap(), None);
    assert!(process.exit().await.unwrap().success());
}

#[tokio::test]
async fn a_wait_ends_with_the_last_of_standard_error() {
    let mut process =
        shell("echo why >&2; echo ready; sleep 600").waiting_at_most(Duration::from_millis(300));
    process.line_where("ready", |line| (line == "ready").then_some(())).await.unwrap();
    let ProcessError::TimedOut { wanted, tail, .. } =
        process.line_where("more", |_| Some(())).await.unwrap_err()
    else {
        panic!("not a timeout")
    };
    assert_eq!((wanted.as_str(), tail), ("more", vec!["why".to_owned()]));
    let ended =
        shell("echo only").line_where("more", |line| (line == "more").then_some(())).await.unwrap_err();
    assert!(matches!(ended, ProcessError::Ended { .. }));
}

#[tokio::test]
async fn speaks_to_standard_input() {
    let mut process = shell("cat; echo end");
    process.write_line("hello").await.unwrap();
    process.close_stdin();
    assert_eq!(process.remaining_lines().await.unwrap(), ["hello", "end"]);
    assert!(process.write_line("more").await.is_err());
}

#[tokio::test]
async fn kills_and_terminates() {
    use std::os::unix::process::ExitStatusExt as _;

    let mut killed = shell("trap '' TERM; echo up; while :; do sleep 0.01; done");
    killed.next_line().await.unwrap();
    assert!(killed.resident_bytes().unwrap() > 0);
    killed.kill().await.unwrap();
    assert_eq!(killed.exit().await.unwrap().signal(), Some(9));
    assert!(killed.terminate().is_err(), "it is gone");

    let mut asked = shell("trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.01; done");
    asked.next_line().await.unwrap();
    asked.terminate().unwrap();
    assert_eq!(asked.remaining_lines().await.unwrap(), ["bye"]);
    assert_eq!(asked.exit().await.unwrap().code(), Some(7));
}

#[tokio::test]
async fn a_frozen_process_says_nothing_until_it_is_thawed() {
    let mut process =
        shell("while :; do echo beat; sleep 0.01; done").waiting_at_most(Duration::from_millis(300));
    process.next_line().await.unwrap();
    process.freeze().unwrap();
    let frozen = async { while process.next_line().await.is_ok() {} };
    frozen.await;
    process.thaw().unwrap();
    assert!(process.next_line().await.unwrap().is_some());
}

#[tokio::test]
async fn a_process_does_not_outlive_its_handle() {
    let mut process = shell("echo up; exec sleep 600");
    process.next_line().await.unwrap();
    let pid = Pid::from_raw(process.pid().unwrap().cast_signed()).unwrap();
    drop(process);
    let gone = async {
        // The runtime reaps the child; until then it can be asked for as a zombie.
        while rustix::process::test_kill_process(pid).is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(WAIT_MAX, gone).await.expect("the child is gone");
}

#[tokio::test]
async fn a_server_is_started_and_started_again_on_its_port() {
    let dir = TempDir::new().unwrap();
    let script = r#"echo "$@" >>"$0.calls"
        [ "$1" = token ] && { echo printed; exit; }
        echo "keepline-server listening on http://127.0.0.1:4711"; echo "token: secret"
        echo "page: http://127.0.0.1:4711/"; exec sleep 600"#;
    let program = program(dir.path(), script);
    let options =
        ServerOptions { program: Some(program.clone()), ..ServerOptions::dev(dir.path()).args(["--x"]) };
    let mut server = ServerProcess::start(options).await.unwrap();
    assert_eq!((server.url(), server.addr().port()), ("http://127.0.0.1:4711", 4711));
    assert_eq!((server.token(), server.page()), (Some("secret"), Some("http://127.0.0.1:4711/")));
    assert!(!format!("{server:?}").contains("secret"));
    assert_eq!(server.token_for("alice", "1h").await.unwrap(), "printed");
    server.kill().await.unwrap();
    server.start_again().await.unwrap();
    let calls = fs::read_to_string(program.with_extension("calls")).unwrap();
    let data = dir.path().display();
    let expected = [
        format!("serve --dev --listen 127.0.0.1:0 --data {data} --x"),
        format!("token --sub alice --ttl 1h --data {data}"),
        format!("serve --dev --listen 127.0.0.1:4711 --data {data} --x"),
    ];
    assert_eq!(calls.lines().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_client_is_read_line_by_line() {
    let dir = TempDir::new().unwrap();
    let script = r#"echo "{\"type\":\"submitted\",\"id\":\"$*\"}"
        echo '{"type":"outcome","id":"i","outcome":"accepted","reply":{"n":1}}'
        echo '{"type":"event","stream":"user","epoch":"e","offset":3,"name":"a:v1","payload":[1]}'
        echo '{"type":"later","x":1}'
        exit "${KEEPLINE_TOKEN:-9}""#;
    let cli = Cli { program: Some(program(dir.path(), script)), ..Cli::new("q.db", "http://h").token("4") };
    assert!(!format!("{cli:?}").contains("token"));
    let run = cli.clone().flags(["--account", "a"]).run(&["submit", "x"]).await.unwrap();
    let expected = [
        CliLine::Submitted { id: "--db q.db --url http://h --account a --json submit x".into() },
        CliLine::Outcome {
            id: "i".into(),
            outcome: "accepted".into(),
            reply: Some(json!({"n": 1})),
            error: None,
        },
        CliLine::Event {
            stream: "user".into(),
            epoch: Some("e".into()),
            offset: Some(3),
            name: "a:v1".into(),
            payload: json!([1]),
        },
        CliLine::Other,
    ];
    assert_eq!((run.lines.as_slice(), run.status.code()), (expected.as_slice(), Some(4)));
    let mut process = cli.start(&["watch"]).unwrap();
    let offset = process.until("an event", |line| match line {
        CliLine::Event { offset, .. } => offset,
        _ => None,
    });
    assert_eq!(offset.await.unwrap(), 3);
    let never = process.until("never", |_| None::<()>).await.unwrap_err();
    assert!(matches!(never, ProcessError::Ended { .. }));
}

#[tokio::test]
async fn an_unreadable_line_is_an_error() {
    let dir = TempDir::new().unwrap();
    let cli = Cli { program: Some(program(dir.path(), "echo hello")), ..Cli::new("q.db", "http://h") };
    assert!(matches!(cli.run(&["status"]).await.unwrap_err(), ProcessError::Unreadable { .. }));
}

#[tokio::test]
async fn a_run_has_the_last_of_standard_error_however_late_it_is_read() {
    let dir = TempDir::new().unwrap();
    // The process has ended, and something of it still comes.
    let script = "(exec >&-; sleep 0.3; echo 'keepline: LATE: said last' >&2) &\nexit 1";
    let cli = Cli { program: Some(program(dir.path(), script)), ..Cli::new("q.db", "http://h") };
    let run = cli.run(&["status"]).await.unwrap();
    assert_eq!(run.status.code(), Some(1));
    assert_eq!(run.tail, ["keepline: LATE: said last"]);
}
