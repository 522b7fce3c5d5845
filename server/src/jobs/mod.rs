//! Work that outlives the action that asked for it, and the server that began it.
//!
//! A job is a row, a stream of its own and a worker that moves it on in [steps](life::Step). A step is one
//! transaction: the events it appends and the state that all events so far add up to. So a snapshot always stands
//! exactly at an offset, and a worker that is started again after a crash continues where the last step ended,
//! repeating no event.

mod corpus;
mod life;
mod model;
mod research;
mod row;
mod search;
mod test;
mod worker;

pub(crate) use corpus::{Corpus, words};
pub(crate) use life::{cancel, is_end, start, stream_of};
pub(crate) use model::KIND as MODEL;
pub(crate) use research::KIND as RESEARCH;
pub(crate) use row::{JobRow, existed, find, live_summary, snapshot};
pub(crate) use search::KIND as SEARCH;
pub(crate) use test::KIND as TEST;
pub(crate) use worker::{Workers, WorkersHandle};
