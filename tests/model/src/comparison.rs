//! What a client does when the server's history is not the one it knows.
//!
//! A server restored from its backup has lost effects and entries together, and gives their positions out again. A
//! mark from before then points into a history that is no more: compared with the floor of the new one it proves
//! nothing. So the client and the server compare a place at each connect, and the client cuts back to the last place
//! that both share. Afterwards all its marks and cursors lie in the present history, or are the origin.

use crate::config::{Comparison, CutRetry, Rules};
use crate::database::{Database, Outcome, Row, RowState, Why};
use crate::history::Cursor;
use crate::server::{Server, Standing};

impl Database {
    /// The handshake, before anything is sent: compares, cuts if need be, and takes the server's place.
    pub fn connect(&mut self, server: &Server, rules: &Rules) {
        let cut = match (server.standing(self.cursor), rules.comparison) {
            (Standing::Ok, _) | (_, Comparison::None) => false,
            (Standing::RolledBack, _) => true,
            // The history may be another one, and there is no way to know: the marks are worth nothing either way.
            (Standing::Unverifiable, comparison) => comparison == Comparison::Full,
        };
        if cut {
            let shared = self.last_shared(server);
            for row in &mut self.rows {
                row.cut(shared, rules);
            }
        }
        self.cursor = server.head();
    }

    /// The largest place that this database knows and the server confirms.
    fn last_shared(&self, server: &Server) -> Cursor {
        let own = self.rows.iter().flat_map(Row::cursors).chain([self.cursor]);
        own.filter(|cursor| server.standing(*cursor) == Standing::Ok).max().unwrap_or(Cursor::ORIGIN)
    }
}

impl Row {
    fn cursors(&self) -> impl Iterator<Item = Cursor> + use<> {
        let known = match self.state {
            RowState::Parked { void } => void,
            RowState::Settled(Outcome::Accepted(at) | Outcome::Rejected(at) | Outcome::Cancelled(at)) => {
                Some(at)
            }
            RowState::Queued | RowState::Sent { .. } | RowState::Settled(_) => None,
        };
        known.into_iter().chain([self.mark])
    }

    fn cut(&mut self, shared: Cursor, rules: &Rules) {
        let is_cut = |cursor: Cursor| cursor.position > shared.position;
        match self.state {
            RowState::Settled(Outcome::Accepted(at) | Outcome::Rejected(at)) if is_cut(at) => {
                self.state = RowState::Settled(Outcome::Lost);
            }
            RowState::Settled(Outcome::Cancelled(at)) if is_cut(at) => {
                self.state = self.cancel_cut(is_cut(self.mark), rules);
            }
            RowState::Settled(_) => {}
            // The void that this id stands on is gone: the id before it may be applied by a copy any day.
            _ if is_cut(self.mark) && self.id.retry > 0 && rules.cut_retry == CutRetry::Indeterminate => {
                self.state = RowState::Settled(Outcome::Indeterminate);
            }
            RowState::Parked { void: Some(void) } if is_cut(void) && rules.void_again => {
                self.state = RowState::Sent { voiding: Some(Why::Skip) };
            }
            RowState::Queued | RowState::Sent { .. } | RowState::Parked { .. } => {}
        }
        if is_cut(self.mark) {
            self.mark = shared;
        }
    }

    /// A cancel whose void is gone: a copy may have the action applied any day, unless it is voided again.
    fn cancel_cut(self, is_mark_cut: bool, rules: &Rules) -> RowState {
        match rules {
            Rules { cancel_again: false, .. } => RowState::Settled(Outcome::CancelledOnce),
            // And so is the void of the id before it.
            Rules { cut_retry: CutRetry::Indeterminate, .. } if is_mark_cut && self.id.retry > 0 => {
                RowState::Settled(Outcome::Indeterminate)
            }
            _ => RowState::Sent { voiding: Some(Why::Cancel) },
        }
    }
}
