use std::time::Duration;

use keepline_protocol::{
    ErrorCode, Stream,
    catalogue::{StartSearch, TestRecord},
    socket_io::Kind,
};
use serde_json::json;

use super::setup::Setup;
use crate::{CallError, Event, Filter, Line, Outcome, fake_server::soon};

#[tokio::test]
async fn a_call_costs_no_transaction() {
    let (setup, mut peer) = Setup::online().await;
    let before = setup.transactions().await;
    let answering = async {
        for _ in 0..20 {
            let (id, _) = peer.asked().await;
            peer.ack(id, &json!({"ok": true, "reply": {"job": "9"}})).await;
        }
    };
    let calling = async {
        for _ in 0..20 {
            let search = StartSearch { query: "rust".to_owned(), limit: None };
            setup.client.call(search, Duration::from_secs(20)).await.unwrap();
        }
    };
    soon(async { tokio::join!(answering, calling) }).await;
    // What is asked for here may be one itself.
    let taken = setup.transactions().await - before;
    assert!(taken <= 2, "{taken} transactions for 20 calls");
}

#[tokio::test]
async fn calls_are_online_only() {
    let setup = Setup::new().await;
    let timeout = Duration::from_secs(20);
    let search = || StartSearch { query: "rust".to_owned(), limit: None };
    assert_eq!(soon(setup.client.call(search(), timeout)).await, Err(CallError::NotOnline));
    assert!(!soon(setup.client.emit(TestRecord { n: 1 })).await);
    setup.client.connect();
    let mut peer = setup.server.accept_keepline().await;
    setup.until(|line| matches!(line, Line::Online { .. })).await;
    let answering = async {
        let (id, event) = peer.asked().await;
        assert_eq!(event.name, "search:start:v1");
        peer.ack(id, &json!({"ok": true, "reply": {"job": "9"}})).await;
        let (id, _) = peer.asked().await;
        peer.ack(id, &json!({"ok": false, "error": {"code": "FORBIDDEN"}})).await;
        let (id, _) = peer.asked().await;
        peer.ack(id, &json!({"ok": true, "reply": 7})).await;
        peer
    };
    let calling = async {
        let replied = setup.client.call(search(), timeout).await.unwrap();
        let refused = setup.client.call(search(), timeout).await.unwrap_err();
        let odd = setup.client.call(search(), timeout).await.unwrap_err();
        (replied, refused, odd)
    };
    let (mut peer, (replied, refused, odd)) = soon(async { tokio::join!(answering, calling) }).await;
    assert_eq!(replied.job, "9");
    assert!(matches!(refused, CallError::Rejected { rejection: ErrorCode::Forbidden, .. }));
    assert_eq!(odd, CallError::BadReply);
    assert!(soon(setup.client.emit(TestRecord { n: 1 })).await);
    assert!(matches!(peer.packet().await, Some(Kind::Event { id: None, .. })));
    assert!(setup.client.outbox(Filter::default()).await.unwrap().is_empty());
    let (silent, _) = tokio::join!(
        setup.client.call(search(), Duration::from_millis(1)),
        peer.asked(), // and never answers
    );
    assert_eq!(silent, Err(CallError::TimedOut));
}

#[tokio::test]
async fn a_plain_server_gets_the_apps_own_arguments() {
    let setup = Setup::new().await;
    setup.client.connect();
    let mut peer = setup.server.accept().await;
    peer.join_plain().await;
    let mut events = setup.client.events(Stream::User).unwrap();
    let sent = setup
        .client
        .submit_raw("message", &("room", crate::Attachment(0)), vec![vec![7].into()])
        .await
        .unwrap();
    let (id, event) = peer.asked().await;
    assert_eq!((event.name.as_str(), event.args.len()), ("message", 2));
    peer.ack(id, &"fine").await;
    let Outcome::Accepted(reply) = soon(sent.outcome()).await.unwrap() else { panic!() };
    assert_eq!(reply.decode::<String>().unwrap(), "fine");
    // An event that asks for an acknowledgement, with two arguments.
    peer.send_text(r#"429["news",1,"two"]"#).await;
    let Some(Event::Raw(envelope)) = soon(events.next()).await else { panic!() };
    assert_eq!((envelope.name(), envelope.args().count(), &envelope.place), ("news", 2, &None));
    let args = keepline_protocol::socket_io::Args::ack().value("seen").unwrap().build();
    soon(envelope.ack.unwrap().send(args)).await;
    let Some(Kind::Ack { id: 9, args }) = peer.packet().await else { panic!() };
    assert_eq!(args.to_json(), r#"["seen"]"#);
}
