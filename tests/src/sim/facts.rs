use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use keepline::{ActionId, Outcome, Stream};
use tokio_util::sync::CancellationToken;

use super::{
    network::{Gates, Morgue},
    plan::{DEVICES, Plan},
    trace::Trace,
};

/// What is known about a run from outside of it: what survives every crash, and what the oracle judges.
#[derive(Clone)]
pub(super) struct World(Arc<Shared>);

struct Shared {
    seed: u64,
    plan: Plan,
    folder: PathBuf,
    gates: [Gates; DEVICES],
    server_morgue: Morgue,
    device_morgues: [Morgue; DEVICES],
    facts: Mutex<Facts>,
}

#[derive(Default)]
pub(super) struct Facts {
    pub(super) trace: Trace,
    pub(super) actions: BTreeMap<ActionId, Asked>,
    pub(super) devices: [DeviceFacts; DEVICES],
    /// What each user's stream held in the end, as somebody saw it who came new.
    pub(super) logs: BTreeMap<&'static str, Vec<Sight>>,
    pub(super) is_calm: bool,
    pub(super) is_audited: bool,
    /// Asks the running server to go in good order.
    pub(super) server_shutdown: CancellationToken,
    pub(super) alarms: Vec<Alarm>,
}

/// An action that a device tried to submit.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) device: usize,
    pub(super) n: i64,
    pub(super) lane: Option<&'static str>,
    pub(super) kind: Kind,
    /// `submit` returned: from here on the action may not be lost.
    pub(super) is_durable: bool,
    pub(super) is_cancelled: bool,
    /// The outcomes that were handed to the app.
    pub(super) told: Vec<Outcome>,
    /// How often the server has let it fail.
    pub(super) failed: u32,
}

/// What an action does, and so what must come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Appends one event.
    Record,
    /// Appends so many events.
    Burst(u32),
    /// Starts a job, which is announced once.
    Job,
    /// Is refused for good.
    Refused,
    /// Fails so many times, then appends one event.
    Stubborn(u32),
}

#[derive(Debug, Default, Clone)]
pub(super) struct DeviceFacts {
    /// There is such a device: a copy exists only once it was made.
    pub(super) is_present: bool,
    pub(super) life: u32,
    pub(super) submitted: i64,
    /// Everything has its outcome, and nothing more will be submitted.
    pub(super) is_settled: bool,
    pub(super) streams: BTreeMap<Stream, Watched>,
}

/// What a device saw of one stream.
#[derive(Debug, Default, Clone)]
pub(super) struct Watched {
    pub(super) sights: Vec<Sight>,
    /// The last event that will ever come was seen.
    pub(super) is_done: bool,
}

/// One item of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sight {
    /// Which life of the device saw it.
    pub(super) life: u32,
    pub(super) epoch: String,
    pub(super) offset: u64,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Event { name: String, payload: String },
    Reset,
}

/// Something that must never happen, seen while it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Alarm {
    /// The program of a host ended or failed.
    Ended(String),
    /// A stream that nobody removed was said to be gone.
    Gone { device: usize, stream: String },
    /// An outcome was lost, or a status came that no fault explains.
    Odd { device: usize, what: String },
}

impl World {
    pub(super) fn new(seed: u64, plan: Plan, folder: &Path) -> Self {
        let mut facts = Facts::default();
        facts.devices[0].is_present = true;
        facts.devices[2].is_present = true;
        Self(Arc::new(Shared {
            seed,
            plan,
            folder: folder.to_owned(),
            gates: Default::default(),
            server_morgue: Morgue::default(),
            device_morgues: Default::default(),
            facts: Mutex::new(facts),
        }))
    }

    pub(super) fn seed(&self) -> u64 {
        self.0.seed
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.0.plan
    }

    pub(super) fn gates(&self, device: usize) -> &Gates {
        &self.0.gates[device]
    }

    pub(super) fn server_morgue(&self) -> &Morgue {
        &self.0.server_morgue
    }

    pub(super) fn device_morgue(&self, device: usize) -> &Morgue {
        &self.0.device_morgues[device]
    }

    pub(super) fn server_folder(&self) -> PathBuf {
        self.0.folder.join("server")
    }

    pub(super) fn database(&self, device: usize) -> PathBuf {
        self.0.folder.join(name(device)).join("queue.db")
    }

    pub(super) fn facts(&self) -> MutexGuard<'_, Facts> {
        // A panic elsewhere is reported on its own; what is here stays readable.
        self.0.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a line from inside a host, at its own time.
    pub(super) fn note(&self, who: &str, what: fmt::Arguments<'_>) {
        let at = turmoil::sim_elapsed().unwrap_or_default();
        self.facts().trace.note(at, who, what);
    }

    pub(super) fn alarm(&self, alarm: Alarm) {
        self.facts().alarms.push(alarm);
    }
}

/// The name of a device's host and folder.
pub(super) fn name(device: usize) -> &'static str {
    ["phone", "copy", "tablet"][device]
}

/// Whose device it is.
pub(super) fn user(device: usize) -> &'static str {
    ["alice", "alice", "bob"][device]
}

/// The time of day inside a host.
pub(super) fn now() -> SystemTime {
    UNIX_EPOCH + turmoil::since_epoch().unwrap_or(EPOCH)
}

/// The same as the client's clock takes it.
pub(super) fn wall_ms() -> i64 {
    let since = turmoil::since_epoch().unwrap_or(EPOCH);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// When the simulation begins; any moment will do that is the same each time.
pub(super) const EPOCH: Duration = Duration::from_secs(1_750_000_000);

/// The record by which everybody sees that a user's stream has come to its end.
pub(super) const MARKER: i64 = -1;
