//! A model of the ledger: the rules with which an action reaches the server at least once and is applied once.
//!
//! The rules are few, and each is there because of an accident that is hard to think of: a phone restored from last
//! week's backup, a phone copied to another, a frame that arrives after its action was given up, a server restored
//! behind its clients' backs. This crate plays client and server against all of them at once, in every order, and
//! looks at every state that can be reached. It is small on purpose: one or two devices, a few actions, a short
//! history. What goes wrong with a ledger goes wrong with two rows.
//!
//! # The rules
//!
//! For each owner the server keeps a *ledger*: ids of applied actions, each with its position and outcome, and a
//! *floor* below which entries were forgotten. A frame names its id, its predecessor in the lane and its *mark*, the
//! last place in the ledger that its database knew when the action was submitted. In one transaction:
//!
//! 1. The id is in the ledger: its outcome is answered, with the entry's own position.
//! 2. The mark is below the floor: `INDETERMINATE`. It may have been applied and forgotten, so it is not applied.
//! 3. The predecessor is not in the ledger: `OUT_OF_ORDER`.
//! 4. It is applied or refused for good, and the entry stored with the effect; an error that may pass leaves none.
//!
//! Rule 2 is what makes forgetting safe. An id cannot have been applied before it existed, so its entry, if there is
//! one, lies above its mark; and while the mark is at or above the floor, that entry would still be there. This is
//! why the mark is taken at submit and never raised, why a retry under a new id takes the void's place as its mark,
//! and why marks are cut back when a restored server starts a different history from an earlier place.
//!
//! The client commits a row as sent before it sends it, and from then on only the server's word settles the row:
//! even giving it up is a frame, the void, which goes by the same four rules.
//!
//! # What is explored
//!
//! [`World`] says what may happen: loss, duplication and reordering always; errors, refusals, cancelling, pruning,
//! restored and copied databases, and restored servers by choice. [`Rules`] says how it is met. The tests in
//! `tests/holds.rs` explore worlds completely under [`Rules::PUBLISHED`]; those in `tests/variants.rs` change one
//! rule each and show how that fails. A rule that could be changed without a failure would not be needed, or the
//! model would not be able to see why.
//!
//! # What is left out
//!
//! Payloads, so also the conflict of one id with two of them. Time: expiry of a row never sent is the same as its
//! local cancel, and a resend may happen at any moment rather than when it is due. Checkpoints of the tag below the
//! floor, which only make `unverifiable` rarer. The order of frames on one line: any order is tried. Counting of
//! attempts: any failure may be the last.
//!
//! # An example
//!
//! ```
//! use keepline_model::{Config, ONCE, Rules, World, counterexample, explore};
//!
//! let world = World { prune: true, ..World::CALM };
//! assert!(explore(Config { world, rules: Rules::PUBLISHED }).failures.is_empty());
//!
//! // Without rule 2: applied, forgotten, and applied once more when the frame arrives again.
//! let rules = Rules { refuse_below_floor: false, ..Rules::PUBLISHED };
//! let steps = counterexample(Config { world, rules }, ONCE, 100_000).expect("rule 2 is needed");
//! assert_eq!(steps.len(), 6);
//! ```

mod comparison;
mod config;
mod database;
mod exploration;
mod history;
mod model;
mod network;
mod progress;
mod properties;
mod reduction;
mod server;
mod state;

pub use config::{
    Comparison, Config, CutRetry, DupPosition, MarkTaken, Memory, Policy, Prev, RetryId, Rules, VoidedBy,
    World,
};
pub use exploration::{Exploration, counterexample, explore};
pub use model::{LedgerModel, Step};
pub use properties::{ONCE, ORDER, PROGRESS, TRUTH};
pub use state::{Client, State};
