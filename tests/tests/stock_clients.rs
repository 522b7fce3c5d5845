//! Stock Socket.IO clients against a `keepline-server`: they know nothing of Keepline and are served all the same.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use keepline_tests::{
    peers::Language,
    show::stock_clients::{Served as Serving, first_transport},
};
use serde_json::{Value, json};
use tempfile::TempDir;

const LANGUAGES: [Language; 2] = [Language::Node, Language::Python];

struct Served {
    inner: Serving,
    _dir: TempDir,
}

impl Served {
    async fn start() -> Self {
        let dir = TempDir::new().unwrap();
        let inner = Serving::start(dir.path()).await.unwrap_or_else(|error| panic!("{error}"));
        Self { inner, _dir: dir }
    }

    async fn client(&self, language: Language, args: &[&str]) -> Vec<Value> {
        self.inner.client(language, args).await.unwrap_or_else(|error| panic!("{error}"))
    }
}

fn done(said: &[Value]) -> (&str, u64) {
    let done = said.iter().find(|line| line["type"] == "done").expect("a client that ends well says so");
    (done["transport"].as_str().unwrap(), done["results"].as_u64().unwrap())
}

#[tokio::test]
async fn a_default_client_polls_then_upgrades_and_gets_its_results() {
    let served = Served::start().await;
    for language in LANGUAGES {
        let said = served.client(language, &["--query", "lighthouse"]).await;
        assert_eq!(done(&said), ("websocket", 2), "{language:?}");
    }
    let said = served.client(Language::Node, &["--query", "lighthouse"]).await;
    assert_eq!(first_transport(&said), Some("polling"));
}

#[tokio::test]
async fn a_websocket_client_gets_its_results() {
    let served = Served::start().await;
    for language in LANGUAGES {
        let said = served.client(language, &["--websocket", "--query", "ships", "--limit", "1"]).await;
        assert_eq!(first_transport(&said), Some("websocket"));
        assert_eq!(done(&said), ("websocket", 1), "{language:?}");
    }
}

#[tokio::test]
async fn a_client_that_wants_no_acknowledgement_gets_its_results() {
    let served = Served::start().await;
    for language in LANGUAGES {
        let said = served.client(language, &["--mode", "no-ack", "--query", "mountain"]).await;
        assert_eq!(done(&said).1, 1, "{language:?}");
    }
}

#[tokio::test]
async fn metas_come_to_those_who_asked_for_them() {
    let served = Served::start().await;
    for language in LANGUAGES {
        // The client itself checks that every event has one more argument, and Node's that offsets are contiguous.
        let said = served.client(language, &["--meta", "--query", "lighthouse"]).await;
        let result = said.iter().find(|line| line["name"] == "search:result:v1").unwrap();
        let meta = &result["args"][1];
        assert_eq!(meta["stream"], json!(format!("job:{}", result["args"][0]["job"].as_str().unwrap())));
        assert!(meta["offset"].as_u64().unwrap() > 0 && meta["tag"].as_str().unwrap().len() == 16, "{meta}");
    }
}

#[tokio::test]
async fn the_same_id_is_applied_once() {
    let served = Served::start().await;
    let ids = ["0192b6d0-7a3c-7d1e-8000-000000000001", "0192b6d0-7a3c-7d1e-8000-000000000002"];
    for (language, id) in LANGUAGES.into_iter().zip(ids) {
        for transport in [None, Some("--websocket")] {
            // Another subject for each run, with a ledger of its own.
            let subject = format!("{language:?}{}", transport.unwrap_or_default());
            let token =
                served.inner.server.token_for(&subject, "1h").await.unwrap_or_else(|error| panic!("{error}"));
            let mut args = vec!["--mode", "record", "--id", id, "--token", &token];
            args.extend(transport);
            served.client(language, &args).await;
        }
    }
}

#[tokio::test]
async fn a_refused_client_is_told_why() {
    let served = Served::start().await;
    for language in LANGUAGES {
        let args = ["--url", served.inner.server.url(), "--token", "nonsense"];
        let client = served.inner.peers.start(language, "stock-client", &args).unwrap();
        let (said, code) = client.finish().await.unwrap();
        assert_eq!(code, Some(1));
        let refused = said.iter().find(|line| line["type"] == "failed").unwrap();
        assert_eq!(refused["why"], "refused");
        if language == Language::Node {
            assert_eq!(
                (&refused["message"], &refused["data"]["retryable"]),
                (&json!("AUTH_TOKEN_INVALID"), &json!(false))
            );
        }
    }
}
