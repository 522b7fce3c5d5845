//! The stock programs themselves: that they see what they should see, or the tests that use them show nothing.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use keepline_tests::{
    bench::{Load, node_pair, python_to_node},
    peers::{Language, Peers},
};
use serde_json::{Value, json};

const LANGUAGES: [Language; 2] = [Language::Node, Language::Python];

fn peers() -> Peers {
    Peers::find().unwrap_or_else(|missing| panic!("{missing}"))
}

/// A JSON object without what differs from run to run.
fn told(said: &Value) -> Value {
    let mut told = said.clone();
    for key in ["id", "query"] {
        told.as_object_mut().unwrap().remove(key);
    }
    told
}

#[tokio::test]
async fn stock_servers_ask_for_tokens() {
    for (language, client) in LANGUAGES.into_iter().zip([Language::Python, Language::Node]) {
        let mut server = peers().serve(language, "stock-server", &["--single-use"]).await.unwrap();
        let tries = [("bad", false), ("good-1", true), ("good-1", false), ("good-2", true)];
        for (token, accepted) in tries {
            let args = ["--url", server.url(), "--token", token, "--mode", "connect"];
            let (said, code) = peers().start(client, "stock-client", &args).unwrap().finish().await.unwrap();
            assert_eq!(code, Some(i32::from(!accepted)), "{said:?}");
            let asked =
                server.until("the token", |said| (said["type"] == "auth").then(|| told(said))).await.unwrap();
            assert_eq!(
                asked,
                json!({"type": "auth", "token": token, "accepted": accepted, "keys": ["token"]})
            );
        }
    }
}

#[tokio::test]
async fn stock_servers_die_of_an_unexpected_argument() {
    for language in LANGUAGES {
        let server = peers().serve(language, "stock-server", &[]).await.unwrap();
        let url = server.url().to_owned();
        let script = "import { io } from 'socket.io-client'; \
                      const [url] = process.argv.slice(-1); \
                      const socket = io(url, { auth: { token: 'good-1' }, reconnection: false }); \
                      socket.on('disconnect', () => process.exit(0)); \
                      socket.emit('echo', { fine: 1 }, () => socket.emit('echo', { n: 1 }, { id: 'x' }, () => {}));";
        let mut client = tokio::process::Command::new("node");
        client.args(["--input-type=module", "-e", script, &url]);
        client.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/peers/node")).kill_on_drop(true);
        assert!(client.status().await.unwrap().success());
        let (said, code) = server.finish().await.unwrap();
        assert_eq!(code, Some(70), "{said:?}");
        let last = said.last().unwrap();
        assert_eq!((&last["error"], &last["extra"]), (&json!("UNEXPECTED ARGUMENT"), &json!([{"id": "x"}])));
        assert!(said.iter().any(|line| line["type"] == "event" && line["data"] == json!({"fine": 1})));
    }
}

#[tokio::test]
async fn stock_pairs_can_be_measured() {
    let load = Load { round_trips: 20, acks: 600, events: 600, ..Load::default() };
    let names = ["echo_round_trip_p50", "echo_round_trip_p99", "acks_per_second", "events_per_second"];
    let pair = node_pair(&peers(), load).await.unwrap();
    assert_eq!(pair.iter().map(|figure| figure.name.as_str()).collect::<Vec<_>>(), names);
    assert!(pair.iter().all(|figure| figure.value > 0.0));
    let python = python_to_node(&peers(), load).await.unwrap();
    assert_eq!((python.len(), python[0].name.as_str()), (1, "echo_round_trip_p50"));
}
