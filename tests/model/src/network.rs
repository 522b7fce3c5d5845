//! What travels between the two ends, and how badly.
//!
//! A frame that was sent once stays for ever and may be handed over any number of times, in any order, at any time:
//! that is loss (never handed over), duplication, reordering and the frame that arrives long after, all in one. When
//! the sender's line is lost, its frames stay behind as zombies: the server acts on them, nobody hears the answer.
//! Answers belong to a line and die with it.

use crate::history::{ActionId, Cursor, Verdict};

/// What the client asks for an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ask {
    /// Apply it.
    Act,
    /// Store a void for it.
    Void,
}

/// One frame from a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frame {
    /// Which action.
    pub id: ActionId,
    /// To apply or to void.
    pub ask: Ask,
    /// The predecessor that must be in the ledger first.
    pub prev: Option<ActionId>,
    /// The place in the ledger that was known at submit.
    pub mark: Cursor,
    /// The row's number in its database. Only the high-water mark reads it.
    pub sequence: u8,
}

/// A frame on its way, with the client that would hear the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InFlight {
    /// The frame.
    pub frame: Frame,
    /// The client whose present line carries it; none once that line is lost.
    pub sender: Option<u8>,
}

/// What the server says to one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reply {
    /// The ledger's word, with its place.
    Outcome {
        /// The word.
        verdict: Verdict,
        /// Its place.
        at: Cursor,
    },
    /// It may have been applied and forgotten.
    Indeterminate,
    /// An error that may pass; nothing was stored.
    Failed,
    /// The predecessor is not there yet; nothing was stored.
    OutOfOrder,
}

/// A reply on its way to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Answer {
    /// Who hears it.
    pub to: u8,
    /// Which action it is about.
    pub id: ActionId,
    /// What it says.
    pub reply: Reply,
}

/// Everything on its way. Both lists are sorted sets, so that equal contents are equal states.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Network {
    frames: Vec<InFlight>,
    answers: Vec<Answer>,
}

impl Network {
    /// Frames that may arrive now.
    pub fn frames(&self) -> &[InFlight] {
        &self.frames
    }

    /// Answers that may be heard now.
    pub fn answers(&self) -> &[Answer] {
        &self.answers
    }

    /// Whether this client's line carries this very frame already.
    pub fn carries(&self, sender: u8, frame: Frame) -> bool {
        self.frames.binary_search(&InFlight { frame, sender: Some(sender) }).is_ok()
    }

    /// A client sends.
    pub fn send(&mut self, sender: u8, frame: Frame) {
        self.put(InFlight { frame, sender: Some(sender) });
    }

    /// A zombie beside the same frame on a line would add nothing, so it is not kept.
    fn put(&mut self, in_flight: InFlight) {
        let zombie = InFlight { sender: None, ..in_flight };
        if in_flight.sender.is_some() {
            self.frames.retain(|other| *other != zombie);
        } else if self.frames.iter().any(|other| other.frame == zombie.frame) {
            return;
        }
        insert(&mut self.frames, in_flight);
    }

    /// The server answers. While an answer about an action waits to be heard, later ones about it are lost: that
    /// leaves out no behaviour, as the same frame may arrive again after the first was heard, and it keeps runs small.
    pub fn answer(&mut self, answer: Answer) {
        if !self.answers.iter().any(|other| (other.to, other.id) == (answer.to, answer.id)) {
            insert(&mut self.answers, answer);
        }
    }

    /// A client has heard an answer.
    pub fn heard(&mut self, answer: Answer) {
        self.answers.retain(|other| *other != answer);
    }

    /// A client's line is lost: its answers are gone, its frames become zombies.
    pub fn lose_line(&mut self, client: u8) {
        self.answers.retain(|answer| answer.to != client);
        self.orphan(|in_flight| in_flight.sender == Some(client));
    }

    /// Makes zombies of these frames.
    pub fn orphan(&mut self, these: impl Fn(&InFlight) -> bool) {
        // This runs in each step of each run, and mostly for nothing.
        if !self.frames.iter().any(&these) {
            return;
        }
        let (orphans, kept) = self.frames.iter().partition(|in_flight| these(in_flight));
        let orphans: Vec<InFlight> = orphans;
        self.frames = kept;
        for orphan in orphans {
            self.put(InFlight { sender: None, ..orphan });
        }
    }

    /// Drops what no one will miss.
    pub fn retain(&mut self, frames: impl Fn(&InFlight) -> bool, answers: impl Fn(&Answer) -> bool) {
        self.frames.retain(frames);
        self.answers.retain(answers);
    }

    /// Every frame is lost for good: the processes that held the connections are gone.
    pub fn drop_frames(&mut self) {
        self.frames.clear();
    }
}

fn insert<T: Ord>(set: &mut Vec<T>, item: T) {
    if let Err(index) = set.binary_search(&item) {
        set.insert(index, item);
    }
}
