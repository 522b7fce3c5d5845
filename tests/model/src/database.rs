//! The client's database: rows in the order of their submission, and the newest known place in the ledger.

use crate::config::{Config, MarkTaken, Policy, Prev, RetryId, Rules, VoidedBy, World};
use crate::history::{ActionId, Cursor, Verdict};
use crate::network::{Ask, Frame, Reply};

/// One client's file. Cloning the value is what copying the file does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Database {
    /// The outbox.
    pub rows: Vec<Row>,
    /// The newest known place in the ledger; a row that is submitted takes it as its mark.
    pub cursor: Cursor,
}

/// One action in the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    /// Its present id.
    pub id: ActionId,
    /// Its mark, never raised.
    pub mark: Cursor,
    /// What became of it.
    pub state: RowState,
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowState {
    /// Never sent under its present id.
    Queued,
    /// Committed as sent, then sent. From here on only the server's word settles it.
    Sent {
        /// Asking for a void, and why.
        voiding: Option<Why>,
    },
    /// Could not be delivered; waits for the app.
    Parked {
        /// The place of its void. A row without one still counts as a predecessor.
        void: Option<Cursor>,
    },
    /// Its outcome is known.
    Settled(Outcome),
}

/// Why a row is being voided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// The lane moves on without it; the app may retry it.
    Skip,
    /// The app does not want it any more.
    Cancel,
}

/// What the app is told, with the place in the ledger that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Applied.
    Accepted(Cursor),
    /// Refused for good.
    Rejected(Cursor),
    /// Voided by the server's word.
    Cancelled(Cursor),
    /// Cancelled here, before it was ever sent from here.
    CancelledUnsent,
    /// It may have been applied.
    Indeterminate,
    /// It was accepted or rejected, the server was rolled back behind it, and the app was told so.
    Lost,
    /// It was voided by the server's word, the server was rolled back behind it, the app was told so, and that was all.
    CancelledOnce,
}

impl Row {
    fn is_settled(&self) -> bool {
        matches!(self.state, RowState::Settled(_))
    }

    /// Whether a successor must wait for this row's entry.
    fn is_predecessor(&self, rule: Prev) -> bool {
        match self.state {
            RowState::Queued | RowState::Sent { .. } | RowState::Parked { void: None } => true,
            RowState::Parked { void: Some(_) } => rule == Prev::NearestUnsettledOrVoided,
            RowState::Settled(_) => false,
        }
    }

    /// Whether the server's word is awaited. It is taken for a row that was parked meanwhile, too.
    fn waits(&self) -> bool {
        matches!(self.state, RowState::Sent { .. } | RowState::Parked { void: None })
    }

    fn settle(&mut self, outcome: Outcome) {
        self.state = RowState::Settled(outcome);
    }
}

impl Database {
    /// An empty file.
    pub const NEW: Self = Self { rows: Vec::new(), cursor: Cursor::ORIGIN };

    /// Submits an action.
    pub fn submit(&mut self, intent: u8) {
        let id = ActionId { intent, retry: 0, salt: 0 };
        self.rows.push(Row { id, mark: self.cursor, state: RowState::Queued });
    }

    /// The frame that the row may send now, if any. A lane first sends in order, inside its window, and not past a
    /// row that blocks it; what was sent may be sent again at any time.
    pub fn frame(&self, index: usize, config: &Config) -> Option<Frame> {
        let row = self.rows[index];
        let ask = match row.state {
            RowState::Queued | RowState::Sent { voiding: None } => Ask::Act,
            RowState::Sent { voiding: Some(_) } => Ask::Void,
            RowState::Parked { .. } | RowState::Settled(_) => return None,
        };
        let before = || self.before(index, &config.world);
        if ask == Ask::Act {
            let blocked = before().any(|row| match row.state {
                RowState::Queued => true,
                RowState::Parked { .. } => config.world.policy == Policy::Block,
                RowState::Sent { .. } | RowState::Settled(_) => false,
            });
            let ahead = before().filter(|row| !row.is_settled()).count();
            if blocked || ahead >= usize::from(config.world.window) {
                return None;
            }
        }
        let rule = config.rules.prev;
        let prev = match (ask, rule) {
            (Ask::Void, _) if !config.rules.void_names_prev => None,
            (_, Prev::ImmediateOnly) => before().next().filter(|row| row.is_predecessor(rule)),
            _ => before().find(|row| row.is_predecessor(rule)),
        };
        let sequence = u8::try_from(index + 1).expect("a model run has a handful of rows");
        Some(Frame { id: row.id, ask, prev: prev.map(|row| row.id), mark: row.mark, sequence })
    }

