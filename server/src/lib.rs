//! The reference server of Keepline, as a library.
//!
//! Actions are applied once, however often they arrive; every event of a stream reaches a client in order and
//! without a hole, or the client is told where to start again. Clients are Keepline's own and any Socket.IO client.
//! One SQLite file holds everything.
//!
//! An app's own actions are handlers, which run in the action's transaction:
//!
//! ```no_run
//! use keepline_protocol::{Action, Event, Stream};
//! use keepline_server::{Actions, AuthConfig, Config, Server, connection};
//! use serde::{Deserialize, Serialize};
//! use tokio_util::sync::CancellationToken;
//!
//! #[derive(Serialize, Deserialize)]
//! struct AddNote {
//!     text: String,
//! }
//!
//! #[derive(Serialize, Deserialize)]
//! struct NoteAdded {
//!     text: String,
//! }
//!
//! impl Action for AddNote {
//!     const NAME: &'static str = "note:add:v1";
//!     type Reply = u64;
//! }
//!
//! impl Event for NoteAdded {
//!     const NAME: &'static str = "note:added:v1";
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let auth = AuthConfig::from_secret(std::env::var("KEEPLINE_JWT_SECRET")?.as_bytes())?;
//! let actions = Actions::new().on(|context, note: AddNote| {
//!     // Committed together with the action's outcome: once, however often the action arrives.
//!     context.append(&Stream::User, &NoteAdded { text: note.text })
//! });
//! let server = Server::open(Config::new("data", auth), actions)?;
//! let listener = connection::bind(([127, 0, 0, 1], 8080).into())?;
//! server.serve(listener, CancellationToken::new()).await;
//! # Ok(())
//! # }
//! ```
//!
//! **Effects outside are at least once.** What a handler does beyond its context (mail, HTTP, another database) can
//! happen again when the server dies before the commit. Pass [`ActionContext::action_id`] on as the idempotency key.

mod actions;
mod app;
mod auth;
mod clock;
mod config;
pub mod connection;
mod http;
mod hub;
mod ids;
mod jobs;
mod ledger;
mod limits;
mod log;
mod metrics;
mod owners;
#[cfg(feature = "planted")]
#[doc(hidden)]
pub mod planted;
mod server;
mod session;
mod storage;
mod tag_column;

pub use actions::{ActionContext, ActionError, Actions};
pub use auth::{AuthConfig, KeyError, SecretError, dev_secret, secret_in};
pub use clock::Clock;
pub use config::{Config, Line, Retention};
pub use ids::Owner;
pub use limits::Rates;
pub use server::{PublishError, Publisher, Server, run};
pub use storage::{OpenError, StorageMode};
