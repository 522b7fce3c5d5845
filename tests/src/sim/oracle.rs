//! Whether a run kept the promise.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use keepline::{
    ActionId, ActionState, Filter, OutboxEntry, OutboxReader, Outcome, Stream, catalogue::JobStarted,
};
use serde_json::Value;

use super::{
    device::{BURST, JOB_END},
    facts::{Alarm, Asked, Facts, Kind, MARKER, Sight, What, World, name, user},
    plan::DEVICES,
};

/// What must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Not everything came to its end, although nothing went wrong any more.
    NeverEnds {
        /// Devices with actions that have no outcome.
        unsettled: Vec<&'static str>,
        /// Streams whose end was not seen.
        behind: Vec<String>,
    },
    /// `submit` returned, and the device's database does not know the action, or has no outcome for it.
    Lost(String),
    /// An outcome that cannot be: another one than the app was told, or none that this action can have.
    WrongOutcome(String),
    /// The effect of an action is there more than once.
    AppliedTwice(String),
    /// The action was accepted, and its effect is not there.
    NotApplied(String),
    /// The effect of an action is there that was not accepted.
    AppliedAnyway(String),
    /// Two actions of one lane were applied in the wrong order.
    OutOfOrder(String),
    /// A stream went on with another event than the next one.
    Hole(String),
    /// A stream gave an event twice within one life, or more than a batch of them after a crash.
    Repeated(String),
    /// One place of a stream held two different events.
    Rewritten(String),
    /// A reset that nothing explains.
    UnexpectedReset(String),
    /// Something else that must never happen, seen while it happened.
    Alarm(String),
    /// A task of client or server panicked.
    Panicked,
}

/// Looks at what is known of a run that has come to its end.
pub(super) fn judge(world: &World) -> Vec<Finding> {
    let facts = world.facts();
    let mut findings: Vec<Finding> =
        facts.alarms.iter().map(|alarm| Finding::Alarm(alarm.to_string())).collect();
    if !facts.is_audited {
        return findings;
    }
    let mut judge = Judge { facts: &facts, world, findings: Vec::new() };
    judge.streams();
    let rows = judge.outcomes();
    judge.effects(&rows);
    judge.lanes();
    findings.append(&mut judge.findings);
    findings
}

struct Judge<'a> {
    facts: &'a Facts,
    world: &'a World,
    findings: Vec<Finding>,
}

