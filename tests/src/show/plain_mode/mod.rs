//! The client against servers that are no Keepline servers: stock ones in Node and Python.

mod refusal;
mod restart;
mod stock;
mod traffic;

use std::time::Duration;

use self::stock::Stock;
use super::{Claim, Env, Report, ShowError};
use crate::{
    peers::{Language, Peers},
    wire::Checked,
};

/// The claim.
pub(super) const CLAIM: Claim = Claim {
    name: "plain-mode",
    says: "The client gets on with stock Socket.IO servers: acks, events, attachments, their restart, their refusal",
    time_max: Duration::from_secs(300),
    run: |env| Box::pin(run(env)),
};

async fn run(env: &Env) -> Result<Report, ShowError> {
    let peers = Peers::find().map_err(|missing| ShowError::CannotRunHere(missing.to_string()))?;
    let mut report = Report::new();
    for language in [Language::Node, Language::Python] {
        report.add(show(env, &peers, language).await?);
    }
    Ok(report)
}

/// The whole claim against the stock server in one language.
///
/// # Errors
/// Where it cannot be carried out.
pub async fn show(env: &Env, peers: &Peers, language: Language) -> Result<Report, ShowError> {
    let run = async {
        let mut report = Report::new();
        let mut told = Told { report: &mut report, language };
        traffic::show(&mut told, Stock::new(env, peers, language, "traffic.db").await?).await?;
        restart::show(&mut told, Stock::new(env, peers, language, "restart.db").await?).await?;
        refusal::show(&mut told, Stock::new(env, peers, language, "refusal.db").await?).await?;
        Checked::Ok(report)
    };
    run.await.map_err(|error| ShowError::unexpected(format!("{language:?}: {error}")))
}

/// A report whose lines name the language.
struct Told<'a> {
    report: &'a mut Report,
    language: Language,
}

impl Told<'_> {
    fn equal<T: PartialEq + serde::Serialize>(&mut self, what: &str, value: T, expected: T) {
        self.report.equal(format!("{:?}: {what}", self.language), value, expected);
    }

    fn at_least<T: PartialOrd + serde::Serialize>(&mut self, what: &str, value: T, least: T) {
        self.report.at_least(format!("{:?}: {what}", self.language), value, least);
    }

    fn note(&mut self, what: &str, value: impl serde::Serialize) {
        self.report.note(format!("{:?}: {what}", self.language), value);
    }
}
