//! Keepline for Swift, Kotlin and Python: what UniFFI makes bindings of.
//!
//! Nothing is decided here. A call is converted, handed to the Rust client, and its answer is converted back. What
//! begins with `Core` is for the hand-written package of each language, and an app never sees it.
//!
//! # Rules that the boundary makes
//!
//! - Nothing here ever calls into the app. Streams, statuses, log lines and questions for a token are *pulled*: a
//!   thread of Rust that calls into an interpreter which is ending would take the process with it.
//! - What may wait long is a pull with an `end`, or takes a [`CoreCancel`]: the cancellation of a Swift task does not
//!   reach a future here.
//! - Every function returns a `Result`, since a panic in one that does not would end a Swift process.
//! - Payloads cross as JSON text: bytes would cross one at a time.
//! - No method is called `close` and no error has a field `message`: both mean something in the languages.

// UniFFI takes every argument by value.
#![allow(clippy::needless_pass_by_value)]

#[cfg(feature = "bench")]
mod bench;
mod cancel;
mod client;
mod config;
mod errors;
mod events;
mod logs;
mod outbox;
mod outcome;
mod status;
mod submit;
mod tokens;

#[cfg(feature = "bench")]
pub use bench::core_generate;
pub use cancel::CoreCancel;
pub use client::{CoreArgs, CoreClient, CoreSignOut, core_open, core_version};
pub use config::{CoreConfig, CoreLane, CoreLanePolicy, CorePair};
pub use errors::{
    CoreCallError, CoreClosedError, CoreControlError, CoreEventsError, CoreLogsError, CoreOpenError,
    CoreOutcomeError, CoreStoreError, CoreSubmitError,
};
pub use events::{
    CoreEvent, CoreEventBatch, CoreEventDetails, CoreEventSource, CoreEventsOptions, CoreItem, CoreReset,
    CoreResetReason, CoreSocketAck,
};
pub use logs::{CoreLogBatch, CoreLogLevel, CoreLogLine, CoreLogSource, core_logs};
pub use outbox::{CoreActionState, CoreChange, CoreChangeBatch, CoreChangeSource, CoreEntry, CoreFilter};
pub use outcome::{CoreOutcome, CoreRejection, CoreReply};
pub use status::{CoreAuthTrouble, CoreLine, CoreLineTrouble, CoreStatus, CoreStatusBatch, CoreStatusSource};
pub use submit::{CoreAckMode, CoreSubmitOptions};
pub use tokens::{CoreTokenQuestion, CoreTokenReason, CoreTokenSource, CoreTokenTrouble};

uniffi::setup_scaffolding!("keepline_core");
