use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use keepline_protocol::{Stream, limits::STREAMS_MAX};
use tokio::sync::Notify;

use super::event::{Ephemeral, LiveEvent};
use crate::{
    connection::{Frames, LinkSender, TrySendError},
    ids::StreamId,
    jobs,
};

/// How many actions of one connection may be unanswered; then its socket is not read until one is. Four windows of
/// a client, so that the storage always finds a full batch.
pub(crate) const IN_FLIGHT_MAX: usize = 1_024;

/// How many ephemeral events wait for a connection that is slow; then the oldest goes.
const EPHEMERAL_MAX: usize = 64;

/// How many jobs wait to be followed by a connection that holds all the streams it may: as many as one owner may have
/// alive. Of a further one the client gets the notices on its user stream alone.
const TO_FOLLOW_MAX: usize = 1_000;

/// One connection, as everything that has something for it sees it.
///
/// Answers and live events go into the connection's send queue at once, from whichever thread has them. Where the
/// queue is full, nothing waits here but what is bounded: an answer (at most [`IN_FLIGHT_MAX`]) is left for the
/// session's task; a stream falls *behind* and is pulled from its log again once there is room. So an event is
/// sent in order, or by way of the log, and never leaves a hole.
pub(crate) struct Outlet {
    link: LinkSender,
    meta: bool,
    follows: bool,
    in_flight: AtomicUsize,
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Default)]
struct State {
    /// Sorted, so that a simulation that is run twice does the same.
    streams: BTreeMap<StreamId, Position>,
    answers: VecDeque<Frames>,
    ephemeral: VecDeque<Arc<Ephemeral>>,
    /// Jobs to follow, once there is room for their streams.
    to_follow: VecDeque<String>,
}

struct Position {
    stream: Arc<Stream>,
    /// The offset that goes out next.
    next: u64,
    /// The newest offset that was published while this was not live.
    seen: u64,
    live: bool,
    /// Whether this end pulls the log until it is live again; else the client pulls.
    pulls: bool,
    /// Whether nobody asked for it: it is let go after the event that ends its job.
    followed: bool,
}

/// What an outlet makes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    More,
    /// It was the stream's last for this outlet, which has let the stream go.
    Last,
}

/// A stream that this end has to pull from its log.
pub(crate) struct Behind {
    pub(crate) id: StreamId,
    pub(crate) stream: Arc<Stream>,
    pub(crate) next: u64,
}

impl Outlet {
    /// With `meta`, events carry their metas; with `follows`, the jobs that are started here are followed without
    /// being asked.
    pub(crate) fn new(link: LinkSender, meta: bool, follows: bool) -> Self {
        let in_flight = AtomicUsize::new(0);
        Self { link, meta, follows, in_flight, state: Mutex::default(), wake: Notify::new() }
    }

    pub(crate) fn follows(&self) -> bool {
        self.follows
    }

    /// Has the session's task follow a job that was started here.
    pub(crate) fn follow(&self, job: String) {
        let mut state = self.lock();
        if state.to_follow.len() == TO_FOLLOW_MAX {
            tracing::warn!("a job is not followed: too many wait for that");
            return;
        }
        state.to_follow.push_back(job);
        drop(state);
        self.poke();
    }

    /// The next job to follow, while there is room for its stream.
    pub(crate) fn next_to_follow(&self) -> Option<String> {
        let mut state = self.lock();
        if state.streams.len() < STREAMS_MAX { state.to_follow.pop_front() } else { None }
    }

    pub(crate) fn link(&self) -> &LinkSender {
        &self.link
    }

    pub(crate) fn meta(&self) -> bool {
        self.meta
    }

    /// Resolves when there is something for the session's task to do.
    pub(crate) async fn work(&self) {
        self.wake.notified().await;
    }

    /// Has the session's task look again.
    pub(crate) fn poke(&self) {
        self.wake.notify_one();
    }

    // Actions.

