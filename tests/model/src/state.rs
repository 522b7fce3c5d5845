//! Two clients, one server and the network between them, and what each step does to them.

use crate::config::Config;
use crate::database::{Database, RowState};
use crate::history::Verdict;
use crate::model::Step;
use crate::network::{Answer, InFlight, Network, Reply};
use crate::server::{Handler, Server};

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

impl State {
    /// Takes one step, which the world allows.
    pub(crate) fn take(&mut self, step: Step, config: &Config) {
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
