//! Keepline's connection layer against the rules of Engine.IO v4 and Socket.IO v5.

use std::{net::SocketAddr, time::Duration};

use futures_util::future::join_all;
use serde_json::Value;

use super::{Claim, Env, Report, ShowError};
use crate::{
    conformance::{ConformanceServer, ENGINE, SOCKET, echo_checks, engine_checks, socket_io_checks},
    peers::{Language, Peers},
};

/// The claim.
pub(super) const CLAIM: Claim = Claim {
    name: "conformance",
    says: "The connection layer keeps the rules of Engine.IO v4 and Socket.IO v5, over raw sockets and with a stock client",
    time_max: Duration::from_secs(300),
    run: |env| Box::pin(run(env)),
};

async fn run(_: &Env) -> Result<Report, ShowError> {
    let peers = Peers::find().map_err(|missing| ShowError::CannotRunHere(missing.to_string()))?;
    let mut report = raw_sockets().await?;
    report.add(stock_client(&peers).await?);
    Ok(report)
}

/// Each rule over raw sockets, on each address.
///
/// # Errors
/// Where the server cannot listen.
pub async fn raw_sockets() -> Result<Report, ShowError> {
    let server = ConformanceServer::start(0)?;
    // One rule at a time on each address: heartbeats of a fifth of a second are part of them.
    let reports = join_all(server.addresses().iter().map(|&address| rules(address))).await;
    let mut report = Report::new();
    reports.into_iter().for_each(|rules| report.add(rules));
    Ok(report)
}

async fn rules(address: SocketAddr) -> Report {
    let suites = [
        ("rules of Engine.IO", ENGINE, engine_checks().into_iter().chain(echo_checks()).collect()),
        ("rules of Engine.IO under Socket.IO", SOCKET, engine_checks()),
        ("rules of Socket.IO", SOCKET, socket_io_checks()),
    ];
    let mut report = Report::new();
    for (what, path, checks) in suites {
        let all = checks.len();
        let mut kept = 0;
        for check in checks {
            match check.run(address, path).await {
                Ok(()) => kept += 1,
                Err(error) => report.check(check.name, error.to_string(), "the rule kept", false),
            }
        }
        report.equal(format!("{what} kept on {}", address.ip()), kept, all);
    }
    report
}

/// The stock client over each transport.
///
/// # Errors
/// Where the client cannot be run.
pub async fn stock_client(peers: &Peers) -> Result<Report, ShowError> {
    let server = ConformanceServer::start(0)?;
    let url = format!("http://{}", server.addresses()[0]);
    let mut report = Report::new();
    for transport in ["default", "websocket", "polling"] {
        let args = ["--url", &url, "--transport", transport];
        let client = peers.start(Language::Node, "conformance-client", &args)?;
        let (said, code) = client.finish().await?;
        let checks: Vec<&Value> = said.iter().filter(|line| line["type"] == "check").collect();
        let kept = checks.iter().filter(|check| check["holds"] == true).count();
        for broken in checks.iter().filter(|check| check["holds"] != true) {
            report.check("stock client", broken, "the check holds", false);
        }
        report.equal(format!("checks of the stock client that hold ({transport})"), kept, STOCK_CHECKS);
        report.equal(format!("exit code of the stock client ({transport})"), code, Some(0));
    }
    Ok(report)
}

/// Two namespaces, with and without a payload: what CONNECT brought, six kinds of arguments given back and
/// acknowledged, the transport; and an unknown namespace.
const STOCK_CHECKS: usize = 2 * 2 * (1 + 6 * 2 + 1) + 1;
