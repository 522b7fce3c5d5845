//! A server that never heard of Keepline.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use keepline::{Attachment, Client, Config, Outcome, Stream, Token, TokenError, TokenReason};
use keepline_tests::peers::{Language, Peers};
use serde_json::{Value, json};

use crate::{
    streams::event,
    world::{ok, soon},
};

#[tokio::test]
async fn talks_to_a_stock_socketio_server() {
    let peers = Peers::find().unwrap_or_else(|missing| panic!("{missing}"));
    let stock = peers.serve(Language::Node, "stock-server", &[]).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let provider = move |_: TokenReason| {
        let number = asked.fetch_add(1, Ordering::SeqCst) + 1;
        async move { Ok::<_, TokenError>(Token::new(format!("good-{number}"))) }
    };
    let config = Config::new(stock.url(), folder.path().join("queue.db")).token_provider(provider);
    let client = Client::open(config).unwrap();
    let mut events = client.events(Stream::User).unwrap();
    client.connect();

    let echo = client.submit_raw("echo", &json!([{ "text": "hello" }]), Vec::new()).await.unwrap();
    let Outcome::Accepted(reply) = soon(echo.outcome()).await.unwrap() else { panic!("not accepted") };
    assert_eq!(reply.decode::<Value>().unwrap(), json!([{ "text": "hello" }]));

    let bytes = Bytes::from_static(b"\x00\x01\xff");
    let binary = client.submit_raw("binary", &[Attachment(0)], vec![bytes.clone()]).await.unwrap();
    let Outcome::Accepted(reply) = soon(binary.outcome()).await.unwrap() else { panic!("not accepted") };
    assert_eq!(reply.attachments, [bytes]);

    client.submit_raw("events", &json!([{ "count": 3 }]), Vec::new()).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let event = event(soon(events.next_item()).await);
        if event.name() == "tick" {
            let payload: Value = event.read().unwrap();
            seen.push(payload["n"].as_u64().unwrap());
        }
    }
    assert_eq!(seen, [1, 2, 3]);
    client.shutdown().await;
    // It ends with another code where a handler got what it does not expect.
    stock.process.terminate().unwrap();
    assert_eq!(stock.finish().await.unwrap().1, Some(0));
    ok("talks_to_a_stock_socketio_server");
}
