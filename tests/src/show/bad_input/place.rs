use std::{fs, path::PathBuf};

use keepline::{Client, Config, Events, Item, Outcome, Stream};
use serde_json::{Value, json};

use crate::{
    app,
    process::{Cli, CliRun, ServerOptions, ServerProcess, binary, write_script},
    show::{Env, Report},
    wire::{Checked, soon},
};

/// A server for bad input, and a good client beside it that has to notice nothing.
pub(super) struct Place<'a> {
    pub(super) env: &'a Env,
    pub(super) server: ServerProcess,
    log: PathBuf,
    witness: Client,
    recorded: u64,
}

impl<'a> Place<'a> {
    pub(super) async fn new(env: &'a Env) -> Checked<Self> {
        let log = env.path("server.log");
        let program = env.path("server.sh");
        // The whole log is wanted, not only its end.
        let script = format!(
            "#!/bin/sh\nexec '{}' \"$@\" 2>>'{}'\n",
            binary("keepline-server")?.display(),
            log.display()
        );
        write_script(&program, &script)?;
        let options = ServerOptions { program: Some(program), ..env.server_options() };
        let server = ServerProcess::start(options).await?;
        let config = Config::new(server.url(), env.path("witness.db"));
        let witness = app::connected(config.token(server.token().unwrap_or_default()))?;
        let mut place = Self { env, server, log, witness, recorded: 0 };
        place.record().await?;
        Ok(place)
    }

    /// The good client's next action, which has to be accepted.
    pub(super) async fn record(&mut self) -> Checked {
        self.recorded += 1;
        let sent = self.witness.submit_json("test:record:v1", &json!({ "n": self.recorded })).await?;
        match app::outcome(&sent).await? {
            Outcome::Accepted(_) => Ok(()),
            other => Err(format!("the good client's action {} is {}", self.recorded, other.as_str()).into()),
        }
    }

    /// Another user's token, so that bad input is never the good client's.
    pub(super) async fn token(&self, subject: &str) -> Checked<String> {
        Ok(self.server.token_for(subject, "1h").await?)
    }

    /// A config for this server with a database of this name, as another user.
    pub(super) async fn config(&self, database: &str, subject: &str) -> Checked<Config> {
        let token = self.token(subject).await?;
        Ok(Config::new(self.server.url(), self.env.path(database)).token(token))
    }

    /// The command-line client with a database of this name, as another user.
    pub(super) async fn cli(&self, database: &str, subject: &str) -> Checked<Cli> {
        Ok(Cli::new(self.env.path(database), self.server.url()).token(self.token(subject).await?))
    }

    /// Everything the good client did is there, once and in order, and the server has not panicked.
    pub(super) async fn end(self, report: &mut Report) -> Checked {
        let mut events = self.witness.events(Events::of(Stream::User).after(0))?;
        let mut in_order = 0;
        while in_order < self.recorded {
            let Some(Item::Event(event)) = soon("a recorded event", events.next_item()).await? else {
                return Err("the good client's stream was interrupted".into());
            };
            let recorded: Value = event.read()?;
            if event.name() == "test:recorded:v1" {
                in_order += u64::from(recorded["n"] == in_order + 1);
            }
        }
        report.equal("events of the good client, in order and once", in_order, self.recorded);
        self.witness.shutdown().await;
        let panics = fs::read_to_string(&self.log)?.matches("panicked").count();
        report.equal("panics in the server's log", panics, 0);
        Ok(())
    }
}

/// How a command has ended: its exit code and the code of its error.
pub(super) fn ended(run: &CliRun) -> (Option<i32>, Option<String>) {
    let error = run.tail.iter().rev().find_map(|line| line.strip_prefix("keepline: ")?.split(':').next());
    (run.status.code(), error.map(str::to_owned))
}

/// What [`ended`] gives for this.
pub(super) fn with(exit: i32, code: &str) -> (Option<i32>, Option<String>) {
    (Some(exit), Some(code.to_owned()))
}

/// What [`ended`] gives for a command without an error.
pub(super) fn done() -> (Option<i32>, Option<String>) {
    (Some(0), None)
}

/// An address where nobody listens: the queue is used, the network is not.
pub(super) const NOWHERE: &str = "http://127.0.0.1:1";