impl Judge<'_> {
    /// Every consumer saw every event in order, once in each life, and everybody saw the same.
    fn streams(&mut self) {
        let mut places: BTreeMap<(&str, String, u64), &What> = BTreeMap::new();
        for (index, device) in self.facts.devices.iter().enumerate().filter(|(_, device)| device.is_present) {
            for (stream, watched) in &device.streams {
                self.findings.extend(continuity(
                    name(index),
                    stream,
                    &watched.sights,
                    self.resets_allowed(stream),
                ));
            }
        }
        for (user, log) in &self.facts.logs {
            self.findings.extend(continuity(user, &Stream::User, log, false));
        }
        let logs = self.facts.logs.iter().map(|(user, log)| (*user, Stream::User.to_string(), log));
        let seen = self.facts.devices.iter().enumerate().flat_map(|(index, device)| {
            device
                .streams
                .iter()
                .map(move |(stream, watched)| (user(index), stream.to_string(), &watched.sights))
        });
        for (user, stream, sights) in logs.chain(seen) {
            for sight in sights.iter().filter(|sight| sight.what != What::Reset) {
                let place = (user, stream.clone(), sight.offset);
                if *places.entry(place).or_insert(&sight.what) != &sight.what {
                    self.findings.push(Finding::Rewritten(format!("{user} {stream} {}", sight.offset)));
                }
            }
        }
    }

    fn resets_allowed(&self, stream: &Stream) -> bool {
        *stream != Stream::User && self.world.plan().job_log_max < 100_000
    }

    /// Every action that was submitted has its outcome, the one that the app was told.
    fn outcomes(&mut self) -> BTreeMap<ActionId, Vec<Outcome>> {
        let mut outcomes: BTreeMap<ActionId, Vec<Outcome>> = BTreeMap::new();
        for device in (0..DEVICES).filter(|device| self.facts.devices[*device].is_present) {
            let rows: BTreeMap<ActionId, OutboxEntry> = match rows_of(self.world, device) {
                Ok(rows) => rows,
                Err(error) => {
                    self.findings.push(Finding::Lost(format!("the database of {}: {error}", name(device))));
                    continue;
                }
            };
            for (id, asked) in self.facts.actions.iter().filter(|(_, asked)| asked.device == device) {
                if asked.is_durable && !rows.contains_key(id) {
                    self.findings.push(Finding::Lost(asked.to_string()));
                }
            }
            for (id, row) in rows {
                match (row.state, row.outcome) {
                    (ActionState::Settled, Some(outcome)) => outcomes.entry(id).or_default().push(outcome),
                    (state, _) => {
                        let text =
                            format!("{} is {} on {}", self.facts.actions[&id], state.as_str(), name(device));
                        self.findings.push(Finding::Lost(text));
                    }
                }
            }
        }
        for (id, outcomes) in &outcomes {
            let asked = &self.facts.actions[id];
            let is_odd = |outcome: &Outcome| !asked.may_end_as(outcome) || !outcomes.contains(outcome);
            for outcome in outcomes.iter().chain(&asked.told).filter(|outcome| is_odd(outcome)) {
                self.findings.push(Finding::WrongOutcome(format!("{asked} {}", outcome.as_str())));
            }
        }
        outcomes
    }

    /// What was accepted is there once; what was not is not there.
    fn effects(&mut self, outcomes: &BTreeMap<ActionId, Vec<Outcome>>) {
        let effects = Effects::of(&self.facts.logs);
        for (id, asked) in &self.facts.actions {
            let found = match asked.kind {
                Kind::Record | Kind::Stubborn(_) => effects.count(&id.to_string()),
                Kind::Burst(count) => {
                    let found = effects.count(&id.to_string());
                    if found.is_multiple_of(count as usize) { found / count as usize } else { usize::MAX }
                }
                Kind::Job => outcomes.get(id).map_or(0, |outcomes| effects.jobs_of(outcomes)),
                Kind::Refused => continue,
            };
            let is_accepted = outcomes.get(id).is_some_and(|outcomes| {
                outcomes.iter().any(|outcome| matches!(outcome, Outcome::Accepted(_)))
            });
            match (found, is_accepted) {
                (0, false) | (1, true) => {}
                (0, true) => self.findings.push(Finding::NotApplied(asked.to_string())),
                (1, false) => self.findings.push(Finding::AppliedAnyway(asked.to_string())),
                _ => self.findings.push(Finding::AppliedTwice(asked.to_string())),
            }
        }
        let accepted: BTreeSet<String> = outcomes.values().flatten().filter_map(started).collect();
        for job in effects.jobs.keys().filter(|job| !accepted.contains(*job)) {
            self.findings.push(Finding::AppliedTwice(format!("job {job}, which no accepted action started")));
        }
    }

    /// Lanes of databases that were not copied arrive in order.
    fn lanes(&mut self) {
        let mut last: BTreeMap<(usize, Option<&str>), i64> = BTreeMap::new();
        let ids = self.facts.logs.values().flatten().filter_map(|sight| effect_of(&sight.what));
        for id in ids.filter_map(|id| id.parse::<ActionId>().ok()) {
            let Some(asked) = self.facts.actions.get(&id) else { continue };
            if asked.device < 2 && self.world.plan().has_copy {
                continue;
            }
            let before = last.insert((asked.device, asked.lane), asked.n);
            if before.is_some_and(|before| before > asked.n) {
                self.findings.push(Finding::OutOfOrder(asked.to_string()));
            }
        }
    }
}

/// The effects in the users' streams.
#[derive(Default)]
struct Effects {
    by_action: BTreeMap<String, usize>,
    jobs: BTreeMap<String, usize>,
}

