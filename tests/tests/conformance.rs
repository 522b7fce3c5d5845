//! The rules of Engine.IO v4 and Socket.IO v5 over raw sockets.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use keepline_tests::show::conformance;

#[tokio::test]
async fn the_rules_of_both_protocols_are_kept() {
    let report = conformance::raw_sockets().await.unwrap();
    assert!(report.holds(), "{report}");
    print!("{report}");
}
