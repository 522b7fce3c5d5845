//! A realtime client for apps whose network comes and goes.
//!
//! The client keeps one line to the server open, keeps what the app did while the line was down, and gives back every
//! event that the app missed.
//!
//! ```no_run
//! use keepline::{Client, Config, Event, Outcome, Stream, catalogue::StartSearch};
//!
//! # async fn sample() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::new("wss://example.org", "queue.db").token("a bearer token");
//! let client = Client::open(config)?; // touches the disk, not the network
//! client.connect(); // an intention: it never fails
//! let search = StartSearch { query: "rust".into(), limit: None };
//! let sent = client.submit(search).await?; // `Ok` means durable
//! if let Outcome::Accepted(started) = sent.outcome().await? {
//!     let mut events = client.events(Stream::job(started.job))?;
//!     while let Some(event) = events.next().await {
//!         match event {
//!             Event::SearchResult(found) => println!("{}", found.title),
//!             Event::JobCompleted(_) => break,
//!             _ => {}
//!         }
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//!
//! Once [`submit`](Client::submit) has returned, the action survives the death of the process and of the power. It
//! reaches the server at least once, and a Keepline server applies it once, however often it arrives. It ends in an
//! [`Outcome`] that the app can see, never silently. Every event of a [`Stream`] reaches the app in order and without
//! a hole, once while the process lives; or the app is told by a [`Reset`] that continuity was lost and where to start
//! again. With an existing Socket.IO server the words are weaker: an action is delivered at least once, and events are
//! not replayed.
//!
//! # Four roads for what goes wrong
//!
//! A call that failed returns a small error enum. Trouble with the line is a [`Status`]: the client tries again by
//! itself. An action's fate is an [`Outcome`]. A bug of the client is a panic on its own thread, after which the
//! status is [`Line::Closed`].
//!
//! # An app's own actions and events
//!
//! The built-in [`catalogue`] is written with two traits, [`Action`] and [`EventType`], and so are an app's own:
//!
//! ```
//! use keepline::{Action, EventType};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize)]
//! struct AddNote { text: String }
//!
//! #[derive(Deserialize)]
//! struct NoteAdded { id: u64 }
//!
//! impl Action for AddNote {
//!     const NAME: &'static str = "note:add:v1";
//!     type Reply = NoteAdded;
//! }
//!
//! #[derive(Deserialize)]
//! struct NoteChanged { id: u64, text: String }
//!
//! impl EventType for NoteChanged {
//!     const NAME: &'static str = "note:changed:v1";
//! }
//! ```
//!
//! # Where it runs
//!
//! [`Client::open`] runs the client on a thread of its own, so an app needs no async runtime of a certain kind: every
//! future here only waits for channels. [`Client::with_driver`] gives the work as a future instead.

mod client;
mod clock;
mod command;
mod config;
mod driver;
mod engine;
mod error;
#[cfg(test)]
mod fake_server;
mod handlers;
mod inbox;
mod limits;
mod outbox;
mod outcome;
#[cfg(feature = "planted")]
#[doc(hidden)]
pub mod planted;
mod shared;
mod signals;
mod status;
mod store;
mod stream;
mod submission;
mod tap;
mod token;
mod transport;

pub use client::{Client, SignOut};
pub use config::Config;
pub use driver::Driver;
pub use engine::{LanePolicy, TokenReason};
pub use error::{CallError, ControlError, EventsError, OpenError, OutcomeError, StoreError, SubmitError};
pub use handlers::Handler;
pub use keepline_protocol::{
    Action, ActionId, Epoch, ErrorCode, Event as EventType, Payload, PayloadError, Reset, ResetReason,
    Stream, Token, catalogue,
    socket_io::{Args, ArgsBuilder},
};
pub use outbox::{AckMode, ActionState, Filter, OutboxEntry};
pub use outcome::{FromReply, Outcome, Rejection, Reply};
pub use shared::OutboxChange;
pub use status::{AuthTrouble, Line, LineTrouble, Status};
pub use store::{OutboxReader, Totals};
pub use stream::{
    Acknowledge, Batch, Batches, CursorMode, Envelope, Event, EventStream, Events, Item, Observer, Place,
};
pub use submission::{Attachment, Submission, Submit};
pub use tap::{Tap, Tapped};
pub use token::{TokenError, TokenFuture, TokenProvider, TokenRequest, TokenRequests};
#[doc(hidden)]
pub use transport::{BoxedIo, DialFuture, Dialer, Io};

/// What the README shows compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
