use std::time::Duration;

use futures_util::FutureExt;
use keepline_protocol::{ActionId, Stream, catalogue::TestRecord};
use serde_json::json;

use super::setup::{Setup, config, end_of, raw_outcome};
use crate::{
    Client, ControlError, Event, Filter, Line, OutboxReader, Outcome, SignOut, StoreError, SubmitError,
    fake_server::soon,
};

#[tokio::test]
async fn suspending_closes_every_file_and_socket_and_nothing_comes_twice() {
    let (setup, mut peer) = Setup::online().await;
    let mut events = setup.client.events(Stream::job("7")).unwrap();
    peer.subscribe(5).await;
    for _ in 1..=3 {
        assert!(soon(events.next()).await.is_some());
    }
    let sent = setup.record(1).await;
    let waiting = tokio::spawn(async move { sent.outcome_raw().await });
    peer.action().await;
    assert!(has_open_files(&setup));

    let (_, end) =
        soon(async { tokio::join!(setup.client.suspend(Duration::from_secs(5)), end_of(&mut peer)) }).await;
    assert!(end, "the connection was closed");
    assert!(!has_open_files(&setup), "and so was every file");
    assert_eq!(setup.client.status().line, Line::Suspended);
    let another = Client::with_driver(config(&setup.folder, &setup.server)).unwrap();
    drop(another);
    assert_eq!(
        soon(setup.client.submit(TestRecord { n: 2 }).into_future()).await.err(),
        Some(SubmitError::Suspended)
    );
    let cancelled = soon(setup.client.cancel(ActionId::random())).await;
    assert_eq!(cancelled, Err(ControlError::Suspended));
    assert_eq!(soon(setup.client.outbox(Filter::default())).await, Err(StoreError::Suspended));
    assert!(!waiting.is_finished());
    assert!(events.next().now_or_never().is_none(), "what was on its way waits for the new engine");

    setup.client.foreground();
    let mut peer = setup.server.accept().await;
    let auth = peer.join_keepline().await;
    // The app had taken 1 and 2; asking above took 3, which no engine has heard yet.
    assert_eq!(auth.resume[&Stream::job("7")].offset, 2);
    let action = peer.action().await;
    peer.accept_action(&action, json!(1)).await;
    peer.events(&Stream::job("7"), 3, 6).await;
    for expected in 4..=6 {
        let Some(Event::TestRecorded(event)) = soon(events.next()).await else { panic!() };
        assert_eq!(event.n, expected);
    }
    assert_eq!(raw_outcome(soon(waiting).await.unwrap()), "accepted");
}

#[tokio::test]
async fn the_last_word_wins_in_the_order_of_the_calls() {
    // Nothing runs before this test waits, so each of these is one turn of the driver.
    let setup = Setup::new().await;
    let second = Duration::from_secs(1);
    for back in [Client::foreground, Client::connect] {
        let mut leaving = Box::pin(setup.client.background(second));
        assert!(leaving.as_mut().now_or_never().is_none());
        back(&setup.client);
        soon(leaving).await;
        setup.record(1).await;
    }
    setup.client.foreground();
    soon(setup.client.suspend(second)).await;
    let refused = soon(setup.client.submit(TestRecord { n: 1 }).into_future()).await;
    assert_eq!(refused.err(), Some(SubmitError::Suspended));
    assert_eq!(setup.client.status().line, Line::Suspended);
}

#[tokio::test]
async fn a_line_that_is_wished_for_after_signing_out_is_made() {
    let setup = Setup::new().await;
    let mut leaving = Box::pin(setup.client.sign_out(SignOut::Keep));
    assert!(leaving.as_mut().now_or_never().is_none());
    setup.client.connect();
    soon(leaving).await.unwrap();
    let _peer = setup.server.accept_keepline().await;
    setup.until(|line| matches!(line, Line::Online { .. })).await;
    // The other way round there is none.
    setup.client.connect();
    soon(setup.client.sign_out(SignOut::Keep)).await.unwrap();
    assert_eq!(setup.client.status().line, Line::Idle);
}

#[tokio::test]
async fn going_to_the_background_gets_the_queue_out_first() {
    let (setup, mut peer) = Setup::online().await;
    let sent = setup.record(1).await;
    let serving = async {
        let action = peer.action().await;
        peer.accept_action(&action, json!(1)).await;
        end_of(&mut peer).await
    };
    let minute = Duration::from_secs(60);
    let ((), end) = soon(async { tokio::join!(setup.client.background(minute), serving) }).await;
    assert!(end);
    assert_eq!(setup.client.status().line, Line::Suspended);
    assert_eq!(setup.client.status().pending, 0);
    let rows = OutboxReader::open(setup.database()).unwrap().list(&Filter::default()).unwrap();
    assert_eq!(rows[0].outcome.as_ref().map(Outcome::as_str), Some("accepted"));
    assert_eq!(rows[0].id, sent.id());
    // What does not get out in time stays.
    setup.client.connect();
    let mut peer = setup.server.accept_keepline().await;
    setup.record(2).await;
    peer.action().await;
    let shortly = Duration::from_millis(50);
    let ((), end) = soon(async { tokio::join!(setup.client.background(shortly), end_of(&mut peer)) }).await;
    assert!(end);
    assert_eq!(setup.client.status().pending, 1);
}

#[tokio::test]
async fn a_flush_says_whether_the_queue_is_empty() {
    let (setup, mut peer) = Setup::online().await;
    assert!(soon(setup.client.flush(Duration::ZERO)).await);
    setup.record(1).await;
    let action = peer.action().await;
    assert!(!soon(setup.client.flush(Duration::from_millis(1))).await);
    let answering = peer.accept_action(&action, json!(1));
    let (is_empty, _) =
        soon(async { tokio::join!(setup.client.flush(Duration::from_secs(60)), answering) }).await;
    assert!(is_empty);
}

#[tokio::test]
async fn signing_out_keeps_or_discards() {
    let setup = Setup::new().await;
    setup.record(1).await;
    soon(setup.client.sign_out(SignOut::Keep)).await.unwrap();
    assert_eq!(setup.client.status().pending, 1);
    soon(setup.client.sign_out(SignOut::Discard)).await.unwrap();
    assert_eq!(setup.client.status().pending, 0);
}

fn has_open_files(setup: &Setup) -> bool {
    let folder = setup.folder.path().canonicalize().unwrap();
    let links = std::fs::read_dir("/proc/self/fd").unwrap();
    links
        .filter_map(|link| std::fs::read_link(link.unwrap().path()).ok())
        .any(|target| target.starts_with(&folder))
}
