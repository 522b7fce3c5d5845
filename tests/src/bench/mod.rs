//! What speed is compared with, and the rows that say how it compares.
//!
//! Each figure of Keepline's stands beside one of something plain that was measured in the same run on the same
//! machine: a bare tokio-tungstenite echo, a Node client and server, one SQLite commit. The functions here return
//! numbers and print nothing.

mod echo;
mod figure;
mod latency;
mod load;
mod peers;
mod sqlite;

pub use echo::{EchoError, echo_rate, echo_round_trip, serve_echo};
pub use figure::{Figure, Row, median};
pub use latency::Latency;
pub use load::Load;
pub use peers::{node_pair, python_to_node};
pub use sqlite::{batch_rate, commit_latency};
