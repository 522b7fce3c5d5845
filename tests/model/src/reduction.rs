//! Keeps runs small: drops from a state what cannot matter any more.
//!
//! Two states that differ only in frames that can get nothing done, and in answers that nobody waits for, behave
//! alike for ever. Dropping those makes them one state, so more of the world fits into a complete run.

use crate::config::Config;
use crate::state::State;

/// Brings a state to the smallest one that behaves alike.
pub(crate) fn reduce(state: &mut State, config: &Config) {
    let State { clients, network, server, rollbacks, .. } = state;
    let waits = |client: u8, id| clients[usize::from(client)].database.waits_for(id);
    // An answer that the client ignores is as good as lost, and a line matters to a frame for its answer alone.
    network.orphan(|in_flight| in_flight.sender.is_some_and(|client| !waits(client, in_flight.frame.id)));
    // A restore lowers the floor and loses entries, so what is spent may be worth something again; unless it takes
    // the frames with it.
    let spent_for_good = config.rules.session_fence || *rollbacks >= config.world.rollbacks;
    network.retain(
        |in_flight| {
            in_flight.sender.is_some() || !(spent_for_good && server.is_spent(in_flight.frame, config))
        },
        |answer| waits(answer.to, answer.id),
    );
}
