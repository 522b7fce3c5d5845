//! What must hold in every state, and what must be reached in some.

use stateright::Property;

use crate::config::{Policy, World};
use crate::database::{Outcome, Row, RowState};
use crate::history::{ActionId, Verdict};
use crate::model::LedgerModel;
use crate::progress;
use crate::server::FIRST_OTHER_INTENT;
use crate::state::State;

/// No action has two effects in the history that survives, under whatever ids, and no id has two entries.
pub const ONCE: &str = "no action is applied twice";
/// A client that has compared its ledger with the server shows no outcome that the history does not bear out: an
/// accepted action is there, a refused or a cancelled one is not, and what was lost with a rollback was told.
pub const TRUTH: &str = "an outcome says what happened";
/// Effects of one lane of a database that was not copied stand in the order of their submission. A retry after a
/// void comes where it comes: the app was asked.
pub const ORDER: &str = "lane order is kept";
/// From every state there is a way on which every submission ends in an outcome.
pub const PROGRESS: &str = "every submission can still end in an outcome";

/// The properties that fit this world. Those of the second kind prove that the first kind was tried.
pub(crate) fn all(world: &World) -> Vec<Property<LedgerModel>> {
    let mut properties = vec![
        Property::always(ONCE, |_, state: &State| once(state)),
        Property::always(TRUTH, |_, state| truth(state)),
        Property::always(ORDER, |model: &LedgerModel, state| order(model.config.world.lanes, state)),
    ];
    if world.check_progress {
        properties.push(Property::always(PROGRESS, |model: &LedgerModel, state| {
            progress::is_possible(&model.config, state)
        }));
    }
    properties.extend(reached(world));
    properties
}

fn once(state: &State) -> bool {
    let entries = state.server.history().entries();
    entries.iter().enumerate().all(|(index, entry)| {
        entries[..index].iter().all(|earlier| {
            let both_applied = earlier.verdict == Verdict::Applied && entry.verdict == Verdict::Applied;
            earlier.id != entry.id && !(both_applied && earlier.id.intent == entry.id.intent)
        })
    })
}

fn truth(state: &State) -> bool {
    let compared = state.clients.iter().filter(|client| client.online);
    compared.flat_map(|client| &client.database.rows).all(|row| bears_out(state, row))
}

fn bears_out(state: &State, row: &Row) -> bool {
    let stands = |verdict| {
        let mut entries = state.server.history().entries().iter();
        entries.any(|entry| entry.id == row.id && entry.verdict == verdict)
    };
    match row.state {
        RowState::Settled(Outcome::Accepted(_)) => stands(Verdict::Applied),
        RowState::Settled(Outcome::Rejected(_)) => stands(Verdict::Rejected),
        // A copy may have retried it under the next id.
        RowState::Settled(Outcome::Cancelled(_)) => {
            stands(Verdict::Void) && (state.copied || !has_effect(state, row.id))
        }
        // The app was told that the server has lost this, and not that it may happen after all.
        RowState::Settled(Outcome::CancelledOnce) => !stands(Verdict::Applied),
        // A copy may send its own row.
        RowState::Settled(Outcome::CancelledUnsent) => state.copied || !has_effect(state, row.id),
        _ => true,
    }
}

fn has_effect(state: &State, id: ActionId) -> bool {
    let mut entries = state.server.history().entries().iter();
    entries.any(|entry| entry.id.intent == id.intent && entry.verdict == Verdict::Applied)
}

fn order(lanes: u8, state: &State) -> bool {
    if state.copied {
        return true;
    }
    (0..lanes).all(|lane| {
        let entries = state.server.history().entries().iter();
        let applied = entries.filter(|entry| {
            let id = entry.id;
            let ours = id.intent < FIRST_OTHER_INTENT && id.intent % lanes == lane;
            entry.verdict == Verdict::Applied && id.retry == 0 && ours
        });
        applied.map(|entry| entry.id.intent).is_sorted()
    })
}

type Condition = fn(&LedgerModel, &State) -> bool;

fn reached(world: &World) -> Vec<Property<LedgerModel>> {
    let voids_and_retries =
        world.retries > 0 && (world.clone || world.errors && world.policy == Policy::Skip);
    let reached: [(bool, &'static str, Condition); 9] = [
        (true, "accepted", |_, state| settled(state, |outcome| matches!(outcome, Outcome::Accepted(_)))),
        (true, "a known id may arrive again", |_, state| {
            let mut frames = state.network.frames().iter();
            frames.any(|frame| frame.sender.is_some() && state.server.knows(frame.frame.id))
        }),
        (world.refusals, "rejected", |_, state| {
            settled(state, |outcome| matches!(outcome, Outcome::Rejected(_)))
        }),
        (world.cancel, "cancelled by a void", |_, state| {
            settled(state, |outcome| matches!(outcome, Outcome::Cancelled(_)))
        }),
        (world.errors, "parked", |_, state| state.any_row(|row| matches!(row, RowState::Parked { .. }))),
        (voids_and_retries, "retried after a void, and applied", |_, state| state.retry_applied()),
        (world.prune, "pruned", |_, state| state.server.has_pruned()),
        (world.prune, "indeterminate", |_, state| {
            settled(state, |outcome| matches!(outcome, Outcome::Indeterminate))
        }),
        (world.rollbacks > 0, "lost with a rollback, and told", |_, state| {
            settled(state, |outcome| matches!(outcome, Outcome::Lost))
        }),
    ];
    let fitting = reached.into_iter().filter(|(fits, ..)| *fits);
    fitting.map(|(_, name, condition)| Property::sometimes(name, condition)).collect()
}

fn settled(state: &State, fits: fn(&Outcome) -> bool) -> bool {
    state.any_row(|row| matches!(row, RowState::Settled(outcome) if fits(outcome)))
}
