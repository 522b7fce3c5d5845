//! Real clients, the real server and a simulated network in one thread, driven by one seed.
//!
//! A run has three devices (a phone, a copy of the phone's database that turns up in the middle, and another user's
//! tablet) and one server. Each is a host with its own runtime on simulated time; its database is a real SQLite file
//! that outlives the host's crashes. The seed decides what the devices submit and what goes wrong: crashes of the
//! server and of devices, a server that goes in good order, partitions in one or both directions, directions that
//! stand still and go on later, slow links, suspended clients, networks lost and found. After a while everything
//! heals, and then the oracle asks whether Keepline kept its promise.
//!
//! A crash is the death of a process: its memory is gone, what it had committed is there. Power cuts are not in it.
//!
//! Two runs of one seed do the same, step by step, so a seed that failed can be looked at again.

mod auditor;
mod device;
mod facts;
mod network;
mod oracle;
mod plan;
mod server;
mod trace;

use std::{
    cell::Cell,
    path::{Path, PathBuf},
    sync::Once,
    time::{Duration, UNIX_EPOCH},
};

use turmoil::Sim;

pub use self::oracle::Finding;
use self::{
    facts::{Alarm, EPOCH, World, name},
    plan::{DEVICES, Fault, Plan},
};

/// How a run went.
#[derive(Debug)]
pub struct Report {
    /// What it was driven by.
    pub seed: u64,
    /// Two runs of one seed have the same.
    pub hash: u64,
    /// What happened, line by line, each with its time in milliseconds.
    pub trace: Vec<String>,
    /// What must not be. Empty, or there is a bug.
    pub findings: Vec<Finding>,
    /// How much was tried.
    pub counts: Counts,
}

/// How much a run tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Actions that were durable.
    pub actions: usize,
    /// Events that devices took.
    pub events: usize,
    /// Lives of devices and of the server.
    pub lives: usize,
    /// Simulated milliseconds.
    pub millis: u64,
}

/// Runs one seed.
///
/// # Errors
/// Where there is no room for the databases.
pub fn run(seed: u64) -> std::io::Result<Report> {
    watch_for_panics();
    PANICS.set(0);
    let folder = tempfile::Builder::new().prefix("keepline-sim").tempdir_in(fast_folder())?;
    let world = World::new(seed, Plan::of(seed), folder.path());
    let mut stage = Stage::new(world.clone());
    let outcome = stage.play();
    let millis = u64::try_from(stage.sim.elapsed().as_millis()).unwrap_or(u64::MAX);
    drop(stage);
    let mut findings = oracle::judge(&world);
    findings.extend(outcome);
    findings.extend((PANICS.get() > 0).then_some(Finding::Panicked));
    let mut facts = world.facts();
    let counts = Counts {
        actions: facts.actions.values().filter(|asked| asked.is_durable).count(),
        events: facts
            .devices
            .iter()
            .flat_map(|device| device.streams.values())
            .map(|seen| seen.sights.len())
            .sum(),
        lives: facts.devices.iter().map(|device| device.life as usize).sum(),
        millis,
    };
    let (trace, hash) = std::mem::take(&mut facts.trace).into_parts();
    Ok(Report { seed, hash, trace, findings, counts })
}

struct Stage {
    world: World,
    sim: Sim<'static>,
    faults: std::vec::IntoIter<(Duration, Fault)>,
    next: Option<(Duration, Fault)>,
}

impl Stage {
    fn new(world: World) -> Self {
        let plan = world.plan();
        let mut sim = turmoil::Builder::new()
            .rng_seed(world.seed())
            .epoch(UNIX_EPOCH + EPOCH)
            .simulation_duration(PATIENCE + plan.calm_at)
            .tick_duration(plan.tick)
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(plan.latency_max)
            // More segments under way than any buffer above it: what is full there is for the real buffers to show.
            .tcp_capacity(4_096)
            .enable_random_order()
            .build();
        let ours = world.clone();
        sim.host(server::HOST, move || server::live(ours.clone()));
        for device in 0..DEVICES {
            let ours = world.clone();
            sim.host(name(device), move || device::live(ours.clone(), device));
        }
        let ours = world.clone();
        sim.host(auditor::HOST, move || auditor::live(ours.clone()));
        let mut faults = plan.faults.clone().into_iter();
        let next = faults.next();
        Self { world, sim, faults, next }
    }

    /// Runs to the end; gives what ended it too early.
    fn play(&mut self) -> Option<Finding> {
        let end = self.world.plan().calm_at + PATIENCE;
        let mut is_calm = false;
        while !self.is_over() {
            if let Err(error) = self.sim.step() {
                return Some(Finding::Alarm(Alarm::Ended(error.to_string()).to_string()));
            }
            let now = self.sim.elapsed();
            while let Some((at, fault)) = self.next.filter(|(at, _)| *at <= now) {
                self.world.facts().trace.note(at, "fault", format_args!("{fault:?}"));
                self.next = self.faults.next();
                self.apply(fault);
            }
            if !is_calm && now >= self.world.plan().calm_at {
                is_calm = true;
                self.heal();
            }
            if now >= end {
                return Some(self.unfinished());
            }
        }
        None
    }

