//! The words on Keepline's wire, shared by client and server.
//!
//! From the bottom up: [`engine_io`] frames what a WebSocket or a long poll carries, [`socket_io`] puts named
//! events with arguments, attachments and acknowledgements into them, and the rest of the crate says which names,
//! payloads and metas there are. Nothing here opens a socket, reads a clock or knows a database.
//!
//! An app's own actions and events use the same two traits as the built-in [`catalogue`]: [`Action`] and [`Event`].

pub mod catalogue;
mod code;
pub mod engine_io;
mod json;
mod ledger;
pub mod limits;
mod meta;
pub mod names;
mod payload;
#[cfg(feature = "schema")]
pub mod schema;
mod session;
mod session_ack;
pub mod socket_io;
mod stream;
mod tag;
mod token;
mod typed;

pub use code::{ConnectCode, ErrorBody, ErrorCode};
pub use ledger::{
    ActionAck, ActionId, ActionMeta, LedgerCheck, LedgerChecked, LedgerCursor, LedgerMark, LedgerReady,
    LedgerStatus, VoidRequest,
};
pub use meta::{MetaReader, MetaTime};
pub use payload::{Payload, PayloadError};
pub use session::{
    AuthExpired, AuthExpiring, AuthRefresh, AuthRefreshed, ConnectAuth, ConnectRefused, ConnectRefusedData,
    Connected, Limits, ServerDraining, SessionReady,
};
pub use session_ack::SessionAck;
pub use stream::{
    Epoch, EpochError, EventMeta, Reset, ResetReason, Stream, StreamCursor, StreamError, StreamReady,
    StreamStatus, Subscribe, Subscribed, Unsubscribe, Unsubscribed,
};
pub use tag::{Tag, TagError};
pub use token::Token;
pub use typed::{Action, Event};

/// The version of what Keepline adds to Socket.IO, sent as `proto` at CONNECT.
pub const PROTO: u32 = 1;
