//! An engine with its database, and a hand to play server and time with.

use std::{
    collections::VecDeque,
    path::Path,
    time::{Duration, Instant},
};

use keepline_protocol::{
    ActionId, ActionMeta, Payload, Token, VoidRequest, names,
    socket_io::{Args, Kind, Packet},
};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::{
    clock::Now,
    command::{Call, CallReply, Command, Consume, Freed, Hint},
    engine::{Delivery, Effect, Engine, EngineOptions, LinkEvent, TokenFailure, TokenReason},
    error::{CallError, ControlError, EventsError, SubmitError},
    outbox::{AckMode, Body, Filter, NewAction, OutboxEntry},
    outcome::Outcome,
    status::{Line, LineTrouble},
    store::{Store, StoreOptions},
};
use keepline_protocol::Stream;

/// The engine under test.
pub(super) struct Bench {
    pub(super) engine: Engine,
    pub(super) store: Store,
    pub(super) now: Now,
    pub(super) options: EngineOptions,
    pub(super) sent: VecDeque<Sent>,
    pub(super) dials: u32,
    pub(super) hang_ups: u32,
    pub(super) probes: u32,
    pub(super) token_asks: Vec<TokenReason>,
    pub(super) settled: Vec<(ActionId, Outcome)>,
    pub(super) rolled_back: Vec<ActionId>,
    pub(super) renamed: Vec<(ActionId, ActionId)>,
    pub(super) delivered: Vec<(Stream, Delivery)>,
    /// The offsets of events that went to taps.
    pub(super) tapped: Vec<u64>,
    pub(super) lines: Vec<Line>,
    pub(super) pending: u64,
    pub(super) parked: u64,
    pub(super) oldest: Option<Duration>,
    /// The socket takes nothing.
    pub(super) is_stalled: bool,
    next_number: u128,
}

/// A packet that the engine wrote.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) name: String,
    pub(super) args: Vec<Value>,
    pub(super) ack: Option<u64>,
}

impl Sent {
    pub(super) fn meta(&self) -> ActionMeta {
        serde_json::from_value(self.args[1].clone()).unwrap()
    }

