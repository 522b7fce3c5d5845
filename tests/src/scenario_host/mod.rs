//! Servers on request, over HTTP: what the scenarios of each language start, kill and ask for tokens.
//!
//! A test in Swift, Kotlin or Python then needs no more than an HTTP client, and all of them meet the same servers.
//! `tests/scenarios.md` has the calls. Every process ends with the host.

mod hosted;
mod routes;

pub use routes::app;
