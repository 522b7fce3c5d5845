//! How the line is, and what it asks of the app.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use keepline::{
    AuthTrouble, Client, Config, Line, Outcome, Tapped, Token, TokenError, TokenReason, catalogue::TestRecord,
};

use crate::world::{World, line, ok, rows, soon};

#[tokio::test]
async fn reports_status_changes() {
    let mut world = World::new(&[]).await;
    let client = world.open("queue.db");
    let mut statuses = client.status_changes();
    client.connect();
    line(&client, |line| matches!(line, Line::Online { .. })).await;
    world.server.kill().await.unwrap();
    line(&client, |line| matches!(line, Line::Waiting { attempt: 1.., .. })).await;
    world.server.start_again().await.unwrap();
    line(&client, |line| matches!(line, Line::Online { .. })).await;
    client.shutdown().await;
    let mut seen = Vec::new();
    while let Some(tapped) = soon(statuses.next()).await {
        if let Tapped::Item(status) = tapped {
            seen.push(status.line.as_str());
        }
    }
    let mut wanted = ["idle", "connecting", "online", "waiting", "online", "closed"].into_iter().peekable();
    for state in &seen {
        wanted.next_if_eq(state);
    }
    assert_eq!(wanted.next(), None, "{seen:?}");
    assert_eq!(seen.last(), Some(&"closed"));
    ok("reports_status_changes");
}

#[tokio::test]
async fn refreshes_an_expired_token() {
    let world = World::new(&[]).await;
    let short = world.server.token_for("ann", "2s").await.unwrap();
    let long = world.server.token_for("ann", "1h").await.unwrap();
    let (asked, asking) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (second, mut again) = tokio::sync::mpsc::unbounded_channel();
    let provider = {
        let asked = Arc::clone(&asked);
        move |_: TokenReason| {
            let (asked, asking, second) = (Arc::clone(&asked), Arc::clone(&asking), second.clone());
            let (short, long) = (short.clone(), long.clone());
            async move {
                assert_eq!(asking.fetch_add(1, Ordering::SeqCst), 0, "asked twice at a time");
                let number = asked.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                asking.fetch_sub(1, Ordering::SeqCst);
                if number > 0 {
                    let _ = second.send(());
                }
                Ok::<_, TokenError>(Token::new(if number == 0 { short } else { long }))
            }
        }
    };
    let config = Config::new(world.server.url(), world.database("queue.db")).token_provider(provider);
    let client = Client::open(config).unwrap();
    client.connect();
    soon(again.recv()).await.unwrap();
    let sent = client.submit(TestRecord { n: 1 }).await.unwrap();
    assert!(matches!(soon(sent.outcome()).await.unwrap(), Outcome::Accepted(_)));
    assert!(asked.load(Ordering::SeqCst) >= 2);
    ok("refreshes_an_expired_token");
}

#[tokio::test]
async fn stops_at_auth_required_and_keeps_the_queue() {
    let world = World::new(&[]).await;
    let client = Client::open(world.config("queue.db").token("no token at all")).unwrap();
    let sent = client.submit(TestRecord { n: 1 }).await.unwrap();
    client.connect();
    let stopped = line(&client, |line| matches!(line, Line::AuthRequired { .. })).await;
    assert!(matches!(stopped, Line::AuthRequired { reason: AuthTrouble::TokenRefused { .. } }));
    assert_eq!(client.status().pending, 1);
    assert!(rows(&client).await[0].outcome.is_none());
    client.shutdown().await;
    let client = world.open("queue.db");
    client.connect();
    let outcome = soon(client.submission(sent.id()).outcome_raw()).await.unwrap();
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    ok("stops_at_auth_required_and_keeps_the_queue");
}

/// How long a shutdown may take.
pub(crate) const SHUTDOWN_MAX: Duration = Duration::from_secs(5);