    pub(super) fn void(&self) -> VoidRequest {
        assert_eq!(self.name, names::ACTION_VOID);
        serde_json::from_value(self.args[0].clone()).unwrap()
    }
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(EngineOptions::default())
    }

    pub(super) fn with(options: EngineOptions) -> Self {
        Self::at(Path::new(":memory:"), options)
    }

    pub(super) fn at(path: &Path, options: EngineOptions) -> Self {
        let store = StoreOptions {
            path: path.to_owned(),
            relaxed: false,
            quota_bytes: 100 * 1024 * 1024,
            set_corrupt_aside: false,
        };
        Self::in_store(&store, options)
    }

    pub(super) fn in_store(store: &StoreOptions, options: EngineOptions) -> Self {
        let now = Now { at: start(), wall_ms: 1_700_000_000_000, ticks_ms: 1_000_000, boot: 1 };
        let mut store = Store::open(store).unwrap();
        let engine = store.transaction(|tx| Engine::open(now, tx, options.clone(), 7)).unwrap();
        let mut bench = Self {
            engine,
            store,
            now,
            options,
            sent: VecDeque::new(),
            dials: 0,
            hang_ups: 0,
            probes: 0,
            token_asks: Vec::new(),
            settled: Vec::new(),
            rolled_back: Vec::new(),
            renamed: Vec::new(),
            delivered: Vec::new(),
            tapped: Vec::new(),
            lines: Vec::new(),
            pending: 0,
            parked: 0,
            oldest: None,
            is_stalled: false,
            next_number: 0,
        };
        bench.drain();
        bench
    }

    /// The process dies and starts again on the same database.
    pub(super) fn restart(&mut self) {
        let (now, options) = (self.now, self.options.clone());
        self.engine = self.store.transaction(|tx| Engine::open(now, tx, options, 8)).unwrap();
        self.sent.clear();
        self.drain();
    }

    pub(super) fn command(&mut self, command: Command) {
        let now = self.now;
        let engine = &mut self.engine;
        self.store.transaction(|tx| engine.handle_command(now, tx, command)).unwrap();
        self.drain();
    }

    pub(super) fn link(&mut self, event: LinkEvent) {
        let now = self.now;
        let engine = &mut self.engine;
        self.store.transaction(|tx| engine.handle_link(now, tx, event)).unwrap();
        self.drain();
    }

    /// A packet and then commands in one transaction, as the driver has them when both wait.
    pub(super) fn link_with(&mut self, event: LinkEvent, commands: Vec<Command>) {
        let now = self.now;
        let engine = &mut self.engine;
        self.store
            .transaction(|tx| {
                engine.handle_link(now, tx, event)?;
                commands.into_iter().try_for_each(|command| engine.handle_command(now, tx, command))
            })
            .unwrap();
        self.drain();
    }

    pub(super) fn token(&mut self, token: Result<&str, TokenFailure>) {
        let now = self.now;
        let engine = &mut self.engine;
        self.store.transaction(|tx| engine.handle_token(now, tx, token.map(Token::from))).unwrap();
        self.drain();
    }

    /// Lets time pass, firing every timer at its moment.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now.at + time;
        while let Some((at, _)) = self.engine.poll_timeout().filter(|(at, _)| *at <= end) {
            self.set_clock(at.max(self.now.at));
            let now = self.now;
            let engine = &mut self.engine;
            self.store.transaction(|tx| engine.handle_timeout(now, tx)).unwrap();
            self.drain();
        }
        self.set_clock(end);
    }

    /// How many transactions there were since this was asked last.
    pub(super) fn transactions(&mut self) -> u64 {
        self.store.take_transactions()
    }

    fn set_clock(&mut self, at: Instant) {
        let ms = at.duration_since(self.now.at).as_millis() as i64;
        self.now =
            Now { at, wall_ms: self.now.wall_ms + ms, ticks_ms: self.now.ticks_ms + ms, boot: self.now.boot };
    }

    /// Transmits all there is and runs the effects, as the driver does after a commit.
    pub(super) fn drain(&mut self) {
        let now = self.now;
        let (engine, is_stalled) = (&mut self.engine, self.is_stalled);
        let mut packets = Vec::new();
        self.store
            .transaction(|tx| {
                while !is_stalled && let Some(packet) = engine.poll_transmit(now, tx)? {
                    packets.push(packet);
                }
                engine.finish(now, tx)
            })
            .unwrap();
        if engine.cursors_are_due(now) {
            self.store.transaction_unsynced(|tx| engine.store_cursors(now, tx)).unwrap();
        }
        for packet in packets {
            self.sent.push_back(read_packet(packet));
        }
        while let Some(effect) = self.engine.poll_effect() {
            self.run(effect);
        }
    }

    fn run(&mut self, effect: Effect) {
        match effect {
            Effect::Dial => self.dials += 1,
            Effect::HangUp => self.hang_ups += 1,
            Effect::Probe => self.probes += 1,
            Effect::FetchToken(reason) => self.token_asks.push(reason),
            Effect::Deliver { stream, items, tapped, .. } => {
                for item in items {
                    if let (true, Delivery::Event(event)) = (tapped, &item) {
                        self.tapped.extend(event.offset);
                    }
                    self.delivered.push((stream.clone(), item));
                }
            }
            Effect::Settle { id, outcome } => self.settled.push((id, outcome)),
            Effect::RolledBack { actions } => self.rolled_back.extend(actions),
            Effect::Renamed { old, new } => self.renamed.push((old, new)),
            Effect::Status(status) => {
                (self.pending, self.parked, self.oldest) = (status.pending, status.parked, status.oldest);
                if self.lines.last() != Some(&status.line) {
                    self.lines.push(status.line);
                }
            }
            Effect::Changed { .. } => {}
            Effect::Submitted(answer, result) => drop(answer.send(result)),
            Effect::Controlled(answer, result) => drop(answer.send(result)),
            Effect::Retried(answer, result) => drop(answer.send(result)),
            Effect::OutcomeRead(answer, result) => drop(answer.send(result)),
            Effect::Listed(answer, rows) => drop(answer.send(Ok(rows))),
            Effect::Called(answer, result) => drop(answer.send(result)),
            Effect::Emitted(answer, written) => drop(answer.send(written)),
            Effect::Consuming(answer, result) => drop(answer.send(result)),
            Effect::SignedOut(answer) => drop(answer.send(Ok(()))),
            Effect::Diagnosed(answer, report) => drop(answer.send(report)),
        }
    }

    // --- the app ---

    pub(super) fn action(&mut self, name: &str) -> NewAction {
        self.next_number += 1;
        NewAction {
            id: ActionId::from(uuid::Uuid::from_u128(self.next_number)),
            name: name.to_owned(),
            body: Body::Payload(Payload::parse(format!("{{\"n\":{}}}", self.next_number)).unwrap()),
            lane: None,
            label: None,
            coalesce: None,
            ttl: None,
            ack: AckMode::Required,
        }
    }

    pub(super) fn submit(&mut self, action: NewAction) -> Result<ActionId, SubmitError> {
        self.ask(|answer| Command::Submit { action: Box::new(action), answer })
    }

    /// Submits several in one transaction, as the driver does with what waits.
    pub(super) fn submit_together<const N: usize>(
        &mut self,
        actions: [NewAction; N],
    ) -> [oneshot::Receiver<Result<ActionId, SubmitError>>; N] {
        let (now, engine) = (self.now, &mut self.engine);
        let mut commands = Vec::new();
        let answers = actions.map(|action| {
            let (answer, receiver) = oneshot::channel();
            commands.push(Command::Submit { action: Box::new(action), answer });
            receiver
        });
        self.store
            .transaction(|tx| {
                commands.into_iter().try_for_each(|command| engine.handle_command(now, tx, command))
            })
            .unwrap();
        self.drain();
        answers
    }

    /// Submits into a lane; `""` is the default one.
    pub(super) fn submit_in(&mut self, lane: &str) -> ActionId {
        let mut action = self.action("do:it:v1");
        action.lane = Some(lane.to_owned()).filter(|lane| !lane.is_empty());
        self.submit(action).unwrap()
    }

    pub(super) fn cancel(&mut self, id: ActionId) -> Result<(), ControlError> {
        self.ask(|answer| Command::Cancel { id, answer })
    }

    pub(super) fn retry(&mut self, id: ActionId) -> Result<ActionId, ControlError> {
        self.ask(|answer| Command::Retry { id, answer })
    }

    pub(super) fn discard(&mut self, id: ActionId) -> Result<(), ControlError> {
        self.ask(|answer| Command::Discard { id, answer })
    }

    pub(super) fn outcome(&mut self, id: ActionId) -> Result<Option<Outcome>, ControlError> {
        self.ask(|answer| Command::Outcome { id, answer })
    }

    pub(super) fn consume(&mut self, stream: Stream, options: Consume) -> Result<(), EventsError> {
        self.ask(|answer| Command::Consume { stream, options, answer })
    }

    pub(super) fn observe(&mut self, stream: Stream) -> Result<(), EventsError> {
        self.ask(|answer| Command::Observe { stream, answer })
    }

    pub(super) fn list(&mut self) -> Vec<OutboxEntry> {
        self.ask(|answer| Command::Outbox { filter: Filter::default(), answer }).unwrap()
    }

    pub(super) fn call(
        &mut self,
        name: &str,
        timeout: Duration,
    ) -> oneshot::Receiver<Result<CallReply, CallError>> {
        let (answer, receiver) = oneshot::channel();
        let args = Args::event(name).payload(&Payload::null()).build();
        self.command(Command::Call { call: Box::new(Call { args, timeout }), answer });
        receiver
    }

    pub(super) fn taken(&mut self, stream: Stream, epoch: &str, offset: u64, freed: Freed) {
        let epoch = Some(keepline_protocol::Epoch::new(epoch).unwrap());
        self.command(Command::Taken { stream, epoch, offset, freed });
    }

    pub(super) fn hint(&mut self, hint: Hint) {
        self.command(Command::Hint(hint));
    }

    pub(super) fn ask<T: std::fmt::Debug>(
        &mut self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> T {
        let (answer, mut receiver) = oneshot::channel();
        self.command(command(answer));
        receiver.try_recv().unwrap()
    }

    /// The number of the newest row in the table.
    pub(super) fn newest_row(&mut self) -> Option<i64> {
        let read =
            self.store.transaction(|tx| tx.first("SELECT max(seq) FROM actions", [], |row| row.get(0)));
        read.unwrap().flatten()
    }

    pub(super) fn line(&self) -> &Line {
        self.lines.last().unwrap()
    }

    // --- the server ---

    /// Connects up to the point where CONNECT was sent.
    pub(super) fn dial(&mut self) -> Sent {
        self.command(Command::Connect);
        self.open_link()
    }

    /// Answers token and dial, gives the CONNECT.
    pub(super) fn open_link(&mut self) -> Sent {
        self.token(Ok("t"));
        self.link(LinkEvent::Opened {
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(10),
            max_payload: Some(1_000_000),
        });
        self.sent.pop_front().unwrap()
    }

    /// A Keepline server accepts: empty ledger, empty user stream.
    pub(super) fn go_online(&mut self) {
        self.dial();
        self.accept(ready());
    }

    /// Dials again after a loss, whatever the delay.
    pub(super) fn come_back(&mut self, ready: Value) -> Sent {
        self.hint(Hint::NetworkAvailable);
        let connect = self.open_link();
        self.accept(ready);
        connect
    }

    pub(super) fn accept(&mut self, ready: Value) {
        self.receive(Kind::Connect(Some(payload(&json!({"sid": "s", "proto": 1})))));
        self.event(names::SESSION_READY, &[ready]);
    }

    pub(super) fn go_online_plain(&mut self) {
        self.dial();
        self.receive(Kind::Connect(Some(payload(&json!({"sid": "s"})))));
    }

    pub(super) fn event(&mut self, name: &str, args: &[Value]) {
        let args = args.iter().fold(Args::event(name), |args, value| args.value(value).unwrap());
        self.receive(Kind::Event { id: None, args: args.build() });
    }

    pub(super) fn ack(&mut self, sent: &Sent, answer: &Value) {
        let args = Args::ack().value(answer).unwrap().build();
        self.receive(Kind::Ack { id: sent.ack.unwrap(), args });
    }

    /// Answers as applied at a position.
    pub(super) fn applied(&mut self, sent: &Sent, position: u64) {
        self.ack(
            sent,
            &json!({"ok": true, "reply": {"at": position}, "position": position, "tag": tag(position)}),
        );
    }

    /// Answers that the ledger holds a void at a position.
    pub(super) fn voided(&mut self, sent: &Sent, position: u64) {
        let error = json!({"code": "VOID"});
        self.ack(sent, &json!({"ok": false, "error": error, "position": position, "tag": tag(position)}));
    }

    pub(super) fn failed(&mut self, sent: &Sent, code: &str, retryable: bool) {
        self.ack(sent, &json!({"ok": false, "error": {"code": code, "retryable": retryable}}));
    }

    pub(super) fn receive(&mut self, kind: Kind) {
        self.link(LinkEvent::Packet(Packet::root(kind)));
    }

    pub(super) fn lose(&mut self) {
        self.link(LinkEvent::Lost { trouble: LineTrouble::Lost, retry_after: None });
    }

    /// The next packet written; panics where there is none.
    pub(super) fn next(&mut self) -> Sent {
        self.sent.pop_front().expect("a packet was written")
    }

    /// The names of what was written and not looked at.
    pub(super) fn waiting(&self) -> usize {
        self.sent.len()
    }
}

