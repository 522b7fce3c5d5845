//! What is submitted, and what becomes of it.

use std::time::Duration;

use keepline::{
    ActionId, ActionState, ErrorCode, LanePolicy, Line, Outcome, Payload, SubmitError,
    catalogue::{TestFail, TestRecord},
};

use crate::world::{World, line, ok, parked, recorded, rows, soon};

#[tokio::test]
async fn submits_offline_and_delivers_after_reconnect() {
    let mut world = World::without_server().await;
    let client = world.open("queue.db");
    client.connect();
    let mut sent = Vec::new();
    for n in 1..=3 {
        sent.push(client.submit(TestRecord { n }).await.unwrap());
    }
    world.server.start_again().await.unwrap();
    for submission in sent {
        assert!(matches!(soon(submission.outcome()).await.unwrap(), Outcome::Accepted(_)));
    }
    assert_eq!(recorded(&world).await, [1, 2, 3]);
    ok("submits_offline_and_delivers_after_reconnect");
}

#[tokio::test]
async fn survives_a_kill_and_delivers_once() {
    let mut world = World::without_server().await;
    let database = world.database("queue.db");
    let mut child = world.child(&["--db", database.to_str().unwrap(), "submit-and-wait", "--count", "20"]);
    child.line_where("that all are durable", |line| (line == "submitted 20").then_some(())).await.unwrap();
    child.kill().await.unwrap();
    world.server.start_again().await.unwrap();
    let client = world.open("queue.db");
    let queued = rows(&client).await;
    assert_eq!(queued.len(), 20);
    client.connect();
    for row in queued {
        let outcome = soon(client.submission(row.id).outcome_raw()).await.unwrap();
        assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    }
    assert_eq!(recorded(&world).await, (1..=20).collect::<Vec<_>>());
    ok("survives_a_kill_and_delivers_once");
}

#[tokio::test]
async fn surfaces_a_rejection_as_an_outcome() {
    let world = World::new(&[]).await;
    let client = world.connected("queue.db").await;
    let action = TestFail { code: ErrorCode::Forbidden, retryable: false, times: None };
    let sent = client.submit(action).await.unwrap();
    let outcome = soon(sent.outcome()).await.unwrap();
    assert!(matches!(outcome, Outcome::Rejected(why) if why.code == ErrorCode::Forbidden));
    ok("surfaces_a_rejection_as_an_outcome");
}

#[tokio::test]
async fn parks_and_retries() {
    let world = World::new(&[]).await;
    let config = world.config("queue.db").attempts(1).lane_policy("strict", LanePolicy::Block);
    let client = keepline::Client::open(config).unwrap();
    client.connect();
    let fail = |times| TestFail { code: ErrorCode::Unavailable, retryable: true, times };

    let once = client.submit(fail(Some(1))).lane("strict").await.unwrap();
    parked(&client, 1).await;
    let row = rows(&client).await.into_iter().find(|row| row.id == once.id()).unwrap();
    assert_eq!(row.state, ActionState::Parked);
    assert_eq!(row.last_error.unwrap().code, ErrorCode::Unavailable);
    let id = client.retry(once.id()).await.unwrap();
    let outcome = soon(client.submission(id).outcome_raw()).await.unwrap();
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");

    let for_ever = client.submit(fail(None)).lane("strict").await.unwrap();
    parked(&client, 1).await;
    client.discard(for_ever.id()).await.unwrap();
    assert_eq!(soon(for_ever.outcome_raw()).await.unwrap(), Outcome::Cancelled);
    parked(&client, 0).await;
    ok("parks_and_retries");
}

#[tokio::test]
async fn cancels_a_queued_action() {
    let mut world = World::without_server().await;
    let client = world.open("queue.db");
    let sent = client.submit(TestRecord { n: 1 }).await.unwrap();
    client.cancel(sent.id()).await.unwrap();
    assert_eq!(soon(sent.outcome_raw()).await.unwrap(), Outcome::Cancelled);
    world.server.start_again().await.unwrap();
    client.connect();
    line(&client, |line| matches!(line, Line::Online { .. })).await;
    assert_eq!(recorded(&world).await, [0_i64; 0]);
    ok("cancels_a_queued_action");
}

#[tokio::test]
async fn refuses_an_oversize_action() {
    let world = World::without_server().await;
    let client = world.open("queue.db");
    let payload = Payload::new(&"x".repeat(70_000)).unwrap();
    let refused = client.submit_json("note:add:v1", &payload).await.unwrap_err();
    assert_eq!(refused, SubmitError::TooLarge { bytes: 70_002, limit: 65_536 });
    assert!(rows(&client).await.is_empty());
    ok("refuses_an_oversize_action");
}

#[tokio::test]
async fn reattaches_to_a_submission_after_restart() {
    let mut world = World::without_server().await;
    let id = ActionId::random();
    let client = world.open("queue.db");
    client.submit(TestRecord { n: 1 }).label("from the menu").id(id).await.unwrap();
    client.shutdown().await;
    let client = world.open("queue.db");
    let row = rows(&client).await.into_iter().find(|row| row.label.as_deref() == Some("from the menu"));
    assert_eq!(row.unwrap().id, id);
    world.server.start_again().await.unwrap();
    client.connect();
    let outcome = soon(client.submission(id).outcome_raw()).await.unwrap();
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    ok("reattaches_to_a_submission_after_restart");
}

#[tokio::test]
async fn cancelling_the_caller_loses_nothing() {
    let world = World::new(&[]).await;
    let client = world.connected("queue.db").await;
    crate::streams::every_second_wait_is_given_up(&client).await;

    let mut begun = 0;
    for n in 1..=50 {
        let submit = client.submit(TestRecord { n }).into_future();
        // One poll hands the action over; then the caller goes away.
        begun += usize::from(tokio::time::timeout(Duration::ZERO, submit).await.is_err());
    }
    assert!(begun > 0, "no caller was cancelled");
    let rows = rows(&client).await;
    for row in rows.iter().filter(|row| row.name == "test:record:v1") {
        let outcome = soon(client.submission(row.id).outcome_raw()).await.unwrap();
        assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    }
    assert_eq!(recorded(&world).await, (1..=50).collect::<Vec<_>>());
    ok("cancelling_the_caller_loses_nothing");
}
