//! Engine tests: virtual time, a database in memory, no socket.

mod disk;
mod fixture;
mod harness;
mod inbox;
mod ledger;
mod line;
mod outbox;
mod plain;
