//! The server over real sockets, in process, one file a theme.

#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

mod auth;
mod drain;
mod handlers;
mod http;
mod jobs;
mod ledger;
mod limits;
mod ownership;
mod peer;
mod restart;
mod server;
mod simulated;
mod stock;
mod streams;
