//! Faults that are put in on purpose, to see whether the tests find them. Compiled only with the feature `planted`,
//! which no released build has.

use std::cell::Cell;

/// A fault of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// Actions are answered, and events go out, a moment before they are committed.
    AckBeforeCommit,
    /// An action that arrives again is applied again.
    NoDedup,
    /// An action is applied although its predecessor has not arrived.
    AnyOrder,
}

thread_local! {
    static PLANTED: Cell<Option<Planted>> = const { Cell::new(None) };
}

/// Puts a fault into every server whose storage works inline on this thread, or takes it out again.
pub fn plant(fault: Option<Planted>) {
    PLANTED.set(fault);
}

pub(crate) fn is(fault: Planted) -> bool {
    PLANTED.get() == Some(fault)
}
