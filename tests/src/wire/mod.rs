//! Raw sockets under a test: HTTP requests and WebSockets that may misbehave as no client library would.
//!
//! Every wait has an end ([`PATIENCE`]); what went wrong is an error that says what was expected.

mod http;
mod socket;

use std::{error::Error, future::Future, time::Duration};

use tokio::time::timeout;

pub use http::{Request, Response, open_polling};
pub use socket::{Came, Dialled, Socket};

/// What a check gives: its value, or what did not hold.
pub type Checked<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Waits for what has to happen.
///
/// # Errors
/// After [`PATIENCE`], with what was waited for.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> Checked<T> {
    timeout(PATIENCE, future).await.map_err(|_| format!("{what}: nothing came in time").into())
}

/// Fails with these words unless it holds.
///
/// # Errors
/// Where it does not hold.
pub fn hold(holds: bool, words: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(words().into()) }
}

/// Far beyond what anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