pub(super) fn ready() -> Value {
    json!({
        "proto": 1, "session": "s", "user": "alice", "expires_at": "2030-01-01T00:00:00Z",
        "limits": {"action_bytes": 65536, "event_bytes": 65536, "streams": 256, "actions_per_second": 1000},
        "ledger": {"epoch": "L1", "position": 0, "tag": "0000000000000000", "floor": 0, "status": "ok"},
        "streams": {"user": {"status": "ok", "epoch": "E1", "head": 0}},
    })
}

/// A ready whose ledger stands at a position, compared as `status`.
pub(super) fn ready_at(position: u64, status: &str) -> Value {
    let mut ready = ready();
    ready["ledger"]["position"] = position.into();
    ready["ledger"]["tag"] = tag(position).into();
    ready["ledger"]["status"] = status.into();
    ready
}

pub(super) fn tag(position: u64) -> String {
    format!("{position:016x}")
}

pub(super) fn payload(value: &Value) -> Payload {
    Payload::new(value).unwrap()
}

fn start() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "where virtual time begins does not matter")]
    Instant::now()
}

fn read_packet(packet: Packet) -> Sent {
    match packet.kind {
        Kind::Event { id, args } => {
            let event = args.into_event().unwrap();
            let args = event.args.iter().map(|arg| arg.decode().unwrap()).collect();
            Sent { name: event.name, args, ack: id }
        }
        Kind::Connect(auth) => Sent {
            name: "CONNECT".to_owned(),
            args: auth.iter().map(|auth| auth.decode().unwrap()).collect(),
            ack: None,
        },
        Kind::Ack { id, args } => Sent {
            name: "ACK".to_owned(),
            args: args.iter().map(|arg| serde_json::from_str(arg).unwrap()).collect(),
            ack: Some(id),
        },
        other => panic!("the engine never writes {other:?}"),
    }
}
