use std::time::Instant;

use keepline_protocol::{Token, socket_io::Packet};

use crate::{
    clock::Now,
    command::Command,
    config::CoreSettings,
    engine::{Effect, Engine, LinkEvent, TokenFailure, packet_bytes},
    error::{OpenError, StoreError},
    limits::{TRANSMIT_BYTES_MAX, TRANSMIT_PACKETS_MAX},
    store::{Store, Tx},
    transport::Line,
};

/// The engine with its database: one input is one transaction.
pub(crate) struct Core {
    store: Store,
    engine: Engine,
    pub(crate) opened_at: Instant,
}

/// What goes into one transaction.
#[derive(Default)]
pub(crate) struct Work {
    pub(crate) link: Vec<LinkEvent>,
    pub(crate) token: Option<Result<Token, TokenFailure>>,
    pub(crate) commands: Vec<Command>,
}

impl Core {
    /// Opens the database and takes up where it was left.
    pub(crate) fn open(settings: &CoreSettings, now: Now) -> Result<Self, OpenError> {
        let mut store = Store::open(&settings.store)?;
        let seed = settings.seed.unwrap_or_else(|| fastrand::u64(..));
        let options = settings.engine.clone();
        let engine = store.transaction(|tx| Engine::open(now, tx, options, seed)).map_err(open_error)?;
        Ok(Self { store, engine, opened_at: now.at })
    }

    /// Feeds everything in and takes out what may be sent, in one transaction. The packets and the engine's effects
    /// are good only after this has returned.
    pub(crate) fn commit(
        &mut self,
        now: Now,
        work: Work,
        line: &mut Line,
    ) -> Result<Vec<Packet>, StoreError> {
        let Self { store, engine, .. } = self;
        store.transaction(|tx| {
            for event in work.link {
                engine.handle_link(now, tx, event)?;
            }
            if let Some(token) = work.token {
                engine.handle_token(now, tx, token)?;
            }
            for command in work.commands {
                engine.handle_command(now, tx, command)?;
            }
            // Last, so that a heartbeat which waited in the socket counts before the line is called silent.
            if engine.poll_timeout().is_some_and(|(at, _)| at <= now.at) {
                engine.handle_timeout(now, tx)?;
            }
            let packets = transmit(engine, now, tx, line)?;
            engine.finish(now, tx)?;
            Ok(packets)
        })
    }

    /// Stores the cursors that are due and that no transaction took along.
    pub(crate) fn store_cursors(&mut self, now: Now) -> Result<(), StoreError> {
        let Self { store, engine, .. } = self;
        if !engine.cursors_are_due(now) {
            return Ok(());
        }
        store.transaction_unsynced(|tx| engine.store_cursors(now, tx))
    }

    /// The last transaction before the database is closed.
    pub(crate) fn close(&mut self, now: Now, commands: Vec<Command>) -> Result<(), StoreError> {
        let Self { store, engine, .. } = self;
        store.transaction(|tx| {
            for command in commands {
                engine.handle_command(now, tx, command)?;
            }
            engine.handle_closing(now, tx)?;
            engine.finish(now, tx)
        })
    }

    /// How many transactions there were since this was asked last.
    pub(crate) fn take_transactions(&mut self) -> u64 {
        self.store.take_transactions()
    }

    pub(crate) fn poll_effect(&mut self) -> Option<Effect> {
        self.engine.poll_effect()
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.engine.poll_timeout().map(|(at, _)| at)
    }
}

/// Takes packets while the socket has room, up to a batch.
fn transmit(engine: &mut Engine, now: Now, tx: &Tx<'_>, line: &mut Line) -> Result<Vec<Packet>, StoreError> {
    let mut packets = Vec::new();
    let mut bytes = 0;
    if !line.has_room() {
        line.starve();
        return Ok(packets);
    }
    while packets.len() < TRANSMIT_PACKETS_MAX && bytes < TRANSMIT_BYTES_MAX {
        let Some(packet) = engine.poll_transmit(now, tx)? else { return Ok(packets) };
        bytes += packet_bytes(&packet);
        packets.push(packet);
    }
    line.starve();
    Ok(packets)
}

fn open_error(error: StoreError) -> OpenError {
    match error {
        StoreError::Full => OpenError::DiskFull,
        StoreError::Busy => OpenError::StoreBusy,
        StoreError::Corrupt => OpenError::Corrupt,
        StoreError::Io | StoreError::Suspended | StoreError::Closed => OpenError::Io,
    }
}
