//! A driver against a server that the test plays, on a real socket.

mod calls;
mod ends;
mod log;
mod queue;
mod setup;
mod sleep;
mod streams;
