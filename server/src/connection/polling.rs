//! A session over long polling.
//!
//! One task owns the session; requests come to it as [`Command`]s and wait for its answer. A request that its
//! client gives up takes the waiting end of a channel with it, which is how the task hears of it.

use std::{
    future::{pending, poll_fn},
    time::Duration,
};

use keepline_protocol::engine_io::{Packet, SEPARATOR, decode_part};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until},
};

use super::{
    CloseReason, Message,
    heartbeat::{Beat, Heartbeat},
    link::Pipe,
    poll_body::PollBody,
    probe::{Probe, Probed},
    queue::{PushError, Weigh},
    websocket::{WsStream, turn_away},
};

/// What a request wants of a session. Its channel is dropped without an answer where the session refuses or ends.
pub(super) enum Command {
    /// A GET: wait for something to send, and give the body.
    Poll(oneshot::Sender<String>),
    /// A POST: a body is being read; say when all of it was taken.
    Push { body: oneshot::Receiver<Result<String, CloseReason>>, taken: oneshot::Sender<()> },
    /// A WebSocket that wants to take over.
    Upgrade(Box<WsStream>),
}

/// How polling ended.
pub(super) enum Outcome {
    Closed(CloseReason),
    /// A WebSocket takes over; a ping may be due that no poll has fetched.
    Upgraded {
        socket: Box<WsStream>,
        beat: Heartbeat,
        ping_due: bool,
    },
}

/// A session's life over long polling.
pub(super) struct Polling<'a> {
    pub(super) pipe: &'a Pipe,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) beat: Heartbeat,
    /// An empty one.
    pub(super) body: PollBody,
    pub(super) upgrade_timeout: Duration,
    pub(super) close_timeout: Duration,
}

impl Polling<'_> {
    /// Carries the session until it ends or moves. The caller ends the pipe.
    pub(super) async fn run(self) -> Outcome {
        let mut state = State {
            pipe: self.pipe,
            beat: self.beat,
            upgrade_timeout: self.upgrade_timeout,
            close_timeout: self.close_timeout,
            close_at: None,
            ping_due: false,
            poll: None,
            body: self.body,
            push: None,
            probe: None,
        };
        let mut commands = self.commands;
        loop {
            match state.step(&mut commands).await {
                Step::Stay => {}
                Step::Close(reason) => {
                    state.last_word(reason);
                    return Outcome::Closed(reason);
                }
                // No poll waits: since the probe was answered they have all come back at once.
                Step::Upgrade(socket) => {
                    return Outcome::Upgraded { socket, beat: state.beat, ping_due: state.ping_due };
                }
            }
        }
    }
}

struct State<'a> {
    pipe: &'a Pipe,
    beat: Heartbeat,
    upgrade_timeout: Duration,
    close_timeout: Duration,
    /// Set once the session is closing: what no poll has fetched then stays.
    close_at: Option<Instant>,
    /// A ping that no poll has fetched yet.
    ping_due: bool,
    poll: Option<oneshot::Sender<String>>,
    /// What the waiting poll will get.
    body: PollBody,
    push: Option<Push>,
    probe: Option<Probe>,
}

/// A POST.
enum Push {
    Reading {
        body: oneshot::Receiver<Result<String, CloseReason>>,
        taken: oneshot::Sender<()>,
    },
    /// Packets are read one after the other as the application has room: a body of empty packets would be many
    /// times its size if it were read at once.
    Taking {
        body: String,
        at: usize,
        taken: oneshot::Sender<()>,
        /// How large the next packet is, for which there was no room.
        next: usize,
    },
}

enum Step {
    Stay,
    Close(CloseReason),
    Upgrade(Box<WsStream>),
}

