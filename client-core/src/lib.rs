//! Placeholder docs.

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
    Action, ActionId, Epoch, ErrorCode, Event as EventType, Payload, PayloadError, Reset, ResetReason, Stream, Token,
    catalogue, socket_io::Args,
};
pub use outbox::{AckMode, ActionState, Filter, OutboxEntry};
pub use outcome::{Outcome, Rejection, Reply};
pub use shared::OutboxChange;
pub use status::{AuthTrouble, Line, LineTrouble, Status};
pub use store::{OutboxReader, Totals};
pub use stream::{Acknowledge, CursorMode, Envelope, Event, EventStream, Events, Item, Observer, Place};
pub use submission::{Attachment, Submission, Submit};
pub use tap::{Tap, Tapped};
pub use token::{TokenError, TokenFuture, TokenProvider, TokenRequest};
#[doc(hidden)]
pub use transport::{BoxedIo, DialFuture, Dialer, Io};
