//! The connection layer over real sockets, in process: what a peer sees, and what the application does. Timeouts that
//! are long by design are tested on virtual time, over streams in memory.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod handshake;
mod limits;
mod namespaces;
mod origins;
mod polling;
mod support;
mod tls;
mod upgrade;
mod virtual_time;
mod websocket;
