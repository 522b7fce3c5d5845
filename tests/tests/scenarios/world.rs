use std::{path::PathBuf, time::Duration};

use keepline::{
    Client, Config, Events, Filter, Item, Line, OutboxEntry, Stream, Tapped,
    catalogue::{TestRecord, TestRecorded},
};
use keepline_tests::process::{Process, ServerOptions, ServerProcess, binary};
use tempfile::TempDir;
use tokio::process::Command;

/// A folder, a server in it, and clients that begin in it.
pub(crate) struct World {
    folder: TempDir,
    pub(crate) server: ServerProcess,
}

impl World {
    pub(crate) async fn new(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = ServerOptions::dev(folder.path().join("server")).args(args.iter().copied());
        let server = ServerProcess::start(options).await.unwrap();
        Self { folder, server }
    }

    /// Its port is known and nobody listens there.
    pub(crate) async fn without_server() -> Self {
        let mut world = Self::new(&[]).await;
        world.server.kill().await.unwrap();
        world
    }

    pub(crate) fn database(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn config(&self, database: &str) -> Config {
        Config::new(self.server.url(), self.database(database))
            .token(self.server.token().unwrap())
            .reconnect(Duration::from_millis(50), Duration::from_millis(500))
    }

    pub(crate) fn open(&self, database: &str) -> Client {
        Client::open(self.config(database)).unwrap()
    }

    pub(crate) async fn connected(&self, database: &str) -> Client {
        let client = self.open(database);
        client.connect();
        line(&client, |line| matches!(line, Line::Online { .. })).await;
        client
    }

    /// Another process with a client of its own.
    pub(crate) fn child(&self, args: &[&str]) -> Process {
        let mut command = Command::new(binary("scenario-child").unwrap());
        command.args(["--url", self.server.url(), "--token", self.server.token().unwrap()]).args(args);
        Process::spawn("scenario-child", command).unwrap()
    }
}

/// Says that a scenario holds.
pub(crate) fn ok(name: &str) {
    println!("scenario {name} rust ok");
}

/// Waits for something that has to happen soon.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), what).await.expect("it did not happen")
}

/// Waits until the line is like this.
pub(crate) async fn line(client: &Client, is: impl Fn(&Line) -> bool) -> Line {
    let mut statuses = client.status_changes();
    let wait = async {
        loop {
            match statuses.next().await.expect("the client was shut down") {
                Tapped::Item(status) if is(&status.line) => return status.line,
                _ => {}
            }
        }
    };
    soon(wait).await
}

/// Waits until so many actions are parked.
pub(crate) async fn parked(client: &Client, count: u64) {
    let mut statuses = client.status_changes();
    let wait = async {
        loop {
            match statuses.next().await.expect("the client was shut down") {
                Tapped::Item(status) if status.parked == count => return,
                _ => {}
            }
        }
    };
    soon(wait).await;
}

pub(crate) async fn rows(client: &Client) -> Vec<OutboxEntry> {
    client.outbox(Filter::default()).await.unwrap()
}

/// The numbers that the user stream has, from its beginning up to a last record that is made for it.
pub(crate) async fn recorded(world: &World) -> Vec<i64> {
    const LAST: i64 = 1_000_000;
    let client = world.connected("auditor.db").await;
    let mut events = client.events(Events::of(Stream::User).after(0)).unwrap();
    client.submit(TestRecord { n: LAST }).await.unwrap();
    let mut seen = Vec::new();
    while let Some(item) = soon(events.next_item()).await {
        let Item::Event(event) = item else { panic!("{item:?}") };
        match event.decode::<TestRecorded>().unwrap() {
            Some(recorded) if recorded.n == LAST => break,
            Some(recorded) => seen.push(recorded.n),
            None => {}
        }
    }
    client.shutdown().await;
    seen
}