impl State<'_> {
    /// Waits for the next thing to happen and handles it.
    async fn step(&mut self, commands: &mut mpsc::Receiver<Command>) -> Step {
        if let Some(reason) = self.take_push() {
            return Step::Close(reason);
        }
        if let Some(reason) = self.fill_poll() {
            return Step::Close(reason);
        }
        let deadline = self.close_at.map_or(self.beat.deadline(), |at| at.min(self.beat.deadline()));
        let waits_for_data = self.poll.is_some();
        let waits_for_room = match self.push {
            Some(Push::Taking { next, .. }) => Some(next),
            _ => None,
        };
        let (pipe, closing) = (self.pipe, self.close_at.is_some());
        tokio::select! {
            // In this order, so that a flow of data cannot hold the heartbeat or the end back.
            biased;
            () = sleep_until(deadline) => self.handle_timeout(),
            () = given_up(self.poll.as_mut()) => Step::Close(CloseReason::Lost),
            () = poll_fn(|cx| pipe.outgoing.poll_ended(cx)), if !closing => self.handle_closing(),
            command = commands.recv() => match command {
                Some(command) => self.handle_command(command),
                // The registry's end goes with this task, not before it.
                None => Step::Close(CloseReason::Server),
            },
            probed = step_of(self.probe.as_mut()) => self.handle_probe(probed),
            read = body_of(self.push.as_mut()) => self.handle_body(read),
            () = room_for(pipe, waits_for_room) => Step::Stay,
            // Popped here, so that nothing is lost: the body is only ever given to the poll that waits for it.
            frames = poll_fn(|cx| pipe.outgoing.poll_pop(cx)), if waits_for_data => {
                frames.map_or(Step::Close(CloseReason::Server), |frames| {
                    self.body.push_frames(&frames);
                    Step::Stay
                })
            }
        }
    }

    fn handle_command(&mut self, command: Command) -> Step {
        match command {
            Command::Poll(_) if self.poll.is_some() => Step::Close(CloseReason::Overlap),
            Command::Poll(poll) => {
                self.poll = Some(poll);
                Step::Stay
            }
            Command::Push { .. } if self.push.is_some() => Step::Close(CloseReason::Overlap),
            Command::Push { body, taken } => {
                self.push = Some(Push::Reading { body, taken });
                Step::Stay
            }
            Command::Upgrade(socket) if self.probe.is_some() => {
                tokio::spawn(turn_away(socket));
                Step::Stay
            }
            Command::Upgrade(socket) => {
                self.probe = Some(Probe::new(socket, self.upgrade_timeout));
                Step::Stay
            }
        }
    }

    fn handle_closing(&mut self) -> Step {
        self.close_at = Some(Instant::now() + self.close_timeout);
        if self.pipe.abort.get().is_some() { Step::Close(CloseReason::Server) } else { Step::Stay }
    }

    fn handle_body(&mut self, read: Option<Result<String, CloseReason>>) -> Step {
        let Some(Push::Reading { taken, .. }) = self.push.take() else { return Step::Stay };
        match read {
            Some(Ok(body)) => {
                self.push = Some(Push::Taking { body, at: 0, taken, next: 0 });
                Step::Stay
            }
            Some(Err(reason)) => Step::Close(reason),
            None => Step::Close(CloseReason::Lost),
        }
    }

    fn handle_probe(&mut self, probed: Probed) -> Step {
        match probed {
            Probed::Answered => Step::Stay,
            Probed::Upgraded(socket) => Step::Upgrade(socket),
            Probed::Failed => {
                self.probe = None;
                Step::Stay
            }
        }
    }

    fn handle_timeout(&mut self) -> Step {
        let now = Instant::now();
        if self.close_at.is_some_and(|at| at <= now) {
            return Step::Close(CloseReason::Server);
        }
        match self.beat.handle_timeout(now) {
            Beat::Wait => Step::Stay,
            Beat::Ping => {
                self.ping_due = true;
                Step::Stay
            }
            // The pong may be behind what the application has not taken.
            Beat::TimedOut if matches!(self.push, Some(Push::Taking { .. })) => {
                self.beat.handle_unread(now);
                Step::Stay
            }
            Beat::TimedOut => Step::Close(CloseReason::PingTimeout),
        }
    }

    /// Gives the application as much of the posted body as it has room for.
    fn take_push(&mut self) -> Option<CloseReason> {
        let (body, mut at, taken) = match self.push.take() {
            Some(Push::Taking { body, at, taken, .. }) => (body, at, taken),
            other => {
                self.push = other;
                return None;
            }
        };
        let next = loop {
            let rest = &body[at..];
            let part = rest.split(SEPARATOR).next().unwrap_or(rest);
            let after = at + part.len() + SEPARATOR.len_utf8();
            match decode_part(part) {
                Ok(Packet::Message(text)) => {
                    if let Err(next) = self.offer(Message::Text(text.into_owned())) {
                        break next;
                    }
                }
                Ok(Packet::Binary(bytes)) => {
                    if let Err(next) = self.offer(Message::Binary(bytes)) {
                        break next;
                    }
                }
                Ok(Packet::Pong(_)) => self.beat.handle_pong(Instant::now()),
                Ok(Packet::Close) => {
                    let _ = taken.send(());
                    return Some(CloseReason::Peer);
                }
                // The reference implementation takes these without a word.
                Ok(Packet::Upgrade | Packet::Noop) => {}
                // Only a server opens and pings.
                Ok(Packet::Open(_) | Packet::Ping(_)) | Err(_) => return Some(CloseReason::Malformed),
            }
            if after > body.len() {
                // A client that has given up its POST finds out by itself.
                let _ = taken.send(());
                return None;
            }
            at = after;
        };
        self.push = Some(Push::Taking { body, at, taken, next });
        None
    }

    /// Takes the message off our hands, or says for how much there is no room.
    fn offer(&self, message: Message) -> Result<(), usize> {
        match self.pipe.incoming.try_push(message) {
            Err(PushError::Full(message)) => Err(message.weight()),
            // What the application does not want any more is off our hands as well.
            Ok(()) | Err(PushError::Ended) => Ok(()),
        }
    }

    /// Answers the waiting poll if there is anything to say.
    fn fill_poll(&mut self) -> Option<CloseReason> {
        self.poll.as_ref()?;
        if std::mem::take(&mut self.ping_due) {
            self.body.push(&Packet::Ping("".into()));
        }
        while let Some(frames) = self.pipe.outgoing.try_pop_if(|frames| self.body.has_room_for(frames)) {
            self.body.push_frames(&frames);
        }
        if self.body.is_empty() && self.probe.as_ref().is_some_and(Probe::answered) {
            self.body.push(&Packet::Noop);
        }
        if self.body.is_empty() {
            return None;
        }
        let body = self.body.take();
        if self.answer_poll(body) { None } else { Some(CloseReason::Lost) }
    }

    fn answer_poll(&mut self, body: String) -> bool {
        self.poll.take().is_none_or(|poll| poll.send(body).is_ok())
    }

    /// The waiting poll learns that the session is over: from a client that said so itself with a packet that means
    /// nothing.
    fn last_word(&mut self, reason: CloseReason) {
        let last = if reason == CloseReason::Peer { Packet::Noop } else { Packet::Close };
        self.body.push(&last);
        let body = self.body.take();
        self.answer_poll(body);
    }
}

async fn given_up(poll: Option<&mut oneshot::Sender<String>>) {
    match poll {
        Some(poll) => poll.closed().await,
        None => pending().await,
    }
}

/// The body of a POST that is being read; `None` where its client has given it up.
async fn body_of(push: Option<&mut Push>) -> Option<Result<String, CloseReason>> {
    match push {
        Some(Push::Reading { body, .. }) => body.await.ok(),
        _ => pending().await,
    }
}

async fn room_for(pipe: &Pipe, weight: Option<usize>) {
    match weight {
        Some(weight) => poll_fn(|cx| pipe.incoming.poll_room(weight, cx)).await,
        None => pending().await,
    }
}

async fn step_of(probe: Option<&mut Probe>) -> Probed {
    match probe {
        Some(probe) => probe.step().await,
        None => pending().await,
    }
}
