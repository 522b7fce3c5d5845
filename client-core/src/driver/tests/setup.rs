use std::{path::PathBuf, time::Duration};

use keepline_protocol::{Payload, catalogue::TestRecord};
use tempfile::TempDir;
use tokio::{net::TcpStream, task::JoinHandle};

use crate::{
    Client, Config, Line, Outcome, OutcomeError, Submission, Tapped,
    fake_server::{FakeServer, Peer, soon},
};

pub(super) struct Setup {
    pub(super) folder: TempDir,
    pub(super) server: FakeServer,
    pub(super) client: Client,
    pub(super) driver: JoinHandle<()>,
}

impl Setup {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = FakeServer::bind().await;
        let (client, driver) = open(&folder, &server);
        Self { folder, server, client, driver }
    }

    /// As a client that is online at a Keepline server.
    pub(super) async fn online() -> (Self, Peer<TcpStream>) {
        let setup = Self::new().await;
        setup.client.connect();
        let peer = setup.server.accept_keepline().await;
        setup.until(|line| matches!(line, Line::Online { .. })).await;
        (setup, peer)
    }

    pub(super) async fn until(&self, is_there: impl Fn(&Line) -> bool) {
        let mut statuses = self.client.status_changes();
        while let Some(status) = soon(statuses.next()).await {
            if matches!(status, Tapped::Item(status) if is_there(&status.line)) {
                return;
            }
        }
        panic!("the client was closed");
    }

    pub(super) async fn record(&self, n: i64) -> Submission<Payload> {
        soon(self.client.submit(TestRecord { n }).into_future()).await.unwrap()
    }

    pub(super) fn database(&self) -> PathBuf {
        self.folder.path().join("queue.db")
    }

    pub(super) async fn transactions(&self) -> u64 {
        soon(self.client.diagnostics()).await["driver"]["transactions"].as_u64().unwrap()
    }
}

pub(super) fn config(folder: &TempDir, server: &FakeServer) -> Config {
    let fast = Duration::from_millis(1);
    Config::new(server.url(), folder.path().join("queue.db"))
        .token("t")
        .account("alice")
        .reconnect(fast, fast)
}

pub(super) fn open(folder: &TempDir, server: &FakeServer) -> (Client, JoinHandle<()>) {
    let (client, driver) = Client::with_driver(config(folder, server)).unwrap();
    (client, tokio::spawn(driver.run()))
}

pub(super) fn raw_outcome(outcome: Result<Outcome, OutcomeError>) -> &'static str {
    outcome.unwrap().as_str()
}

pub(super) async fn end_of(peer: &mut Peer<TcpStream>) -> bool {
    while peer.frame().await.is_some() {}
    true
}
