//! Bad input, one kind after the other, each against a server of its own.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use keepline_tests::show::{
    Env,
    bad_input::{PARTS, show},
};

async fn holds(part: &str) {
    let env = Env::new(1).unwrap();
    let parts: Vec<_> = PARTS.iter().filter(|known| known.name == part).copied().collect();
    assert_eq!(parts.len(), 1, "{part}");
    let report = show(&env, &parts).await.unwrap_or_else(|error| panic!("{error}"));
    assert!(report.holds(), "{report}");
    print!("{report}");
}

#[tokio::test]
async fn actions_too_large_and_a_full_queue() {
    holds("queue").await;
}

#[tokio::test]
async fn damaged_newer_and_used_databases() {
    holds("store").await;
}

#[tokio::test]
async fn full_disks() {
    holds("disk").await;
}

#[tokio::test]
async fn bad_tokens() {
    holds("tokens").await;
}

#[tokio::test]
async fn malformed_packets() {
    holds("packets").await;
}

#[tokio::test]
async fn foreign_huge_and_silent_connections() {
    holds("connections").await;
}
