//! A device: the real client in a host that can crash, and an app on top of it.

use std::time::Duration;

use fastrand::Rng;
use keepline::{
    ActionId, Client, Config, Event, EventType, Filter, Item, Line, OutboxChange, Outcome, Stream, Tapped,
    Token, TokenReason,
    catalogue::{JobCompleted, JobStarted, TestEcho, TestEmit, TestFail, TestJob, TestRecord, TestRecorded},
};
use keepline_protocol::{ErrorCode, Payload};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{
    facts::{Alarm, Asked, Kind, MARKER, Sight, What, World, name, user, wall_ms},
    server::{Stubborn, URL, token},
};

/// One life of a device, from the start of its process to the crash.
pub(super) async fn live(world: World, device: usize) -> turmoil::Result {
    let _guard = world.device_morgue(device).guard();
    while !world.facts().devices[device].is_present {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let life = {
        let mut facts = world.facts();
        facts.devices[device].life += 1;
        facts.devices[device].life
    };
    world.note(name(device), format_args!("life {life} begins"));
    let seed = world.seed().wrapping_mul(1_000_003) ^ ((device as u64) << 32) ^ u64::from(life);
    let (client, driver) = Client::with_driver(config(&world, device, seed))?;
    let mut tasks = JoinSet::new();
    tasks.spawn(driver.run());
    let app = App { world, device, life, client };
    tasks.spawn(app.clone().show_statuses());
    tasks.spawn(app.clone().show_changes());
    tasks.spawn(app.clone().watch(Stream::User));
    let streams: Vec<Stream> = app.world.facts().devices[device].streams.keys().cloned().collect();
    for stream in streams.into_iter().filter(|stream| *stream != Stream::User) {
        tasks.spawn(app.clone().watch(stream));
    }
    app.client.connect();
    tasks.spawn(app.use_it(Rng::with_seed(seed)));
    // Nothing of this ends while the process lives, but a job's stream.
    while let Some(ended) = tasks.join_next().await {
        ended?;
    }
    Err("the client ended by itself".into())
}

fn config(world: &World, device: usize, seed: u64) -> Config {
    let (plan, whose) = (world.plan(), user(device));
    let ttl = plan.token_ttl;
    let config = Config::new(URL, world.database(device))
        .allow_plain_text(true)
        .seed(seed)
        .simulated_clock(wall_ms())
        .buffer(plan.buffer_events, BUFFER_BYTES)
        .dialer(world.gates(device).dialer(world.device_morgue(device), seed))
        .token_provider(move |_: TokenReason| std::future::ready(Ok::<Token, _>(token(whose, ttl))));
    if plan.names_account { config.account(whose) } else { config }
}

#[derive(Clone)]
struct App {
    world: World,
    device: usize,
    life: u32,
    client: Client,
}

impl App {
    fn note(&self, what: std::fmt::Arguments<'_>) {
        self.world.note(name(self.device), what);
    }

    fn alarm(&self, what: impl Into<String>) {
        self.world.alarm(Alarm::Odd { device: self.device, what: what.into() });
    }

    /// What a person does, until the calm; then waits for everything to be settled.
    async fn use_it(self, mut rng: Rng) {
        let pause = self.world.plan().pause;
        while !self.world.facts().is_calm {
            tokio::time::sleep(pause.mul_f64(2.0 * rng.f64())).await;
            match rng.u8(..100) {
                0..3 => self.sleep_a_while(&mut rng).await,
                3..6 => self.lose_the_network(&mut rng).await,
                6..9 => self.call().await,
                9..13 if self.device == 2 => self.cancel_something(&mut rng).await,
                _ => self.submit_something(&mut rng).await,
            }
        }
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let status = self.client.status();
            let is_settled = status.pending == 0 && matches!(status.line, Line::Online { .. });
            let mut facts = self.world.facts();
            if is_settled && !facts.devices[self.device].is_settled {
                facts.devices[self.device].is_settled = true;
                drop(facts);
                self.note(format_args!("settled"));
            }
        }
    }

    async fn submit_something(&self, rng: &mut Rng) {
        let many = if rng.u8(..) < 40 { rng.usize(2..30) } else { 1 };
        for _ in 0..many {
            let lane = [None, Some("payments"), Some("chat")][rng.usize(..3)];
            let kind = match rng.u8(..100) {
                0..5 => Kind::Job,
                5..9 => Kind::Burst(rng.u32(1..200)),
                9..13 => Kind::Refused,
                13..17 => Kind::Stubborn(rng.u32(1..=2)),
                _ => Kind::Record,
            };
            self.submit(lane, kind, rng).await;
        }
    }

    async fn submit(&self, lane: Option<&'static str>, kind: Kind, rng: &mut Rng) {
        let (id, n) = self.ask(lane, kind);
        let (action, payload) = action_of(kind, id, n, rng);
        let submit = self.client.submit_json(action, &payload).id(id);
        let submit = if let Some(lane) = lane { submit.lane(lane) } else { submit };
        match submit.await {
            Ok(submission) => {
                self.world.facts().actions.get_mut(&id).expect("it was asked for").is_durable = true;
                self.note(format_args!("submitted {n} {kind:?} {lane:?}"));
                let app = self.clone();
                tokio::spawn(async move {
                    if let Ok(outcome) = submission.outcome_raw().await {
                        app.told(id, outcome);
                    }
                });
            }
            Err(error) => self.alarm(format!("submit: {error}")),
        }
    }

    /// Writes down that an action is going to be submitted.
    fn ask(&self, lane: Option<&'static str>, kind: Kind) -> (ActionId, i64) {
        let mut facts = self.world.facts();
        let device = &mut facts.devices[self.device];
        device.submitted += 1;
        let n = device.submitted;
        let id = ActionId::from(Uuid::from_u64_pair(
            self.world.seed(),
            ((self.device as u64) << 32) | n.cast_unsigned(),
        ));
        let asked = Asked {
            device: self.device,
            n,
            lane,
            kind,
            is_durable: false,
            is_cancelled: false,
            told: Vec::new(),
            failed: 0,
        };
        facts.actions.insert(id, asked);
        (id, n)
    }

    fn told(&self, id: ActionId, outcome: Outcome) {
        let mut facts = self.world.facts();
        let asked = facts.actions.get_mut(&id).expect("it was asked for");
        let (n, kind) = (asked.n, asked.kind);
        asked.told.push(outcome.clone());
        drop(facts);
        self.note(format_args!("outcome {n} {}", outcome.as_str()));
        if let (Kind::Job, Outcome::Accepted(reply)) = (kind, &outcome) {
            match reply.decode::<JobStarted>() {
                Ok(started) => drop(tokio::spawn(self.clone().watch(Stream::job(&started.job)))),
                Err(_) => self.alarm("a job's reply cannot be read"),
            }
        }
    }

    async fn cancel_something(&self, rng: &mut Rng) {
        let filter = Filter { pending_only: true, ..Filter::default() };
        let Ok(rows) = self.client.outbox(filter).await else {
            return self.alarm("the outbox cannot be listed");
        };
        let Some(row) = rows.get(rng.usize(..rows.len().max(1))) else { return };
        let n = {
            let mut facts = self.world.facts();
            let asked = facts.actions.get_mut(&row.id).expect("it was asked for");
            asked.is_cancelled = true;
            asked.n
        };
        let cancelled = self.client.cancel(row.id).await;
        self.note(format_args!("cancel {n} {cancelled:?}"));
    }

    async fn sleep_a_while(&self, rng: &mut Rng) {
        self.note(format_args!("suspends"));
        let deadline = Duration::from_millis(rng.u64(1..3_000));
        if rng.bool() {
            self.client.suspend(deadline).await
        } else {
            self.client.background(deadline).await
        }
        tokio::time::sleep(Duration::from_millis(rng.u64(1..2_000))).await;
        self.client.foreground();
        // The files are opened again by the driver; what is asked before is refused.
        while self.client.status().line == Line::Suspended {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn lose_the_network(&self, rng: &mut Rng) {
        self.note(format_args!("loses the network"));
        self.client.network_lost();
        tokio::time::sleep(Duration::from_millis(rng.u64(1..2_000))).await;
        self.client.network_available();
    }

    async fn call(&self) {
        let payload = Payload::parse("[1]").expect("JSON");
        let called = self.client.call(TestEcho(payload), Duration::from_secs(2)).await;
        self.note(format_args!("call {:?}", called.map(|reply| reply.as_str().to_owned())));
    }

    async fn show_statuses(self) {
        let mut statuses = self.client.status_changes();
        let mut last = "";
        while let Some(tapped) = statuses.next().await {
            let Tapped::Item(status) = tapped else { continue };
            if let Line::AuthRequired { reason } = &status.line {
                self.alarm(format!("{reason:?}"));
            }
            let word = status.line.as_str();
            if word != last {
                last = word;
                match status.line {
                    Line::Waiting { reason, .. } => self.note(format_args!("{word} ({reason:?})")),
                    _ => self.note(format_args!("{word}")),
                }
            }
        }
    }

    async fn show_changes(self) {
        let mut changes = self.client.outbox_changes();
        while let Some(tapped) = changes.next().await {
            if let Tapped::Item(OutboxChange::RolledBack(_)) = tapped {
                self.alarm("the server is said to have been rolled back");
            }
        }
    }

    /// The durable consumer of a stream: notes everything it is given. Like a screen it comes and goes, before anything
    /// has come to it too, and whatever is under way.
    async fn watch(self, stream: Stream) {
        if self.world.facts().devices[self.device].streams.entry(stream.clone()).or_default().is_done {
            return;
        }
        // A job that a copy has started as well is watched already.
        let mut rng = self.whims();
        // A tap may have found the stream's end, and be at a page of its own, when the consumer comes.
        let tap = if rng.bool() { self.client.observe(stream.clone()).ok() } else { None };
        if tap.is_some() {
            tokio::time::sleep(Duration::from_millis(rng.u64(..1_000))).await;
        }
        let Ok(mut events) = self.client.events(stream.clone()) else { return };
        while rng.bool() {
            tokio::time::sleep(Duration::from_millis(rng.u64(..200))).await;
            drop(events);
            events = self.client.events(stream.clone()).expect("it was given back");
        }
        while let Some(item) = events.next_item().await {
            let Some((sight, is_last)) = self.sight(item) else {
                self.world.alarm(Alarm::Gone { device: self.device, stream: stream.to_string() });
                return;
            };
            self.note(format_args!("{} {} {}", kind_of(&stream), sight.offset, sight.what.word()));
            let mut facts = self.world.facts();
            let watched = facts.devices[self.device].streams.entry(stream.clone()).or_default();
            watched.sights.push(sight);
            watched.is_done |= is_last;
            if is_last && stream != Stream::User {
                drop(facts);
                events.end();
                return;
            }
            drop(facts);
            if rng.u8(..) < 10 {
                events.end();
                events = self.client.events(stream.clone()).expect("it was given back");
            }
        }
    }

    /// What decides when a watcher goes and comes; another for each.
    fn whims(&self) -> Rng {
        let watched = self.world.facts().devices[self.device].streams.len() as u64;
        Rng::with_seed(
            self.world.seed() ^ (watched << 40) ^ ((self.device as u64) << 32) ^ u64::from(self.life),
        )
    }

    /// What an item is, and whether nothing comes after it. `None` where the stream is gone.
    fn sight(&self, item: Item) -> Option<(Sight, bool)> {
        match item {
            Item::Event(envelope) => {
                let place = envelope.place.as_ref()?;
                let (epoch, offset) = (place.epoch.as_str().to_owned(), place.offset);
                let payload = envelope.payload().unwrap_or_default().to_owned();
                let name = envelope.name().to_owned();
                let is_last = match Event::from(Item::Event(envelope)) {
                    Event::JobCompleted(_) => true,
                    Event::TestRecorded(TestRecorded { n, .. }) => n == MARKER,
                    _ => false,
                };
                Some((Sight { life: self.life, epoch, offset, what: What::Event { name, payload } }, is_last))
            }
            Item::Reset(reset) => {
                let snapshot: Option<serde_json::Value> =
                    reset.snapshot.and_then(|snapshot| snapshot.decode().ok());
                let is_last = snapshot.is_some_and(|snapshot| snapshot["status"] == "completed");
                let epoch = reset.epoch.as_str().to_owned();
                Some((Sight { life: self.life, epoch, offset: reset.offset, what: What::Reset }, is_last))
            }
            _ => None,
        }
    }
}

impl What {
    fn word(&self) -> &str {
        match self {
            Self::Event { name, .. } => name,
            Self::Reset => "reset",
        }
    }
}

/// A job's id is the server's and differs in each run.
fn kind_of(stream: &Stream) -> &'static str {
    if *stream == Stream::User { "user" } else { "job" }
}

fn action_of(kind: Kind, id: ActionId, n: i64, rng: &mut Rng) -> (&'static str, serde_json::Value) {
    use keepline::Action;
    fn json(action: &impl serde::Serialize) -> serde_json::Value {
        serde_json::to_value(action).expect("an action is JSON")
    }
    match kind {
        Kind::Record => (TestRecord::NAME, json(&TestRecord { n })),
        Kind::Burst(count) => {
            let payload = Payload::new(&id.to_string()).expect("a string");
            (TestEmit::NAME, json(&TestEmit { stream: Stream::User, name: BURST.to_owned(), payload, count }))
        }
        Kind::Job => {
            let (events, interval_ms, bytes) = (rng.u64(1..120), rng.u64(..60), rng.u32(..200));
            (TestJob::NAME, json(&TestJob { events, interval_ms, bytes }))
        }
        Kind::Refused => {
            (TestFail::NAME, json(&TestFail { code: ErrorCode::Forbidden, retryable: false, times: None }))
        }
        Kind::Stubborn(_) => (Stubborn::NAME, json(&Stubborn { n })),
    }
}

/// The bytes bound nothing here.
const BUFFER_BYTES: u64 = 4 * 1024 * 1024;

/// The name of the events that [`Kind::Burst`] appends; their payload is the action's id.
pub(super) const BURST: &str = "sim:burst:v1";

/// The event that ends a job's stream.
pub(super) const JOB_END: &str = JobCompleted::NAME;
