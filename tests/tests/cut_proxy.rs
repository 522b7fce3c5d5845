//! The cutting proxy as a command.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::time::Duration;

use keepline_tests::process::Process;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    process::Command,
    task::JoinSet,
};

fn proxy(args: &[&str]) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cut-proxy"));
    command.args(args);
    Process::spawn("cut-proxy", command).unwrap()
}

#[tokio::test]
async fn the_command_says_each_cut_and_when_they_are_done() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap().to_string();
    let mut server = JoinSet::new();
    server.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.write_all(&[b'x'; 50_000]).await;
        }
    });
    let args = ["--to", &to, "--cuts", "3", "--seed", "1", "--min-bytes", "100", "--max-bytes", "200"];
    let mut proxy = proxy(&[args.as_slice(), &["--from-first-byte"]].concat());
    let listening = |line: &str| line.strip_prefix("cut-proxy listening on ").map(str::to_owned);
    let addr = proxy.line_where("where it listens", listening).await.unwrap();
    for _ in 0..4 {
        let mut heard = Vec::new();
        let mut stream = TcpStream::connect(&addr).await.unwrap();
        let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut heard)).await;
        read.expect("the stream ends").ok();
        assert!(heard.iter().all(|byte| *byte == b'x'));
    }
    for number in 1..=3 {
        let line = proxy.next_line().await.unwrap().unwrap();
        assert!(line.starts_with(&format!("cut {number} of 3: ")), "{line}");
    }
    assert_eq!(proxy.next_line().await.unwrap().unwrap(), "cut-proxy: 3 cuts done");
}

#[tokio::test]
async fn the_command_stays_on_loopback() {
    let mut proxy = proxy(&["--to", "192.0.2.1:80"]);
    assert_eq!(proxy.exit().await.unwrap().code(), Some(2));
}
