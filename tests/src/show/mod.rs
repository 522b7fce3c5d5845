//! What Keepline claims, shown: each claim starts real processes on real sockets, measures, and says whether what it
//! measured is what was promised.
//!
//! A claim is one module with a [`Claim`] that [`CLAIMS`] lists. It fails by its [`Report`] where a measured value is
//! not the promised one, and by a [`ShowError`] where it could not be carried out.

mod back_online;
pub mod bad_input;
mod before_first_connection;
mod claim;
mod cloned_database;
pub mod conformance;
mod cuts;
mod durable_before_told;
mod env;
mod error;
mod exactly_once;
mod job;
pub mod plain_mode;
mod queue;
mod records;
mod report;
mod rollback;
pub mod stock_clients;
mod trace;
mod trimmed_log;

pub use claim::{Claim, ClaimRun};
pub use env::Env;
pub use error::ShowError;
pub use report::{Measure, Report};

/// Every claim that a program of this repository can show, in the order of `--list`.
pub const CLAIMS: &[Claim] = &[
    exactly_once::CLAIM,
    cuts::CLAIM,
    trimmed_log::CLAIM,
    rollback::CLAIM,
    cloned_database::CLAIM,
    before_first_connection::CLAIM,
    durable_before_told::CLAIM,
    back_online::CLAIM,
    stock_clients::CLAIM,
    conformance::CLAIM,
    plain_mode::CLAIM,
    bad_input::CLAIM,
];

/// The claim of that name.
pub fn claim(name: &str) -> Option<&'static Claim> {
    CLAIMS.iter().find(|claim| claim.name == name)
}