    /// The rows before this one in its lane, the nearest first.
    fn before(&self, index: usize, world: &World) -> impl Iterator<Item = &Row> {
        let lanes = world.lanes;
        let lane = self.rows[index].id.intent % lanes;
        self.rows[..index].iter().rev().filter(move |row| row.id.intent % lanes == lane)
    }

    /// Commits the row as sent; the frame leaves after that.
    pub fn mark_sent(&mut self, index: usize, rules: &Rules) {
        let row = &mut self.rows[index];
        if row.state == RowState::Queued {
            if rules.mark == MarkTaken::AtFirstSend {
                row.mark = self.cursor;
            }
            row.state = RowState::Sent { voiding: None };
        }
    }

    /// Takes the server's word on an action. A word on an id that is not waiting here changes nothing.
    pub fn hear(&mut self, id: ActionId, reply: Reply, config: &Config) {
        let cursor = self.cursor;
        let Some(row) = self.rows.iter_mut().find(|row| row.id == id && row.waits()) else { return };
        let voiding = if let RowState::Sent { voiding } = row.state { voiding } else { None };
        match reply {
            Reply::Outcome { verdict, at, .. } => {
                match (verdict, voiding) {
                    (Verdict::Applied, _) => row.settle(Outcome::Accepted(at)),
                    (Verdict::Rejected, _) => row.settle(Outcome::Rejected(at)),
                    (Verdict::Void, Some(Why::Cancel)) => row.settle(Outcome::Cancelled(at)),
                    // A copy has voided it, or this lane has moved on: the app may retry.
                    (Verdict::Void, _) => row.state = RowState::Parked { void: Some(at) },
                }
                self.cursor = cursor.max(at);
            }
            Reply::Indeterminate => row.settle(Outcome::Indeterminate),
            Reply::Failed if voiding.is_none() => {
                row.state = match (config.world.policy, config.rules.void) {
                    (Policy::Block, _) => RowState::Parked { void: None },
                    (Policy::Skip, VoidedBy::Server) => RowState::Sent { voiding: Some(Why::Skip) },
                    (Policy::Skip, VoidedBy::Client) => RowState::Parked { void: Some(cursor) },
                };
            }
            Reply::Failed | Reply::OutOfOrder => {}
        }
    }

    /// Whether the server's word on this id would be taken.
    pub fn waits_for(&self, id: ActionId) -> bool {
        self.rows.iter().any(|row| row.id == id && row.waits())
    }

    /// Whether the app may cancel or discard the row.
    pub fn can_cancel(&self, index: usize) -> bool {
        !matches!(
            self.rows[index].state,
            RowState::Sent { voiding: Some(Why::Cancel) } | RowState::Settled(_)
        )
    }

    /// The app cancels or discards: certain at once for a row never sent or known as void, else the server's word.
    pub fn cancel(&mut self, index: usize, rules: &Rules) {
        let row = &mut self.rows[index];
        match row.state {
            RowState::Queued => row.settle(Outcome::CancelledUnsent),
            RowState::Parked { void: Some(at) } => row.settle(Outcome::Cancelled(at)),
            RowState::Sent { .. } | RowState::Parked { void: None } => match rules.void {
                VoidedBy::Server => row.state = RowState::Sent { voiding: Some(Why::Cancel) },
                VoidedBy::Client => row.settle(Outcome::CancelledUnsent),
            },
            RowState::Settled(_) => {}
        }
    }

    /// Whether the app may retry the row.
    pub fn can_retry(&self, index: usize, retries: u8) -> bool {
        match self.rows[index].state {
            RowState::Parked { void: None } => true,
            RowState::Parked { void: Some(_) } => self.rows[index].id.retry < retries,
            _ => false,
        }
    }

    /// The app retries a parked row: under its own id while that is undecided, under the next one after a void,
    /// whose place becomes the mark: nobody can have applied the new id before it.
    pub fn retry(&mut self, index: usize, salt: u8, rules: &Rules) {
        let row = &mut self.rows[index];
        match row.state {
            RowState::Parked { void: None } => row.state = RowState::Sent { voiding: None },
            RowState::Parked { void: Some(void) } => {
                row.id.retry += 1;
                row.id.salt = if rules.retry_id == RetryId::Random { salt } else { 0 };
                row.mark = void;
                row.state = RowState::Queued;
            }
            _ => {}
        }
    }
}
