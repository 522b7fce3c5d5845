//! A stock client against the connection layer: any argument comes back, over every transport.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use keepline_tests::{peers::Peers, show::conformance};

#[tokio::test]
async fn a_stock_client_gets_back_what_it_sent() {
    let peers = Peers::find().unwrap_or_else(|missing| panic!("{missing}"));
    let report = conformance::stock_client(&peers).await.unwrap();
    assert!(report.holds(), "{report}");
    print!("{report}");
}
