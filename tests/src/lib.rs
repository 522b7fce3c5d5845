//! What Keepline's tests share: faults, processes, measures. The tests themselves are in `tests/tests/`.

pub mod app;
pub mod bench;
pub mod conformance;
pub mod cut_proxy;
pub mod peers;
pub mod process;
pub mod scenario_host;
pub mod show;
pub mod sim;
pub mod wire;