impl Effects {
    fn of(logs: &BTreeMap<&str, Vec<Sight>>) -> Self {
        let mut effects = Self::default();
        for what in logs.values().flatten().map(|sight| &sight.what) {
            if let Some(id) = effect_of(what) {
                *effects.by_action.entry(id).or_default() += 1;
            }
            if let What::Event { name, payload } = what
                && name == "job:created:v1"
            {
                let job = parse(payload)["job"].as_str().unwrap_or_default().to_owned();
                *effects.jobs.entry(job).or_default() += 1;
            }
        }
        effects
    }

    fn count(&self, id: &str) -> usize {
        self.by_action.get(id).copied().unwrap_or_default()
    }

    fn jobs_of(&self, outcomes: &[Outcome]) -> usize {
        let jobs: BTreeSet<String> = outcomes.iter().filter_map(started).collect();
        jobs.iter().map(|job| self.jobs.get(job).copied().unwrap_or_default()).sum()
    }
}

/// Which action an event of a user stream comes from.
fn effect_of(what: &What) -> Option<String> {
    let What::Event { name, payload } = what else { return None };
    let payload = parse(payload);
    match name.as_str() {
        "test:recorded:v1" if payload["n"] != MARKER => payload["action"].as_str().map(str::to_owned),
        BURST => payload.as_str().map(str::to_owned),
        _ => None,
    }
}

fn parse(payload: &str) -> Value {
    serde_json::from_str(payload).unwrap_or_default()
}

fn started(outcome: &Outcome) -> Option<String> {
    let Outcome::Accepted(reply) = outcome else { return None };
    reply.decode::<JobStarted>().ok().map(|started| started.job)
}

fn rows_of(world: &World, device: usize) -> Result<BTreeMap<ActionId, OutboxEntry>, String> {
    let reader = OutboxReader::open(world.database(device)).map_err(|error| error.to_string())?;
    let everything = Filter { limit: u32::MAX, ..Filter::default() };
    let rows = reader.list(&everything).map_err(|error| error.to_string())?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// Offsets run on without a hole. Within a life nothing comes twice; after a crash at most a batch does.
fn continuity(who: &str, stream: &Stream, sights: &[Sight], resets_allowed: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (mut last, mut life, mut epoch) = (0, sights.first().map_or(0, |sight| sight.life), None);
    for sight in sights {
        let at = format!("{who} {stream} {} after {last}, life {}", sight.offset, sight.life);
        let again = if sight.life == life { 0 } else { AGAIN_MAX };
        if epoch.get_or_insert(&sight.epoch) != &&sight.epoch {
            findings.push(Finding::Rewritten(format!("{at}: another epoch")));
        }
        match &sight.what {
            What::Reset if !resets_allowed => findings.push(Finding::UnexpectedReset(at)),
            What::Reset => {}
            What::Event { .. } if sight.offset > last + 1 => findings.push(Finding::Hole(at)),
            What::Event { .. } if sight.offset + again <= last => findings.push(Finding::Repeated(at)),
            What::Event { .. } => {}
        }
        (last, life) = (sight.offset, sight.life);
    }
    let is_job = *stream != Stream::User;
    let ends_well = sights.last().is_some_and(|sight| match &sight.what {
        What::Event { name, .. } => name == JOB_END,
        What::Reset => true,
    });
    if is_job && !ends_well {
        findings.push(Finding::Hole(format!("{who} {stream}: its end is missing")));
    }
    findings
}

/// How many events may come again after a crash: a batch of cursors, and the one that was in the app's hand.
const AGAIN_MAX: u64 = 129;

impl Asked {
    fn may_end_as(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Accepted(_) => self.kind != Kind::Refused,
            Outcome::Rejected(_) => self.kind == Kind::Refused,
            Outcome::Cancelled => self.is_cancelled,
            _ => false,
        }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { n, kind, lane, .. } = self;
        write!(f, "{} {n} {kind:?} {lane:?}", name(self.device))
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(error) => write!(f, "a host ended: {error}"),
            Self::Gone { device, stream } => write!(f, "{}: {stream} is gone", name(*device)),
            Self::Odd { device, what } => write!(f, "{}: {what}", name(*device)),
        }
    }
}
