//! What speed is compared with, and the rows that say how it compares.
//!
//! Each figure of Keepline's stands beside one of something plain that was measured in the same run on the same
//! machine: a bare tokio-tungstenite echo, a Node client and server, one SQLite commit. The functions here return
//! numbers and print nothing.

mod durable;
mod echo;
mod figure;
mod herd;
mod idle;
mod latency;
mod line;
mod load;
mod machine;
mod peers;
mod report;
mod rig;
mod sqlite;

pub use durable::{
    Drained, drain, end_to_end_rate, fill, fill_by_copying, open_ms, submit_latency,
    submit_latency_own_thread,
};
pub use echo::{EchoError, echo_rate, echo_round_trip, serve_echo};
pub use figure::{Figure, Row, median};
pub use herd::{Return, come_back};
pub use idle::{WakeUps, connection_bytes, wake_ups};
pub use latency::Latency;
pub use line::{call_rate, call_round_trip, call_round_trip_own_thread, live_rate, replay_rate};
pub use load::Load;
pub use machine::Machine;
pub use peers::{node_pair, python_to_node};
pub use report::{Budget, budget, section, table, write_into};
pub use rig::{BenchError, Rig, Running, folder, roomy, token};
pub use sqlite::{batch_rate, commit_latency};
