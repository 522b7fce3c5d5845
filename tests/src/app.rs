//! A client in the test's own process, as an app has it: with a token provider that counts, and waits that end.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use keepline::{Client, Config, OpenError, Outcome, Reply, Status, Submission, Token, TokenReason};

use crate::wire::{Checked, soon};

/// Gives `good-1`, `good-2` and so on, a fresh one each time, and remembers why it was asked.
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    inner: Arc<Mutex<Given>>,
}

#[derive(Debug, Default)]
struct Given {
    reasons: Vec<TokenReason>,
    fixed: Option<String>,
}

impl Tokens {
    /// From now on this token, until [`fresh`](Self::fresh).
    pub fn always(&self, token: &str) {
        self.given().fixed = Some(token.to_owned());
    }

    /// Fresh tokens from now on.
    pub fn fresh(&self) {
        self.given().fixed = None;
    }

    /// Why it was asked, each time.
    pub fn reasons(&self) -> Vec<TokenReason> {
        self.given().reasons.clone()
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.given().reasons.len()
    }

    fn next(&self, reason: TokenReason) -> Token {
        let mut given = self.given();
        given.reasons.push(reason);
        let token = given.fixed.clone().unwrap_or_else(|| format!("good-{}", given.reasons.len()));
        Token::new(token)
    }

    fn given(&self) -> MutexGuard<'_, Given> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A config for a server that may come and go quickly, with these tokens.
pub fn config(url: &str, database: &Path, tokens: &Tokens) -> Config {
    let tokens = tokens.clone();
    Config::new(url, database)
        .token_provider(move |reason| std::future::ready(Ok(tokens.next(reason))))
        .reconnect(Duration::from_millis(50), Duration::from_millis(500))
}

/// Opens a client and lets it connect.
///
/// # Errors
/// Where the database cannot be opened.
pub fn connected(config: Config) -> Result<Client, OpenError> {
    let client = Client::open(config)?;
    client.connect();
    Ok(client)
}

/// Waits for a status.
///
/// # Errors
/// Where it does not come in time, with the last one.
pub async fn status(client: &Client, what: &str, is_it: impl Fn(&Status) -> bool) -> Checked<Status> {
    let mut changes = client.status_changes();
    let wait = async {
        loop {
            let now = client.status();
            if is_it(&now) {
                return Some(now);
            }
            changes.next().await?;
        }
    };
    match soon(what, wait).await {
        Ok(Some(status)) => Ok(status),
        Ok(None) => Err(format!("{what}: the client was shut down").into()),
        Err(_) => Err(format!("{what}: it stays {:?}", client.status()).into()),
    }
}

/// Waits for an outcome, as it came.
///
/// # Errors
/// Where it does not come in time.
pub async fn outcome<R>(submission: &Submission<R>) -> Checked<Outcome<Reply>> {
    Ok(soon("an outcome", submission.outcome_raw()).await??)
}

/// The reply of an accepted action as JSON text.
pub fn accepted(outcome: &Outcome<Reply>) -> Option<&str> {
    match outcome {
        Outcome::Accepted(reply) => reply.payload.as_ref().map(|payload| payload.as_str()),
        _ => None,
    }
}