    pub(crate) fn action_taken(&self) {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    /// An action is done; its answer, if one was asked for, goes out.
    pub(crate) fn action_done(&self, answer: Option<Frames>) {
        let stuck = answer.is_some_and(|frames| self.answer(frames));
        let before = self.in_flight.fetch_sub(1, Ordering::AcqRel);
        // The session waits for this in two cases: at the limit, and for the last one while it drains.
        if stuck || before == IN_FLIGHT_MAX || before == 1 {
            self.poke();
        }
    }

    /// Whether the answer had to be left for the session's task. An answer never overtakes one that was left.
    fn answer(&self, frames: Frames) -> bool {
        let mut state = self.lock();
        if state.answers.is_empty() && !matches!(self.link.try_send(frames.clone()), Err(TrySendError::Full))
        {
            return false;
        }
        state.answers.push_back(frames);
        true
    }

    /// Sends what was left for the session's task, as far as there is room. Gives the size of what did not go out,
    /// if anything did not. Under the lock, so that nothing newer overtakes it.
    pub(crate) fn send_left(&self) -> Option<usize> {
        let mut state = self.lock();
        while let Some(frames) = state.answers.front() {
            if self.link.try_send(frames.clone()) == Err(TrySendError::Full) {
                return Some(frames.bytes());
            }
            state.answers.pop_front();
        }
        while let Some(event) = state.ephemeral.front() {
            let frames = event.frames(self.meta);
            let bytes = frames.bytes();
            if self.link.try_send(frames) == Err(TrySendError::Full) {
                return Some(bytes);
            }
            state.ephemeral.pop_front();
        }
        None
    }

    // Events.

    /// A live event. Called from one thread, in the order of the log.
    pub(super) fn event(&self, event: &LiveEvent) -> Heard {
        let mut state = self.lock();
        let Some(position) = state.streams.get_mut(&event.id) else { return Heard::Last };
        if !position.live {
            position.seen = position.seen.max(event.offset);
            return Heard::More;
        }
        if event.offset < position.next {
            return Heard::More;
        }
        let in_order = event.offset == position.next;
        match if in_order { self.link.try_send(event.frames(self.meta)) } else { Err(TrySendError::Full) } {
            Ok(()) if position.ends_with(event) => {
                self.let_go(state, event.id);
                return Heard::Last;
            }
            Ok(()) => position.next += 1,
            Err(TrySendError::Full) => {
                position.live = false;
                position.pulls = true;
                position.seen = event.offset;
                drop(state);
                self.poke();
            }
            // The session's task hears of it and tidies up.
            Err(TrySendError::Closed) => {}
        }
        Heard::More
    }

    /// An event that no log keeps: the newest win.
    pub(super) fn ephemeral(&self, event: &Arc<Ephemeral>) {
        let mut state = self.lock();
        if state.ephemeral.is_empty()
            && !matches!(self.link.try_send(event.frames(self.meta)), Err(TrySendError::Full))
        {
            return;
        }
        if state.ephemeral.len() == EPHEMERAL_MAX {
            state.ephemeral.pop_front();
        }
        state.ephemeral.push_back(event.clone());
        drop(state);
        self.poke();
    }

    // Streams.

    /// Begins to notice a stream's events without sending them. From here on, what the log is read for and what
    /// is published overlap, so that nothing falls between.
    pub(crate) fn watch(&self, id: StreamId, stream: Arc<Stream>) {
        let position =
            Position { stream, next: u64::MAX, seen: 0, live: false, pulls: false, followed: false };
        self.lock().streams.insert(id, position);
    }

    pub(crate) fn unwatch(&self, id: StreamId) {
        self.let_go(self.lock(), id);
    }

    /// Its place is free for a job that waits to be followed.
    fn let_go(&self, mut state: MutexGuard<'_, State>, id: StreamId) {
        state.streams.remove(&id);
        let waits = !state.to_follow.is_empty();
        drop(state);
        if waits {
            self.poke();
        }
    }

    /// Everything before `next` was sent: the stream is live, or this end pulls what was published meanwhile.
    pub(crate) fn go_live(&self, id: StreamId, next: u64) {
        let mut state = self.lock();
        let Some(position) = state.streams.get_mut(&id) else { return };
        position.next = next;
        position.live = position.seen < next;
        position.pulls = !position.live;
        if position.pulls {
            drop(state);
            self.poke();
        }
    }

    /// The log has nothing from `next` on, although something was published: it was trimmed to its end. The stream
    /// goes on with what comes.
    pub(crate) fn skip(&self, id: StreamId) {
        let seen = self.lock().streams.get(&id).map(|position| (position.seen + 1).max(position.next));
        if let Some(next) = seen {
            self.go_live(id, next);
        }
    }

    /// Starts a stream whose log this end pulls from its beginning, to the event that ends its job.
    pub(super) fn pull_all(&self, id: StreamId) {
        let mut state = self.lock();
        if let Some(position) = state.streams.get_mut(&id) {
            (position.next, position.live, position.pulls, position.followed) = (1, false, true, true);
            drop(state);
            self.poke();
        }
    }

    /// Whether nobody asked for the stream, so that it is let go after the event that ends its job.
    pub(crate) fn is_followed(&self, id: StreamId) -> bool {
        self.lock().streams.get(&id).is_some_and(|position| position.followed)
    }

    /// The streams that this end has to pull.
    pub(crate) fn behind(&self) -> Vec<Behind> {
        let state = self.lock();
        let pulled = state.streams.iter().filter(|(_, position)| position.pulls);
        pulled
            .map(|(id, position)| Behind { id: *id, stream: position.stream.clone(), next: position.next })
            .collect()
    }

    pub(crate) fn watched_as(&self, stream: &Stream) -> Option<StreamId> {
        self.lock().streams.iter().find(|(_, position)| *position.stream == *stream).map(|(id, _)| *id)
    }

    pub(crate) fn watched(&self) -> Vec<StreamId> {
        self.lock().streams.keys().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Position {
    fn ends_with(&self, event: &LiveEvent) -> bool {
        self.followed && jobs::is_end(&event.name)
    }
}
