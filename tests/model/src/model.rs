//! The whole: two clients, one server and the network between them, as a state machine for the checker.

use stateright::{Model, Property};

use crate::config::Config;
use crate::database::{Database, RowState};
use crate::history::Verdict;
use crate::network::{Answer, Ask, InFlight, Network, Reply};
use crate::properties;
use crate::reduction::reduce;
use crate::server::{Handler, Server};

/// The state machine of one configuration.
#[derive(Clone, Copy, Debug)]
pub struct LedgerModel {
    /// What may happen and how it is met.
    pub config: Config,
}

/// Everything there is at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The original, and its copy once there is one.
    pub clients: Vec<Client>,
    /// The server.
    pub server: Server,
    /// What is between them.
    pub network: Network,
    /// The saved copy of the first client's database.
    pub saved: Option<Database>,
    /// Actions submitted so far.
    pub submitted: u8,
    /// Actions applied so far from the owner's other devices.
    pub others: u8,
    /// Restores of the server so far.
    pub rollbacks: u8,
    /// Whether a copy of the database has ever been in use.
    pub copied: bool,
}

/// One device.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    /// Its file.
    pub database: Database,
    /// Whether it has compared its ledger with this server since the file or the server last changed.
    pub online: bool,
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

impl State {
    fn take(&mut self, step: Step, config: &Config) {
        match step {
            Step::Submit(client) => {
                let intent = self.submitted;
                self.database(client).submit(intent);
                self.submitted += 1;
            }
            Step::Connect(client) => self.connect(client, config),
            Step::Send(client, row) => self.send(client, row, config),
            Step::Arrive(in_flight, handler) => self.arrive(in_flight, handler, config),
            Step::Hear(answer) => {
                self.network.heard(answer);
                self.database(answer.to).hear(answer.id, answer.reply, config);
            }
            Step::Cancel(client, row) => self.database(client).cancel(row, &config.rules),
            Step::Retry(client, row) => self.database(client).retry(row, client + 1, &config.rules),
            Step::Other => {
                self.server.apply_other(self.others);
                self.others += 1;
            }
            Step::Prune => self.server.prune(),
            Step::Save => self.saved = Some(self.database(0).clone()),
            Step::Restore => self.restore(),
            Step::Clone => {
                let database = self.database(0).clone();
                self.clients.push(Client { database, online: false });
                self.copied = true;
            }
            Step::BackUp => self.server.back_up(),
            Step::RollBack => self.roll_back(config),
        }
    }

    /// The database of a client.
    pub fn database(&mut self, client: u8) -> &mut Database {
        &mut self.clients[usize::from(client)].database
    }

    /// A new line, with the comparison that comes before anything is sent.
    pub fn connect(&mut self, client: u8, config: &Config) {
        self.network.lose_line(client);
        let device = &mut self.clients[usize::from(client)];
        device.database.connect(&self.server, &config.rules);
        device.online = true;
    }

    fn send(&mut self, client: u8, row: usize, config: &Config) {
        let database = self.database(client);
        database.mark_sent(row, &config.rules);
        if let Some(frame) = database.frame(row, config) {
            self.network.send(client, frame);
        }
    }

    fn arrive(&mut self, InFlight { frame, sender }: InFlight, handler: Handler, config: &Config) {
        let reply = self.server.handle(frame, handler, &config.rules);
        // After `OUT_OF_ORDER` the client sends again, which it may do at any time in this model anyway.
        if let (Some(to), false) = (sender, reply == Reply::OutOfOrder) {
            self.network.answer(Answer { to, id: frame.id, reply });
        }
    }

    fn restore(&mut self) {
        let Some(saved) = self.saved.clone() else { return };
        self.network.lose_line(0);
        self.clients[0] = Client { database: saved, online: false };
        self.copied = true;
    }

    fn roll_back(&mut self, config: &Config) {
        self.server.restore();
        self.rollbacks += 1;
        for (client, device) in (0..).zip(&mut self.clients) {
            self.network.lose_line(client);
            device.online = false;
        }
        if config.rules.session_fence {
            self.network.drop_frames();
        }
    }

    /// Whether any row of any client fits.
    pub fn any_row(&self, fits: impl Fn(&RowState) -> bool) -> bool {
        self.clients.iter().flat_map(|client| &client.database.rows).any(|row| fits(&row.state))
    }

    /// Whether any entry of the present history is a retry that was applied.
    pub fn retry_applied(&self) -> bool {
        let entries = self.server.history().entries();
        entries.iter().any(|entry| entry.id.retry > 0 && entry.verdict == Verdict::Applied)
    }
}
