use std::{sync::mpsc as sync_mpsc, time::Duration};

use futures_util::FutureExt;
use keepline_protocol::{
    Stream,
    catalogue::{StartSearch, TestRecord},
};
use serde_json::json;

use super::setup::{Setup, end_of, raw_outcome};
use crate::{
    CallError, Client, Config, EventsError, Filter, Line, LineTrouble, OutcomeError, Status, StoreError,
    SubmitError, Tapped, fake_server::soon,
};

#[tokio::test]
async fn shutting_down_ends_everything_that_waits() {
    let (setup, mut peer) = Setup::online().await;
    let mut events = setup.client.events(Stream::User).unwrap();
    let mut tap = setup.client.observe(Stream::User).unwrap();
    let mut statuses = setup.client.status_changes();
    let sent = setup.record(1).await;
    let search = StartSearch { query: "rust".to_owned(), limit: None };
    let calling = setup.client.call(search, Duration::from_secs(600));
    let shutting = async {
        // The action, the call and the subscription are under way now.
        for _ in 0..3 {
            peer.asked().await;
        }
        setup.client.shutdown().await;
    };
    let (called, outcome, ()) = soon(async { tokio::join!(calling, sent.outcome_raw(), shutting) }).await;
    assert!(matches!(called, Err(CallError::TimedOut | CallError::Closed)), "{called:?}");
    assert_eq!(outcome, Err(OutcomeError::Closed));
    assert!(soon(events.next()).await.is_none());
    assert!(soon(tap.next()).await.is_none());
    let mut last = None;
    while let Some(status) = soon(statuses.next()).await {
        last = Some(status);
    }
    assert!(matches!(last, Some(Tapped::Item(status)) if status.line == Line::Closed));
    assert_eq!(setup.client.status().line, Line::Closed);
    let late = soon(setup.client.submit(TestRecord { n: 2 }).into_future()).await;
    assert_eq!(late.err(), Some(SubmitError::Closed));
    assert!(matches!(setup.client.events(Stream::User), Err(EventsError::Closed)));
    assert!(matches!(setup.client.observe(Stream::User), Err(EventsError::Closed)));
    soon(setup.client.shutdown()).await;
    soon(setup.driver).await.unwrap();
}

#[tokio::test]
async fn the_last_handle_ends_the_client_and_streams_do_not_hold_it() {
    let setup = Setup::new().await;
    let Setup { client, driver, .. } = setup;
    let mut events = client.events(Stream::User).unwrap();
    let sent = client.submit(TestRecord { n: 1 }).await.unwrap();
    let second = client.clone();
    drop(client);
    assert!(events.next().now_or_never().is_none());
    drop(second);
    soon(driver).await.unwrap();
    assert!(soon(events.next()).await.is_none());
    assert_eq!(soon(sent.outcome_raw()).await, Err(OutcomeError::Closed));
}

#[tokio::test]
async fn a_driver_that_is_cut_off_ends_everything_too() {
    let setup = Setup::new().await;
    let mut events = setup.client.events(Stream::User).unwrap();
    let sent = setup.record(1).await;
    setup.driver.abort();
    assert!(soon(setup.driver).await.is_err());
    assert!(soon(events.next()).await.is_none());
    assert_eq!(soon(sent.outcome_raw()).await, Err(OutcomeError::Closed));
    assert_eq!(setup.client.status().line, Line::Closed);
}

#[tokio::test]
async fn a_failed_database_is_opened_again_and_nothing_is_forgotten() {
    let (setup, mut peer) = Setup::online().await;
    let sent = setup.record(1).await;
    let mut events = setup.client.events(Stream::job("7")).unwrap();
    let waiting = tokio::spawn(async move { sent.outcome_raw().await });
    peer.action().await;
    peer.subscribe(1).await;
    assert!(soon(events.next()).await.is_some());

    let mut statuses = setup.client.status_changes();
    let saboteur = rusqlite::Connection::open(setup.database()).unwrap();
    saboteur.execute_batch("ALTER TABLE actions RENAME TO hidden").unwrap();
    // A submit fails by itself; reading the queue takes the whole transaction with it.
    let refused = soon(setup.client.submit(TestRecord { n: 2 }).into_future()).await;
    assert_eq!(refused.err(), Some(SubmitError::Store));
    assert_eq!(soon(setup.client.outbox(Filter::default())).await, Err(StoreError::Io));
    saboteur.execute_batch("ALTER TABLE hidden RENAME TO actions").unwrap();
    drop(saboteur);
    while !matches!(
        soon(statuses.next()).await,
        Some(Tapped::Item(Status { line: Line::Waiting { reason: LineTrouble::Store, .. }, .. }))
    ) {}
    assert!(end_of(&mut peer).await, "the line is not kept without a database");

    // The wish for a line, the stream and the waiter are all still there.
    let mut peer = setup.server.accept_keepline().await;
    assert_eq!(peer.subscribe(1).await.stream, Stream::job("7"));
    let action = peer.action().await;
    peer.accept_action(&action, json!(1)).await;
    assert_eq!(raw_outcome(soon(waiting).await.unwrap()), "accepted");
    setup.record(3).await;
    let action = peer.action().await;
    peer.accept_action(&action, json!(1)).await;
    assert!(soon(setup.client.flush(Duration::from_secs(60))).await);
    assert!(soon(setup.client.diagnostics()).await["driver"]["reopened"].as_u64() >= Some(1));
}

#[test]
fn an_app_needs_no_runtime() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::open(Config::new("ws://127.0.0.1:9", folder.path().join("queue.db"))).unwrap();
    let (sender, receiver) = sync_mpsc::channel();
    let waiting = client.clone();
    std::thread::spawn(move || {
        // Any executor will do; this one belongs to another crate's runtime only by chance.
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let sent = runtime.block_on(waiting.submit(TestRecord { n: 1 }).into_future());
        sender.send(sent.map(|sent| sent.id())).unwrap();
    });
    assert!(receiver.recv_timeout(Duration::from_secs(20)).unwrap().is_ok());
    assert_eq!(client.status().pending, 1);
}
