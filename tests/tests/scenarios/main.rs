//! The scenarios of `tests/scenarios.md` in Rust, against the real server process.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod ends;
mod line;
mod queue;
mod stock;
mod streams;
mod world;
