use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use keepline_protocol::{ActionId, Stream, limits::STREAMS_MAX};

use crate::{
    engine::Arrival,
    error::EventsError,
    limits::TAPS_MAX,
    outcome::Outcome,
    signals::Signals,
    status::{Line, Status},
    stream::{Events, Mailbox},
    tap::{Fanout, Tap},
};

/// What handles and driver share without waiting for each other.
pub(crate) struct Shared {
    pub(crate) signals: Arc<Signals>,
    pub(crate) action_bytes_max: u64,
    board: Mutex<Board>,
    streams: Mutex<Streams>,
}

/// What is shown to whoever looks.
struct Board {
    status: Status,
    /// When the status was made: ages and delays count from there.
    made: Instant,
    statuses: Fanout<Status>,
    changes: Fanout<OutboxChange>,
    is_closed: bool,
}

#[derive(Default)]
struct Streams {
    consumers: BTreeMap<Stream, Weak<Mailbox>>,
    observers: Observers,
    is_closed: bool,
}

/// The live taps of each stream.
pub(crate) type Observers = BTreeMap<Stream, Fanout<Arrival>>;

/// Something that happened to an action in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum OutboxChange {
    /// It was added, or changed its state.
    Changed(ActionId),
    /// It has its outcome.
    Settled(ActionId, Outcome),
    /// It is retried, and goes on under another id.
    Renamed {
        /// The id until now.
        old: ActionId,
        /// The id from now on.
        new: ActionId,
    },
    /// The server was restored from a backup and has lost these actions, which had been settled. What was applied or
    /// refused there stays as it was told. What was settled by a void, as a cancelled action is, is pending again: the
    /// server is asked to void it once more, and it settles a second time.
    RolledBack(Vec<ActionId>),
}

impl Shared {
    pub(crate) fn new(action_bytes_max: u64) -> Self {
        let status = Status { line: Line::Idle, pending: 0, parked: 0, oldest: None };
        let (statuses, changes) = (Fanout::new(), Fanout::new());
        Self {
            signals: Arc::default(),
            action_bytes_max,
            board: Mutex::new(Board { status, made: now(), statuses, changes, is_closed: false }),
            streams: Mutex::default(),
        }
    }

    /// The status as of this moment.
    pub(crate) fn status(&self) -> Status {
        let board = self.board();
        let mut status = board.status.clone();
        let passed = now().saturating_duration_since(board.made);
        status.oldest = status.oldest.map(|oldest| oldest + passed);
        if let Line::Waiting { retry_in, .. } = &mut status.line {
            *retry_in = retry_in.saturating_sub(passed);
        }
        status
    }

    pub(crate) fn set_status(&self, status: Status) {
        let mut board = self.board();
        board.statuses.publish(&status);
        board.status = status;
        board.made = now();
    }

    /// The status now and then each one that follows.
    pub(crate) fn statuses(&self) -> Tap<Status> {
        let mut board = self.board();
        let first = board.status.clone();
        let tap = board.statuses.tap_after(first);
        if board.is_closed {
            board.statuses = Fanout::new();
        }
        tap
    }

    pub(crate) fn changes(&self) -> Tap<OutboxChange> {
        let mut board = self.board();
        let tap = board.changes.tap();
        if board.is_closed {
            board.changes = Fanout::new();
        }
        tap
    }

    pub(crate) fn change(&self, change: &OutboxChange) {
        self.board().changes.publish(change);
    }

    /// Registers the one consumer of a stream, of which the driver hears by a signal.
    pub(crate) fn consume(&self, events: Events) -> Result<Arc<Mailbox>, EventsError> {
        let mut streams = self.streams();
        if streams.is_closed {
            return Err(EventsError::Closed);
        }
        streams.forget_who_went();
        if streams.consumers.contains_key(&events.stream) {
            return Err(EventsError::InUse);
        }
        streams.check_room(&events.stream)?;
        let mailbox =
            Mailbox::new(events.stream.clone(), events.options, events.mode, Arc::clone(&self.signals));
        streams.consumers.insert(events.stream, Arc::downgrade(&mailbox));
        self.signals.touch(Arc::clone(&mailbox));
        Ok(mailbox)
    }

    pub(crate) fn observe(&self, stream: &Stream) -> Result<Tap<Arrival>, EventsError> {
        let mut streams = self.streams();
        if streams.is_closed {
            return Err(EventsError::Closed);
        }
        streams.forget_who_went();
        streams.check_room(stream)?;
        let fanout = streams.observers.entry(stream.clone()).or_insert_with(Fanout::new);
        fanout.prune();
        if fanout.len() >= TAPS_MAX {
            return Err(EventsError::TooMany);
        }
        let tap = fanout.tap().notifying(Arc::clone(&self.signals));
        self.signals.move_taps();
        Ok(tap)
    }

    pub(crate) fn with_observers<T>(&self, look: impl FnOnce(&mut Observers) -> T) -> T {
        look(&mut self.streams().observers)
    }

    /// The driver is gone, in whatever way: everything that waits ends.
    pub(crate) fn close(&self) {
        let mut streams = self.streams();
        streams.is_closed = true;
        streams.observers.clear();
        for mailbox in
            std::mem::take(&mut streams.consumers).into_values().filter_map(|mailbox| mailbox.upgrade())
        {
            mailbox.end();
        }
        drop(streams);
        let mut board = self.board();
        if !board.is_closed {
            board.is_closed = true;
            board.status.line = Line::Closed;
            let status = board.status.clone();
            board.statuses.publish(&status);
            board.statuses = Fanout::new();
            board.changes = Fanout::new();
        }
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        // Nothing panics while it is held, and what it holds is valid at each step; so for the other.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Streams {
    /// Those who went leave room at once; the driver, which is told as well, gives it up before it takes what comes.
    fn forget_who_went(&mut self) {
        self.consumers.retain(|_, mailbox| {
            mailbox.upgrade().is_some_and(|mailbox| !mailbox.is_released() && !mailbox.has_ended())
        });
        self.observers.retain(|_, fanout| !fanout.prune());
    }

    /// One connection holds so many streams; a consumer and taps of one stream share it.
    fn check_room(&self, stream: &Stream) -> Result<(), EventsError> {
        let is_there = self.consumers.contains_key(stream) || self.observers.contains_key(stream);
        let others = self.observers.keys().filter(|observed| !self.consumers.contains_key(*observed)).count();
        if is_there || self.consumers.len() + others < STREAMS_MAX {
            Ok(())
        } else {
            Err(EventsError::TooMany)
        }
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The longest deadline that an app can give; a clock plus more would overflow.
pub(crate) fn within(deadline: Duration) -> Duration {
    deadline.min(Duration::from_secs(366 * 24 * 3_600))
}
