//! Stock Socket.IO clients start a search on a Keepline server and get its results.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{Claim, Env, Report, ShowError};
use crate::{
    peers::{Language, Peers},
    process::{ServerOptions, ServerProcess},
};

/// The claim.
pub(super) const CLAIM: Claim = Claim {
    name: "stock-clients",
    says: "A default stock Socket.IO client and a WebSocket-only one start a search and receive its results",
    time_max: Duration::from_secs(180),
    run: |env| Box::pin(run(env)),
};

async fn run(env: &Env) -> Result<Report, ShowError> {
    let served = Served::start(env.dir()).await?;
    let mut report = Report::new();
    for language in [Language::Node, Language::Python] {
        for (kind, flags) in [("default", &[][..]), ("WebSocket only", &["--websocket"][..])] {
            let began = Instant::now();
            let said = served.client(language, &[&["--query", "lighthouse"], flags].concat()).await?;
            let took = began.elapsed();
            let name = format!("{language:?}, {kind}");
            // python-socketio tells its transport only once it has upgraded.
            let tells_first = language == Language::Node || kind != "default";
            if tells_first {
                let first = if kind == "default" { "polling" } else { "websocket" };
                report.equal(format!("{name}: first transport"), first_transport(&said), Some(first));
            }
            let done = said.iter().find(|line| line["type"] == "done");
            let transport = done.and_then(|done| done["transport"].as_str());
            report.equal(format!("{name}: last transport"), transport, Some("websocket"));
            let results = done.and_then(|done| done["results"].as_u64());
            report.equal(format!("{name}: results"), results, Some(MATCHING));
            let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            report.note(format!("{name}: ms from the start of the program to its end"), millis);
        }
    }
    Ok(report)
}

/// A server over documents in which each word that is searched for here occurs.
#[derive(Debug)]
pub struct Served {
    /// The server.
    pub server: ServerProcess,
    /// The stock programs.
    pub peers: Peers,
}

impl Served {
    /// Starts it in this folder.
    ///
    /// # Errors
    /// [`ShowError::CannotRunHere`] where the stock programs are not installed.
    pub async fn start(dir: &Path) -> Result<Self, ShowError> {
        let peers = Peers::find().map_err(|missing| ShowError::CannotRunHere(missing.to_string()))?;
        let corpus = dir.join("corpus");
        std::fs::create_dir_all(&corpus)?;
        for (name, text) in DOCUMENTS {
            std::fs::write(corpus.join(name), text)?;
        }
        let options =
            ServerOptions::dev(dir.join("data")).args(["--corpus".into(), corpus.display().to_string()]);
        let server = ServerProcess::start(options).await?;
        Ok(Self { server, peers })
    }

    /// Runs a stock client to its end, which has to be a good one: what it said.
    ///
    /// # Errors
    /// Where it ends otherwise.
    pub async fn client(&self, language: Language, args: &[&str]) -> Result<Vec<Value>, ShowError> {
        let token = self.server.token().unwrap_or_default();
        let all = [&["--url", self.server.url(), "--token", token], args].concat();
        let (said, code) = self.peers.start(language, "stock-client", &all)?.finish().await?;
        if code != Some(0) {
            return Err(ShowError::unexpected(format!(
                "{language:?} {args:?} ended with {code:?}: {said:#?}"
            )));
        }
        Ok(said)
    }
}

/// The first transport that a client spoke of: Node's tells over what it opened, python-socketio is asked when it has
/// connected, and upgrades before that.
pub fn first_transport(said: &[Value]) -> Option<&str> {
    said.iter().find(|line| line["type"] == "opened" || line["type"] == "connected")?["transport"].as_str()
}

const DOCUMENTS: [(&str, &str); 3] = [
    ("lighthouse.md", "# Lighthouse\n\nA lamp that ships see from afar in the night."),
    ("harbour.md", "# Harbour\n\nWhere ships lie. The lighthouse stands at its mouth."),
    ("mountain.md", "# Mountain\n\nHigh, and far from the sea."),
];

/// How many of the documents have the lighthouse in them.
const MATCHING: u64 = 2;
