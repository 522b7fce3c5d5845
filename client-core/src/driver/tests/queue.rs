use std::time::Duration;

use futures_util::{FutureExt, future::join_all};
use keepline_protocol::{
    ActionId,
    catalogue::{StartSearch, TestRecord},
};
use serde_json::json;

use super::setup::{Setup, config, open, raw_outcome};
use crate::{
    Client, Filter, OpenError, OutboxChange, OutboxReader, Outcome, OutcomeError, Submission, Tapped,
    fake_server::soon,
};

#[tokio::test]
async fn a_submit_is_on_disk_before_any_connection() {
    let setup = Setup::new().await;
    let sent = setup.record(1).await;
    // Another process may read it now.
    let rows = OutboxReader::open(setup.database()).unwrap().list(&Filter::default()).unwrap();
    assert_eq!((rows.len(), rows[0].id), (1, sent.id()));
    assert_eq!(setup.client.status().pending, 1);
    // And may not open it.
    let refused = Client::with_driver(config(&setup.folder, &setup.server));
    assert_eq!(refused.err(), Some(OpenError::InUse));
    soon(setup.client.shutdown()).await;
    soon(setup.driver).await.unwrap();
    let (client, _driver) = open(&setup.folder, &setup.server);
    assert_eq!(client.status().pending, 1, "before anything has run");
    assert_eq!(soon(client.outbox(Filter::default())).await.unwrap()[0].id, sent.id());
}

#[tokio::test]
async fn a_reader_beside_the_client_always_sees_the_present() {
    let setup = Setup::new().await;
    let mut reader = None;
    for number in 1..=3 {
        setup.record(number as i64).await;
        let reader = reader.get_or_insert_with(|| OutboxReader::open(setup.database()).unwrap());
        assert_eq!(reader.list(&Filter::default()).unwrap().len(), number);
        assert_eq!(reader.totals().unwrap()[0].pending, number as u64);
    }
}

#[tokio::test]
async fn concurrent_submits_share_a_commit() {
    let setup = Setup::new().await;
    let before = setup.transactions().await;
    let submits = (0..200).map(|n| setup.client.submit(TestRecord { n }).into_future());
    let submitted = soon(join_all(submits)).await;
    assert!(submitted.iter().all(Result::is_ok));
    let taken = setup.transactions().await - before;
    assert!(taken <= 4, "{taken} transactions for 200 submits");
}

#[tokio::test]
async fn an_outcome_reaches_whoever_waits_and_whoever_asks_later() {
    let (setup, mut peer) = Setup::online().await;
    let search = StartSearch { query: "rust".to_owned(), limit: None };
    let sent = setup.client.submit(search).lane("a").await.unwrap();
    let waiting = tokio::spawn({
        let sent = sent.clone();
        async move { sent.outcome().await }
    });
    let action = peer.action().await;
    assert_eq!((action.name.as_str(), action.meta.id), ("search:start:v1", sent.id()));
    assert_eq!(action.payload.as_str(), r#"{"query":"rust"}"#);
    peer.accept_action(&action, json!({"job": "7"})).await;
    let Outcome::Accepted(started) = soon(waiting).await.unwrap().unwrap() else { panic!() };
    assert_eq!(started.job, "7");
    // Again, from the table, and with another type.
    let found = setup.client.submission(sent.id());
    assert_eq!(raw_outcome(soon(found.outcome_raw()).await), "accepted");
    let other: Submission<u64> = found.typed();
    assert_eq!(soon(other.outcome()).await, Err(OutcomeError::BadReply));
    let unknown = setup.client.submission(ActionId::random());
    assert_eq!(soon(unknown.outcome_raw()).await, Err(OutcomeError::NotFound));
}

#[tokio::test]
async fn no_outcome_is_lost_between_asking_and_settling() {
    let (setup, mut peer) = Setup::online().await;
    let server = tokio::spawn(async move {
        for n in 0..200 {
            let action = peer.action().await;
            peer.accept_action(&action, json!(n)).await;
        }
        peer
    });
    let outcomes = join_all((0..200).map(|n| {
        let client = setup.client.clone();
        async move {
            let sent = client.submit(TestRecord { n }).await.unwrap();
            // Some ask at once, some when it may have settled already.
            for _ in 0..n % 7 {
                tokio::task::yield_now().await;
            }
            sent.outcome_raw().await
        }
    }));
    assert!(soon(outcomes).await.into_iter().all(|outcome| raw_outcome(outcome) == "accepted"));
    soon(server).await.unwrap();
}

#[tokio::test]
async fn the_queue_tells_what_happens_to_it() {
    let (setup, mut peer) = Setup::online().await;
    let mut changes = setup.client.outbox_changes();
    let sent = setup.record(1).await;
    let action = peer.action().await;
    peer.accept_action(&action, json!(null)).await;
    loop {
        match soon(changes.next()).await {
            Some(Tapped::Item(OutboxChange::Changed(id))) => assert_eq!(id, sent.id()),
            Some(Tapped::Item(OutboxChange::Settled(id, outcome))) => {
                assert_eq!((id, outcome.as_str()), (sent.id(), "accepted"));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn giving_up_a_future_gives_up_nothing_else() {
    let (setup, mut peer) = Setup::online().await;
    let id = ActionId::random();
    let mut submitting = setup.client.submit(TestRecord { n: 1 }).id(id).into_future();
    // The call is on its way; nobody waits for the answer.
    assert!((&mut submitting).now_or_never().is_none());
    drop(submitting);
    let sent = setup.client.submit(TestRecord { n: 1 }).id(id).await.unwrap();
    assert_eq!(sent.id(), id);
    let waiting = sent.outcome_raw();
    drop(waiting.now_or_never());
    assert!(
        setup
            .client
            .call(StartSearch { query: "a".to_owned(), limit: None }, Duration::from_secs(9))
            .now_or_never()
            .is_none()
    );
    let action = peer.action().await;
    peer.accept_action(&action, json!(1)).await;
    assert_eq!(raw_outcome(soon(sent.outcome_raw()).await), "accepted");
    assert_eq!(soon(setup.client.outbox(Filter::default())).await.unwrap().len(), 1);
}
