//! The client against stock Socket.IO servers.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use keepline_tests::{
    peers::{Language, Peers},
    show::{Env, plain_mode},
};

async fn holds(language: Language) {
    let peers = Peers::find().unwrap_or_else(|missing| panic!("{missing}"));
    let env = Env::new(1).unwrap();
    let report = plain_mode::show(&env, &peers, language).await.unwrap_or_else(|error| panic!("{error}"));
    assert!(report.holds(), "{report}");
    print!("{report}");
}

#[tokio::test]
async fn a_node_server_is_served() {
    holds(Language::Node).await;
}

#[tokio::test]
async fn a_python_server_is_served() {
    holds(Language::Python).await;
}
