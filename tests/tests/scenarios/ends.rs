//! The end of a client under whatever is going on.

use std::time::{Duration, Instant};

use keepline::{
    CallError, OutcomeError, Payload, Stream,
    catalogue::{TestEcho, TestRecord},
};

use crate::{
    line::SHUTDOWN_MAX,
    world::{World, ok, soon},
};

#[tokio::test]
async fn shuts_down_with_calls_in_flight() {
    let world = World::new(&[]).await;
    let client = world.connected("queue.db").await;
    // It listens and answers nothing.
    world.server.freeze().unwrap();
    let sent = client.submit(TestRecord { n: 1 }).await.unwrap();
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.call(TestEcho(Payload::null()), Duration::from_secs(60)).await }
    });
    let outcome = tokio::spawn(async move { sent.outcome_raw().await });
    let mut events = client.events(Stream::User).unwrap();
    let event = tokio::spawn(async move { events.next().await });
    let flush = tokio::spawn({
        let client = client.clone();
        async move { client.flush(Duration::from_secs(60)).await }
    });
    tokio::task::yield_now().await;
    let began = Instant::now();
    soon(client.shutdown()).await;
    assert!(began.elapsed() < SHUTDOWN_MAX, "{:?}", began.elapsed());
    assert!(matches!(soon(call).await.unwrap(), Err(CallError::Closed | CallError::TimedOut)));
    assert_eq!(soon(outcome).await.unwrap(), Err(OutcomeError::Closed));
    assert!(soon(event).await.unwrap().is_none());
    assert!(!soon(flush).await.unwrap());
    world.server.thaw().unwrap();
    ok("shuts_down_with_calls_in_flight");
}
