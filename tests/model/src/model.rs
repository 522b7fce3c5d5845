//! Which steps are possible in a state: the world's half of the machine that the checker runs.

use stateright::{Model, Property};

use crate::config::Config;
use crate::database::Database;
use crate::network::{Answer, Ask, InFlight, Network};
use crate::properties;
use crate::reduction::reduce;
use crate::server::{Handler, Server};
use crate::state::{Client, State};

/// The state machine of one configuration.
#[derive(Clone, Copy, Debug)]
pub struct LedgerModel {
    /// What may happen and how it is met.
    pub config: Config,
}

/// One step. Rows are numbered within their client's database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The app submits an action at this client.
    Submit(u8),
    /// This client's line is lost, if it had one, and a new one is up.
    Connect(u8),
    /// The frame of this client's row leaves.
    Send(u8, usize),
    /// A frame arrives, now or once more, and would meet this handler.
    Arrive(InFlight, Handler),
    /// An answer is heard.
    Hear(Answer),
    /// The app cancels or discards this client's row.
    Cancel(u8, usize),
    /// The app retries this client's row, which is parked.
    Retry(u8, usize),
    /// An action from another device of the owner is applied.
    Other,
    /// The server forgets its oldest entry.
    Prune,
    /// A copy of the first client's file is put aside.
    Save,
    /// The first client's file is replaced by that copy.
    Restore,
    /// The first client's file is copied to a second device.
    Clone,
    /// The server takes a backup.
    BackUp,
    /// The server is restored from it.
    RollBack,
}

impl Model for LedgerModel {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            clients: vec![Client { database: Database::NEW, online: false }],
            server: Server::default(),
            network: Network::default(),
            saved: None,
            submitted: 0,
            others: 0,
            rollbacks: 0,
            copied: false,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        for (index, client) in (0..).zip(&state.clients) {
            self.client_steps(state, index, client, steps);
        }
        for in_flight in state.network.frames() {
            self.arrivals(*in_flight, steps);
        }
        steps.extend(state.network.answers().iter().map(|answer| Step::Hear(*answer)));
        self.disasters(state, steps);
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        state.take(step, &self.config);
        reduce(&mut state, &self.config);
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all(&self.config.world)
    }
}

impl LedgerModel {
    fn client_steps(&self, state: &State, client: u8, device: &Client, steps: &mut Vec<Step>) {
        let world = &self.config.world;
        if state.submitted < world.submits {
            steps.push(Step::Submit(client));
        }
        steps.push(Step::Connect(client));
        for row in 0..device.database.rows.len() {
            let frame = device.database.frame(row, &self.config);
            if device.online && frame.is_some_and(|frame| !state.network.carries(client, frame)) {
                steps.push(Step::Send(client, row));
            }
            if world.cancel && device.database.can_cancel(row) {
                steps.push(Step::Cancel(client, row));
            }
            if device.database.can_retry(row, world.retries) {
                steps.push(Step::Retry(client, row));
            }
        }
    }

    fn arrivals(&self, in_flight: InFlight, steps: &mut Vec<Step>) {
        steps.push(Step::Arrive(in_flight, Handler::Applies));
        if in_flight.frame.ask == Ask::Void {
            return;
        }
        if self.config.world.refusals {
            steps.push(Step::Arrive(in_flight, Handler::Refuses));
        }
        if self.config.world.errors && in_flight.sender.is_some() {
            steps.push(Step::Arrive(in_flight, Handler::Fails));
        }
    }

    fn disasters(&self, state: &State, steps: &mut Vec<Step>) {
        let world = &self.config.world;
        if state.others < world.others {
            steps.push(Step::Other);
        }
        if world.prune && state.server.can_prune() {
            steps.push(Step::Prune);
        }
        if world.restore {
            steps.push(if state.saved.is_none() { Step::Save } else { Step::Restore });
        }
        if world.clone && state.clients.len() == 1 {
            steps.push(Step::Clone);
        }
        if state.rollbacks < world.rollbacks {
            steps.extend([Step::BackUp, Step::RollBack]);
        }
    }
}
