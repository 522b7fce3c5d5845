//! The server's half: four rules in one transaction, pruning, and a backup that may be restored.

use crate::config::{Config, DupPosition, Memory, Rules};
use crate::history::{ActionId, Cursor, Entry, History, Verdict};
use crate::network::{Ask, Frame, Reply};

/// The server of one owner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Server {
    history: History,
    /// Entries up to here were forgotten.
    floor: u8,
    backup: Option<Backup>,
}

/// A backup is a prefix of the history: effects and entries up to a position, and the floor of that day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Backup {
    position: u8,
    floor: u8,
}

/// What the handler would do, were the action to reach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handler {
    /// Does it.
    Applies,
    /// Refuses for good.
    Refuses,
    /// Fails in a way that may pass.
    Fails,
}

/// The server's word on a client's cursor at connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The cursor is in this history.
    Ok,
    /// It is not.
    RolledBack,
    /// It is older than what the server kept.
    Unverifiable,
}

impl Server {
    /// What really happened, for the properties.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The place that the server gives to a client that connects.
    pub fn head(&self) -> Cursor {
        self.history.head()
    }

    /// Takes one frame. This is the ledger's transaction: its effects are visible to nobody before it is whole.
    pub fn handle(&mut self, frame: Frame, handler: Handler, rules: &Rules) -> Reply {
        if rules.memory == Memory::HighWaterMark {
            return self.handle_by_sequence(frame, handler);
        }
        // Rule 1: what is known is answered, never done again.
        if let Some((at, verdict)) = self.history.find_above(self.floor, frame.id) {
            let at = match rules.dup_position {
                DupPosition::OfTheEntry => at,
                DupPosition::OfTheHead => self.head(),
            };
            return Reply::Outcome { verdict, at };
        }
        // Rule 2: what may have been forgotten is not done.
        let forgets_knowingly = rules.memory == Memory::Ledger && rules.refuse_below_floor;
        if forgets_knowingly && frame.mark.position < self.floor {
            return Reply::Indeterminate;
        }
        // Rule 3: nobody overtakes.
        if rules.refuse_out_of_order && frame.prev.is_some_and(|prev| !self.knows(prev)) {
            return Reply::OutOfOrder;
        }
        self.decide(frame, handler)
    }

    /// Rule 4: an outcome takes the next position, together with its effect; a failure leaves no trace.
    fn decide(&mut self, frame: Frame, handler: Handler) -> Reply {
        let verdict = match (frame.ask, handler) {
            (Ask::Void, _) => Verdict::Void,
            (Ask::Act, Handler::Applies) => Verdict::Applied,
            (Ask::Act, Handler::Refuses) => Verdict::Rejected,
            (Ask::Act, Handler::Fails) => return Reply::Failed,
        };
        let at = self.history.append(Entry { id: frame.id, verdict });
        Reply::Outcome { verdict, at }
    }

    /// The rejected design with a bare high-water mark: the next number is new, a lower one was done before.
    fn handle_by_sequence(&mut self, frame: Frame, handler: Handler) -> Reply {
        let high = self.history.len();
        if let (Some(entry), Some(at)) = (self.history.entry(frame.sequence), self.history.at(frame.sequence))
        {
            return Reply::Outcome { verdict: entry.verdict, at };
        }
        if frame.sequence > high + 1 { Reply::OutOfOrder } else { self.decide(frame, handler) }
    }

    /// Applies an action of a device that is not modelled: only its entry matters here.
    pub fn apply_other(&mut self, number: u8) {
        let id = ActionId { intent: FIRST_OTHER_INTENT + number, retry: 0, salt: 0 };
        self.history.append(Entry { id, verdict: Verdict::Applied });
    }

    /// Compares a client's cursor with this history, as far back as it is kept.
    pub fn standing(&self, cursor: Cursor) -> Standing {
        if cursor == Cursor::ORIGIN {
            return Standing::Ok;
        }
        if cursor.position < self.floor {
            return Standing::Unverifiable;
        }
        if self.history.at(cursor.position) == Some(cursor) { Standing::Ok } else { Standing::RolledBack }
    }

    /// Rule 1's and rule 3's question.
    pub fn knows(&self, id: ActionId) -> bool {
        self.history.find_above(self.floor, id).is_some()
    }

    /// Whether this frame can get nothing done any more, provided that the server is not restored.
    pub fn is_spent(&self, frame: Frame, config: &Config) -> bool {
        let known_for_ever = !config.world.prune && self.knows(frame.id);
        let below_floor = config.rules.refuse_below_floor && frame.mark.position < self.floor;
        known_for_ever || below_floor
    }

    /// Whether there is an entry left to forget.
    pub fn can_prune(&self) -> bool {
        self.floor < self.history.len()
    }

    /// Forgets the oldest entry.
    pub fn prune(&mut self) {
        self.floor += 1;
    }

    /// Whether anything was forgotten.
    pub fn has_pruned(&self) -> bool {
        self.floor > 0
    }

    /// Takes a backup of today; the older one is given up.
    pub fn back_up(&mut self) {
        self.backup = Some(Backup { position: self.history.len(), floor: self.floor });
    }

    /// Restores the backup, or an empty server where there is none. What came after is lost, effect and entry
    /// together.
    pub fn restore(&mut self) {
        let Backup { position, floor } = self.backup.unwrap_or(Backup { position: 0, floor: 0 });
        self.history.cut(position);
        self.floor = floor;
    }
}

/// Far above the intents of any run, and in a lane of nobody's interest.
pub(crate) const FIRST_OTHER_INTENT: u8 = 100;
