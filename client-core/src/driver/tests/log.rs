use serde_json::json;

use super::setup::{config, end_of, raw_outcome};
use crate::{
    Client,
    fake_server::{FakeServer, soon},
};

#[tokio::test]
async fn no_log_shows_a_token_or_a_payload() {
    // With one subscriber alone, another test's thread, which has none, can settle for the whole process that nobody
    // wants a line. With two, every subscriber is asked.
    let _another = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(std::io::sink).finish());
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let folder = tempfile::tempdir().unwrap();
    let server = FakeServer::bind().await;
    let config = config(&folder, &server).token("canary-token").header("X-Key", "canary-header");
    assert!(!format!("{config:?}").contains("canary"));
    let (client, driver) = Client::with_driver(config).unwrap();
    let driver = tokio::spawn(driver.run());
    client.connect();
    let mut peer = server.accept_keepline().await;
    let note = json!({"text": "canary-payload"});
    let sent =
        soon(client.submit_json("note:add:v1", &note).label("canary-label").into_future()).await.unwrap();
    let action = peer.action().await;
    assert_eq!(action.payload.as_str(), note.to_string());
    peer.accept_action(&action, json!("canary-reply")).await;
    assert_eq!(raw_outcome(soon(sent.outcome_raw()).await), "accepted");
    let report = soon(client.diagnostics()).await.to_string();
    // What is not understood is not repeated either.
    peer.send_text(r#"42{"canary-garbage":1}"#).await;
    assert!(end_of(&mut peer).await);
    soon(client.shutdown()).await;
    soon(driver).await.unwrap();

    let text = log.text();
    assert!(text.contains("keepline::driver"), "something was logged: {text}");
    assert!(!text.contains("canary") && !report.contains("canary"), "{text} {report}");
    assert!(!report.contains("alice"), "{report}");
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
