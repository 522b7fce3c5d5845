use std::{net::TcpListener, process::ExitStatus, time::Duration};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::{
    peers::{Language, Peer, Peers},
    process::{Process, ProcessError, ServerOptions, ServerProcess},
};

/// How a Keepline server is to be.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Wish {
    /// Further flags.
    args: Vec<String>,
    /// Its port; 0 picks one.
    port: u16,
    /// Whether it runs from the beginning, which is so unless said.
    running: Option<bool>,
}

/// How a stock server is to be.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct StockWish {
    /// The program under `tests/peers/node`, without its ending; `stock-server` unless said.
    program: Option<String>,
    /// Its flags.
    args: Vec<String>,
}

/// What a caller hears of a server.
#[derive(Debug, Serialize)]
pub(super) struct Card {
    pub(super) id: String,
    pub(super) url: String,
    pub(super) port: u16,
    /// Of a Keepline server that has run: for the subject `dev`, good for an hour.
    pub(super) token: Option<String>,
}

/// A server with its place: a port and a data folder that outlive its processes.
pub(super) struct Hosted {
    kind: Kind,
    port: u16,
}

enum Kind {
    Keepline { data: TempDir, args: Vec<String>, process: Option<ServerProcess> },
    Stock { program: String, args: Vec<String>, process: Option<Peer> },
}

impl Hosted {
    pub(super) async fn keepline(wish: Wish) -> Result<Self, Trouble> {
        let port = if wish.port == 0 { free_port()? } else { wish.port };
        let data = tempfile::tempdir().map_err(|_| Trouble::NoRoom)?;
        let mut hosted = Self { kind: Kind::Keepline { data, args: wish.args, process: None }, port };
        if wish.running.unwrap_or(true) {
            hosted.start().await?;
        }
        Ok(hosted)
    }

    pub(super) async fn stock(wish: StockWish) -> Result<Self, Trouble> {
        let program = wish.program.unwrap_or_else(|| "stock-server".to_owned());
        let kind = Kind::Stock { program, args: wish.args, process: None };
        let mut hosted = Self { kind, port: free_port()? };
        hosted.start().await?;
        Ok(hosted)
    }

    pub(super) fn card(&self, id: &str) -> Card {
        let token = match &self.kind {
            Kind::Keepline { process: Some(process), .. } => process.token().map(str::to_owned),
            _ => None,
        };
        Card { id: id.to_owned(), url: format!("http://127.0.0.1:{}", self.port), port: self.port, token }
    }

    /// Starts it where it does not run.
    pub(super) async fn start(&mut self) -> Result<(), Trouble> {
        let port = self.port;
        match &mut self.kind {
            Kind::Keepline { data, args, process } if process.is_none() => {
                let options = ServerOptions::dev(data.path()).port(port).args(args.clone());
                *process = Some(ServerProcess::start(options).await?);
            }
            Kind::Stock { program, args, process } if process.is_none() => {
                let peers = Peers::find().map_err(|_| Trouble::NoPeers)?;
                let port = port.to_string();
                let mut flags = vec!["--port", &port];
                flags.extend(args.iter().map(String::as_str));
                *process = Some(peers.serve(Language::Node, program, &flags).await?);
            }
            _ => {}
        }
        Ok(())
    }

    /// Ends it at once, as a crash would.
    pub(super) async fn kill(&mut self) -> Result<(), Trouble> {
        match &mut self.kind {
            Kind::Keepline { process, .. } => {
                if let Some(mut process) = process.take() {
                    process.kill().await?;
                }
            }
            Kind::Stock { process, .. } => {
                if let Some(mut peer) = process.take() {
                    peer.process.kill().await?;
                }
            }
        }
        Ok(())
    }

    /// Asks it to end, waits for that, and gives its exit code: a stock server ends with another one than 0 where a
    /// handler got what it does not expect.
    pub(super) async fn stop(&mut self) -> Result<Option<i32>, Trouble> {
        let status = match &mut self.kind {
            Kind::Keepline { process, .. } => {
                let mut process = process.take().ok_or(Trouble::NotRunning)?;
                end(&mut process).await?
            }
            Kind::Stock { process, .. } => {
                let mut peer = process.take().ok_or(Trouble::NotRunning)?;
                end(&mut peer.process).await?
            }
        };
        Ok(status.code())
    }

    /// Stops it where it stands, as a machine that hangs: it listens and answers nothing.
    pub(super) fn freeze(&self) -> Result<(), Trouble> {
        Ok(self.process()?.freeze()?)
    }

    /// Lets it go on.
    pub(super) fn thaw(&self) -> Result<(), Trouble> {
        Ok(self.process()?.thaw()?)
    }

    fn process(&self) -> Result<&Process, Trouble> {
        match &self.kind {
            Kind::Keepline { process: Some(process), .. } => Ok(process),
            Kind::Stock { process: Some(peer), .. } => Ok(&peer.process),
            _ => Err(Trouble::NotRunning),
        }
    }

    /// A token of a Keepline server that runs.
    pub(super) async fn token(&self, subject: &str, ttl: &str) -> Result<String, Trouble> {
        match &self.kind {
            Kind::Keepline { process: Some(process), .. } => Ok(process.token_for(subject, ttl).await?),
            _ => Err(Trouble::NotRunning),
        }
    }
}

/// One that has ended by itself already has a code too.
async fn end(process: &mut Process) -> Result<ExitStatus, ProcessError> {
    let _ = process.terminate();
    process.exit().await
}

/// Why a wish was not fulfilled.
#[derive(Debug)]
pub(super) enum Trouble {
    Unknown,
    NotRunning,
    NoRoom,
    NoPeers,
    Process(ProcessError),
}

impl From<ProcessError> for Trouble {
    fn from(error: ProcessError) -> Self {
        Self::Process(error)
    }
}

/// How long the port of a server that does not run yet stays free is luck; the system hands out others first.
fn free_port() -> Result<u16, Trouble> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|_| Trouble::NoRoom)?;
    Ok(listener.local_addr().map_err(|_| Trouble::NoRoom)?.port())
}

/// How long a call may take; a server that starts on a loaded machine takes some seconds.
pub(super) const CALL_MAX: Duration = Duration::from_secs(60);
