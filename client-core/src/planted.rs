//! Faults that are put in on purpose, to see whether the tests find them. Compiled only with the feature `planted`,
//! which no released build has.

use std::cell::Cell;

/// A fault of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// An event counts as taken when it is handed to the app's buffer.
    CursorBeforeDelivery,
    /// An event is delivered although the one before it is missing.
    GapAccepted,
    /// A stream is asked for again before the page under way is answered, and takes that answer for its own.
    OldAnswerCounts,
    /// A cancelled action that was sent already is settled without asking the server.
    VoidLocally,
    /// What was in flight when the line was lost is not sent again.
    ForgetsInFlight,
}

thread_local! {
    static PLANTED: Cell<Option<Planted>> = const { Cell::new(None) };
}

/// Puts a fault into every client whose driver runs on this thread, or takes it out again.
pub fn plant(fault: Option<Planted>) {
    PLANTED.set(fault);
}

pub(crate) fn is(fault: Planted) -> bool {
    PLANTED.get() == Some(fault)
}
