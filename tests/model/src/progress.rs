//! Shows a way out: from any state, on which every submission ends in an outcome.
//!
//! A checker of states can say that something always holds or is reached somewhere; that it *can still be reached
//! from everywhere* needs a witness. The witness is a good day: all frames on the way are lost, lines hold and
//! handlers apply. If the rules are stuck on that day, they are stuck on any. The app helps only where a lane waits
//! for it: it discards what blocks. In a lane that skips, a row whose void is known has been dealt with, and the
//! others must not need it gone.

use crate::config::{Config, Policy};
use crate::database::RowState;
use crate::server::Handler;
use crate::state::State;

/// Whether a good day brings every row of every client to its end.
pub(crate) fn is_possible(config: &Config, state: &State) -> bool {
    let mut state = state.clone();
    state.network.drop_frames();
    (0..).zip(&state.clients.clone()).all(|(client, device)| {
        state.connect(client, config);
        // A round brings the head of a lane at least one step further, and no row has more than three to go: it is
        // voided again after a rollback, discarded, settled.
        let rounds = 1 + 3 * device.database.rows.len();
        (0..rounds).any(|_| {
            good_round(client, &mut state, config);
            state.database(client).rows.iter().all(|row| has_ended(row.state, config))
        })
    })
}

fn has_ended(row: RowState, config: &Config) -> bool {
    match row {
        RowState::Settled(_) => true,
        RowState::Parked { void: Some(_) } => config.world.policy == Policy::Skip,
        RowState::Queued | RowState::Sent { .. } | RowState::Parked { void: None } => false,
    }
}

fn good_round(client: u8, state: &mut State, config: &Config) {
    for row in 0..state.database(client).rows.len() {
        let database = state.database(client);
        let now = database.rows[row].state;
        if matches!(now, RowState::Parked { .. }) && !has_ended(now, config) {
            database.cancel(row, &config.rules);
        }
        if database.frame(row, config).is_none() {
            continue;
        }
        database.mark_sent(row, &config.rules);
        let Some(frame) = database.frame(row, config) else { continue };
        let reply = state.server.handle(frame, Handler::Applies, &config.rules);
        state.database(client).hear(frame.id, reply, config);
    }
}
