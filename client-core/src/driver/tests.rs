use std::{path::PathBuf, sync::mpsc as sync_mpsc, time::Duration};

use futures_util::{FutureExt, future::join_all};
use keepline_protocol::{
    ActionId, ErrorCode, Payload, Stream,
    catalogue::{StartSearch, TestRecord, TestRecorded},
    socket_io::Kind,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::{net::TcpStream, task::JoinHandle};

use crate::{
    CallError, Client, Config, ControlError, CursorMode, Event, Events, EventsError, Filter, Item, Line,
    LineTrouble, OpenError, OutboxChange, OutboxReader, Outcome, OutcomeError, SignOut, Status, StoreError,
    Submission, SubmitError, Tapped,
    fake_server::{FakeServer, Peer, soon},
};

struct Setup {
    folder: TempDir,
    server: FakeServer,
    client: Client,
    driver: JoinHandle<()>,
}

impl Setup {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = FakeServer::bind().await;
        let (client, driver) = open(&folder, &server);
        Self { folder, server, client, driver }
    }

    /// As a client that is online at a Keepline server.
    async fn online() -> (Self, Peer<TcpStream>) {
        let setup = Self::new().await;
        setup.client.connect();
        let peer = setup.server.accept_keepline().await;
        setup.until(|line| matches!(line, Line::Online { .. })).await;
        (setup, peer)
    }

    async fn until(&self, is_there: impl Fn(&Line) -> bool) {
        let mut statuses = self.client.status_changes();
        while let Some(status) = soon(statuses.next()).await {
            if matches!(status, Tapped::Item(status) if is_there(&status.line)) {
                return;
            }
        }
        panic!("the client was closed");
    }

    async fn record(&self, n: i64) -> Submission<Payload> {
        soon(self.client.submit(TestRecord { n }).into_future()).await.unwrap()
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("queue.db")
    }

    async fn transactions(&self) -> u64 {
        soon(self.client.diagnostics()).await["driver"]["transactions"].as_u64().unwrap()
    }
}

fn config(folder: &TempDir, server: &FakeServer) -> Config {
    let fast = Duration::from_millis(1);
    Config::new(server.url(), folder.path().join("queue.db"))
        .token("t")
        .account("alice")
        .reconnect(fast, fast)
}

fn open(folder: &TempDir, server: &FakeServer) -> (Client, JoinHandle<()>) {
    let (client, driver) = Client::with_driver(config(folder, server)).unwrap();
    (client, tokio::spawn(driver.run()))
}

fn raw_outcome(outcome: Result<Outcome, OutcomeError>) -> &'static str {
    outcome.unwrap().as_str()
}

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
async fn events_come_in_order_and_the_cursor_follows_the_app() {
    let (setup, mut peer) = Setup::online().await;
    let mut events = setup.client.events(Stream::job("7")).unwrap();
    let subscribe = peer.subscribe(3).await;
    assert_eq!(subscribe.after.unwrap_or(0), 0);
    for n in 1..=3 {
        let Some(Event::TestRecorded(event)) = soon(events.next()).await else { panic!() };
        assert_eq!(event.n, n);
    }
    assert!(matches!(setup.client.events(Stream::job("7")), Err(EventsError::InUse)));
    // Dropped in the middle: the last one comes again.
    drop(events);
    let mut again = setup.client.events(Stream::job("7")).unwrap();
    let subscribe = peer.subscribe(4).await;
    assert_eq!(subscribe.after, Some(2));
    let Some(Item::Event(envelope)) = soon(again.next_item()).await else { panic!() };
    assert_eq!(envelope.place.as_ref().map(|place| place.offset), Some(3));
    assert_eq!(envelope.decode::<TestRecorded>().unwrap().map(|event| event.n), Some(3));
    // Ended in good order: it does not.
    again.end();
    let mut third = setup.client.events(Events::of(Stream::job("7")).cursor(CursorMode::Manual)).unwrap();
    assert_eq!(peer.subscribe(4).await.after, Some(3));
    assert!(soon(third.next()).await.is_some());
    third.ack();
    soon(setup.client.shutdown()).await;
    assert!(third.next().await.is_none());
    let (client, _driver) = open(&setup.folder, &setup.server);
    client.connect();
    let _events = client.events(Stream::job("7")).unwrap();
    let mut peer = setup.server.accept().await;
    let auth = peer.join_keepline().await;
    assert_eq!(auth.resume[&Stream::job("7")].offset, 4, "the manual acknowledgement was stored");
}

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

#[tokio::test]
async fn typed_handlers_share_a_stream_and_survive_a_panic() {
    let (setup, mut peer) = Setup::online().await;
    let (sender, receiver) = sync_mpsc::channel();
    let other = sender.clone();
    let first = setup
        .client
        .on(Stream::job("7"), move |event: TestRecorded| {
            sender.send(event.n).unwrap();
            assert!(event.n != 2, "as a handler may");
        })
        .unwrap();
    let second =
        setup.client.on(Stream::job("7"), move |event: TestRecorded| other.send(-event.n).unwrap()).unwrap();
    assert!(matches!(setup.client.events(Stream::job("7")), Err(EventsError::InUse)));
    peer.subscribe(3).await;
    let seen = soon(tokio::task::spawn_blocking(move || {
        (0..6).map(|_| receiver.recv().unwrap()).collect::<Vec<_>>()
    }));
    assert_eq!(seen.await.unwrap(), [1, -1, 2, -2, 3, -3]);
    drop(first);
    drop(second);
    // The stream is free again.
    assert!(setup.client.events(Stream::job("7")).is_ok());
}

#[tokio::test]
async fn a_tap_sees_what_passes_and_moves_no_cursor() {
    let (setup, mut peer) = Setup::online().await;
    let mut tap = setup.client.observe(Stream::job("7")).unwrap();
    peer.subscribe(2).await;
    for n in 1..=2 {
        let Some(Tapped::Item(Item::Event(event))) = soon(tap.next()).await else { panic!() };
        assert_eq!(event.place.map(|place| place.offset), Some(n));
    }
    drop(tap);
    let Some(Kind::Event { args, .. }) = peer.packet().await else { panic!() };
    let name = args.to_event().unwrap().name;
    assert_eq!(name, "stream:unsubscribe:v1");
    let _events = setup.client.events(Stream::job("7")).unwrap();
    assert_eq!(peer.subscribe(2).await.after.unwrap_or(0), 0);
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
    assert_eq!((envelope.name.as_str(), envelope.args.len(), &envelope.place), ("news", 2, &None));
    let args = keepline_protocol::socket_io::Args::ack().value("seen").unwrap().build();
    soon(envelope.ack.unwrap().send(args)).await;
    let Some(Kind::Ack { id: 9, args }) = peer.packet().await else { panic!() };
    assert_eq!(args.json(), r#"["seen"]"#);
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

async fn end_of(peer: &mut Peer<TcpStream>) -> bool {
    while peer.frame().await.is_some() {}
    true
}

fn has_open_files(setup: &Setup) -> bool {
    let folder = setup.folder.path().canonicalize().unwrap();
    let links = std::fs::read_dir("/proc/self/fd").unwrap();
    links
        .filter_map(|link| std::fs::read_link(link.unwrap().path()).ok())
        .any(|target| target.starts_with(&folder))
}