    fn is_over(&self) -> bool {
        let facts = self.world.facts();
        facts.is_audited
            && facts
                .devices
                .iter()
                .filter(|device| device.is_present)
                .all(|device| device.streams.values().all(|watched| watched.is_done))
    }

    fn apply(&mut self, fault: Fault) {
        match fault {
            Fault::CrashServer => self.crash_server(),
            Fault::DrainServer => self.world.facts().server_shutdown.cancel(),
            Fault::StartServer => self.start(server::HOST),
            Fault::CrashDevice(device) => self.crash_device(device),
            Fault::StartDevice(device) => self.start(name(device)),
            Fault::CopyDatabase => self.copy_database(),
            Fault::Partition(device) => self.sim.partition(name(device), server::HOST),
            Fault::PartitionUp(device) => self.sim.partition_oneway(name(device), server::HOST),
            Fault::PartitionDown(device) => self.sim.partition_oneway(server::HOST, name(device)),
            Fault::Repair(device) => self.sim.repair(name(device), server::HOST),
            Fault::Hold { device, is_up } => self.world.gates(device).set(is_up, false),
            Fault::Release { device, is_up } => self.world.gates(device).set(is_up, true),
            Fault::Latency { device, ms } => {
                self.sim.set_link_max_message_latency(name(device), server::HOST, Duration::from_millis(ms));
            }
        }
    }

    fn crash_server(&mut self) {
        if self.sim.is_host_running(server::HOST) {
            self.world.server_morgue().crash();
            self.sim.crash(server::HOST);
        }
    }

    fn crash_device(&mut self, device: usize) {
        if self.sim.is_host_running(name(device)) {
            self.world.device_morgue(device).crash();
            self.sim.crash(name(device));
        }
    }

    fn start(&mut self, host: &'static str) {
        if !self.sim.is_host_running(host) {
            self.sim.bounce(host);
        }
    }

    /// As a phone's backup is restored on a second phone, while the first goes on.
    fn copy_database(&mut self) {
        self.crash_device(0);
        let (from, to) = (self.world.database(0), self.world.database(1));
        // The database may be younger than the plan thinks; then there is nothing to copy, and no second device.
        if copy_files(&from, &to).is_ok() {
            let mut facts = self.world.facts();
            let original = facts.devices[0].clone();
            let copy = &mut facts.devices[1];
            copy.is_present = true;
            copy.life = COPIED_LIFE;
            copy.streams = original.streams;
        }
        self.start(name(0));
    }

    /// From here on nothing goes wrong any more.
    fn heal(&mut self) {
        for device in 0..DEVICES {
            self.sim.repair(name(device), server::HOST);
            self.sim.set_link_max_message_latency(name(device), server::HOST, Duration::from_millis(20));
            self.world.gates(device).set(true, true);
            self.world.gates(device).set(false, true);
            self.start(name(device));
        }
        // One that still drains would go later.
        self.crash_server();
        self.start(server::HOST);
        let mut facts = self.world.facts();
        facts.is_calm = true;
        facts.trace.note(self.sim.elapsed(), "fault", format_args!("none any more"));
    }

    /// The time is up; what is still missing.
    fn unfinished(&self) -> Finding {
        let facts = self.world.facts();
        let unsettled = (0..DEVICES)
            .filter(|index| facts.devices[*index].is_present && !facts.devices[*index].is_settled);
        let unsettled: Vec<&'static str> = unsettled.map(name).collect();
        let behind = (0..DEVICES)
            .filter(|index| facts.devices[*index].is_present)
            .flat_map(|index| {
                facts.devices[index].streams.iter().map(move |(stream, seen)| (index, stream, seen))
            })
            .filter(|(_, _, seen)| !seen.is_done)
            .map(|(index, stream, seen)| format!("{} {stream} at {}", name(index), seen.sights.len()))
            .collect();
        Finding::NeverEnds { unsettled, behind }
    }
}

fn copy_files(from: &Path, to: &Path) -> std::io::Result<()> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::copy(from, to)?;
    let side = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
    match std::fs::copy(side(from), side(to)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A folder in memory where there is one: a crash of a process does not need a disk, and thousands of seeds do not
/// wear one out.
fn fast_folder() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

/// A panic in a task of the server or the client ends that task and nothing else, so it is counted here.
fn watch_for_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let earlier = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICS.set(PANICS.get() + 1);
            earlier(info);
        }));
    });
}

thread_local! {
    static PANICS: Cell<u32> = const { Cell::new(0) };
}

/// How much simulated time everything has to come to its end after the calm: lanes rest up to a minute between
/// attempts.
const PATIENCE: Duration = Duration::from_secs(400);

/// Lives of a copy are counted from here, so that they are no continuation of the original's.
const COPIED_LIFE: u32 = 1_000;
