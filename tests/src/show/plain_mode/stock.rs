use std::path::PathBuf;

use keepline::Config;
use serde_json::Value;

use super::Told;
use crate::{
    app::{self, Tokens},
    peers::{Language, Peer, Peers},
    show::Env,
    wire::Checked,
};

/// A stock server that can be killed and started again on its port, what it said, and the tokens for it. Each token
/// opens one connection only.
pub(super) struct Stock {
    peers: Peers,
    language: Language,
    peer: Peer,
    url: String,
    database: PathBuf,
    pub(super) tokens: Tokens,
    said: Vec<Value>,
}

impl Stock {
    pub(super) async fn new(env: &Env, peers: &Peers, language: Language, database: &str) -> Checked<Self> {
        let peer = peers.serve(language, "stock-server", &["--single-use"]).await?;
        let url = peer.url().to_owned();
        let database = env.path(&format!("{language:?}-{database}"));
        let tokens = Tokens::default();
        Ok(Self { peers: peers.clone(), language, peer, url, database, tokens, said: Vec::new() })
    }

    pub(super) fn config(&self) -> Config {
        app::config(&self.url, &self.database, &self.tokens)
    }

    /// With neither token nor provider.
    pub(super) fn config_without_token(&self) -> Config {
        Config::new(&self.url, &self.database)
    }

    /// Reads what it says until something that fits.
    pub(super) async fn until(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Checked<Value> {
        while let Some(line) = self.peer.next().await? {
            self.said.push(line.clone());
            if fits(&line) {
                return Ok(line);
            }
        }
        Err(format!("the server ended before {what}; it said {:?}", self.said.last()).into())
    }

    /// Kills it as the system would, and keeps what it has said.
    pub(super) async fn kill(&mut self) -> Checked {
        self.peer.process.kill().await?;
        while let Some(line) = self.peer.next().await? {
            self.said.push(line);
        }
        Ok(())
    }

    /// Starts it again on its port. It remembers nothing of what was before.
    pub(super) async fn start_again(&mut self) -> Checked {
        let port = self.url.rsplit(':').next().unwrap_or_default();
        self.peer =
            self.peers.serve(self.language, "stock-server", &["--single-use", "--port", port]).await?;
        Ok(())
    }

    /// Ends it in good order and judges what it saw: no argument that a handler did not expect, nothing unknown, and
    /// each connection with a token of its own.
    pub(super) async fn end(mut self, told: &mut Told<'_>, part: &str) -> Checked<Vec<Value>> {
        self.peer.process.terminate()?;
        while let Some(line) = self.peer.next().await? {
            self.said.push(line);
        }
        let code = self.peer.process.exit().await?.code();
        told.equal(&format!("exit code of the server ({part})"), code, Some(0));
        let strange: Vec<_> =
            self.said.iter().filter(|line| line["type"] == "failed" || line["type"] == "unknown").collect();
        told.equal(&format!("arguments or events that no handler expected ({part})"), strange.len(), 0);
        Ok(self.said)
    }
}

/// The payloads that a handler got, in order.
pub(super) fn handled(said: &[Value], name: &str) -> Vec<Value> {
    let of_name = said.iter().filter(|line| line["type"] == "event" && line["name"] == name);
    of_name.map(|line| line["data"].clone()).collect()
}

/// The tokens that the server was shown, in order, with whether it took them.
pub(super) fn shown(said: &[Value]) -> Vec<(String, bool)> {
    let auth = said.iter().filter(|line| line["type"] == "auth");
    auth.map(|line| (line["token"].as_str().unwrap_or_default().to_owned(), line["accepted"] == true))
        .collect()
}
