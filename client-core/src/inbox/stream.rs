use std::{collections::VecDeque, time::Instant};

use keepline_protocol::{Epoch, Stream, Subscribe, Tag};

use super::{PAGE_EVENTS_MAX, Place};
use crate::{command::Freed, engine::IncomingEvent};

/// One stream that somebody listens to.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) consumed: bool,
    /// Whether the consumer's place is stored.
    pub(super) durable: bool,
    /// Where the app wants to begin, if not at the cursor.
    pub(super) after: Option<u64>,
    pub(super) observers: u32,
    /// The last event that taps have seen. A consumer that begins anew pulls the events before it once more.
    pub(super) tapped: Option<Place>,
    pub(super) pull: Pull,
    /// The last event handed to the app's buffer; `None` at the beginning of a stream that has no cursor.
    pub(super) place: Option<Place>,
    /// How often in a row the server could not give it.
    pub(super) failures: u32,
    /// Where the page under way began.
    pub(super) pulled_after: u64,
    /// What the app's buffer holds.
    pub(super) room_taken: Room,
    /// Places of events handed out whose tags the cursor will need: (offset, tag), bounded by the buffer and by
    /// [`UNACKED_MAX`].
    handed: VecDeque<(u64, Option<Tag>)>,
    handed_epoch: Option<Epoch>,
    /// Up to where the app has taken events, where that is not stored yet.
    taken: Option<Place>,
    /// How many events were taken since the cursor was stored.
    pub(super) untold: u32,
    /// Ephemeral events that wait for room; the newest win.
    pub(super) held: VecDeque<IncomingEvent>,
}

/// How events of a stream come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pull {
    /// Not yet, or not at the moment.
    Idle,
    /// A page was asked for.
    Pulling,
    /// As they happen.
    Live,
    /// The app is slow: the stream was given back (once the server was told).
    Behind { told: bool },
    /// The server could not give it for the moment: it is asked for again then, and not before.
    Resting { until: Instant },
}

/// Space in the app's buffer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) events: u32,
    pub(super) bytes: u64,
}

impl Feed {
    pub(super) fn new(start: Option<Place>) -> Self {
        Self {
            consumed: false,
            durable: true,
            after: None,
            observers: 0,
            tapped: None,
            pull: Pull::Idle,
            place: start,
            failures: 0,
            pulled_after: 0,
            room_taken: Room::default(),
            handed: VecDeque::new(),
            handed_epoch: None,
            taken: None,
            untold: 0,
            held: VecDeque::new(),
        }
    }

    /// Begins anew at a place; what was handed out before is of no account.
    pub(super) fn restart(&mut self, start: Option<Place>) {
        self.place = start;
        self.pull = Pull::Idle;
        self.failures = 0;
        self.forget_handed();
    }

    /// The consumer goes away, and what it held is of no account.
    pub(super) fn give_up(&mut self) {
        self.consumed = false;
        self.forget_handed();
    }

    fn forget_handed(&mut self) {
        self.handed.clear();
        self.taken = None;
        self.untold = 0;
        self.room_taken = Room::default();
        self.held.clear();
    }

    /// The next event goes to the app.
    pub(super) fn hand_over(&mut self, epoch: &Epoch, offset: u64, tag: Option<Tag>, bytes: u64) {
        if self.consumed {
            self.hold_room(bytes);
            if self.durable {
                if self.handed_epoch.as_ref() != Some(epoch) {
                    self.handed_epoch = Some(epoch.clone());
                }
                self.handed.push_back((offset, tag));
            }
        }
        match &mut self.place {
            Some(place) if place.epoch.as_ref() == Some(epoch) => (place.offset, place.tag) = (offset, tag),
            place => *place = Some(Place { epoch: Some(epoch.clone()), offset, tag }),
        }
    }

    /// Only taps listen, and have not got a place yet: the next page only says where the stream ends now.
    pub(super) fn is_finding_the_end(&self) -> bool {
        !self.consumed && self.place.is_none()
    }

    /// Whether the event just handed over is new to taps.
    pub(super) fn passes_taps(&mut self) -> bool {
        if self.observers == 0 {
            return false;
        }
        let is_new = match (&self.tapped, &self.place) {
            (Some(seen), Some(place)) => seen.epoch != place.epoch || seen.offset < place.offset,
            _ => true,
        };
        if is_new {
            self.tapped.clone_from(&self.place);
        }
        is_new
    }

    pub(super) fn hold_room(&mut self, bytes: u64) {
        self.room_taken.events += 1;
        self.room_taken.bytes += bytes;
    }

    pub(super) fn free(&mut self, freed: Freed) {
        self.room_taken.events = self.room_taken.events.saturating_sub(freed.events);
        self.room_taken.bytes = self.room_taken.bytes.saturating_sub(freed.bytes);
    }

    /// The app has taken events up to `place`; gives whether the cursor has to be stored.
    pub(super) fn take(&mut self, mut place: Place) -> bool {
        if !self.durable || place.epoch != self.handed_epoch {
            return false;
        }
        let mut moved = false;
        while let Some((offset, tag)) =
            self.handed.front().copied().filter(|(offset, _)| *offset <= place.offset)
        {
            self.handed.pop_front();
            place.tag = tag;
            self.untold += 1;
            moved = offset == place.offset || moved;
        }
        if moved {
            self.taken = Some(place);
        }
        moved
    }

    /// A reset was handed over: the cursor stands there as soon as the app has it.
    pub(super) fn stand_at(&mut self, place: Place) {
        self.handed.clear();
        self.handed_epoch.clone_from(&place.epoch);
        self.taken = None;
        self.place = Some(place.clone());
        self.handed.push_back((place.offset, place.tag));
    }

    pub(super) fn unstored(&mut self) -> Option<Place> {
        self.untold = 0;
        self.taken.take()
    }

    pub(super) fn has_room(&self, room: Room) -> bool {
        let fits = self.room_taken.events < room.events && self.room_taken.bytes < room.bytes;
        !self.consumed || (fits && self.unacked_room(room) > 0)
    }

    /// The next page is pulled once half of the buffer is free, so that it is worth its way. A stream that was given back
    /// also waits until half of what an app may leave without an acknowledgement has one.
    pub(super) fn wants_more(&self, room: Room) -> bool {
        let unacked_room = match self.pull {
            Pull::Idle => 1,
            Pull::Behind { .. } => UNACKED_MAX / 2,
            Pull::Pulling | Pull::Live | Pull::Resting { .. } => return false,
        };
        self.has_space(room) && self.unacked_room(room) >= unacked_room
    }

    /// Whether half of the buffer is free.
    pub(super) fn has_space(&self, room: Room) -> bool {
        self.room_taken.events <= room.events / 2 && self.room_taken.bytes <= room.bytes / 2
    }

    /// Whether the app may be handed nothing before it acknowledges something.
    pub(super) fn is_unacked(&self, room: Room) -> bool {
        self.unacked_room(room) == 0
    }

    pub(super) fn resting_until(&self) -> Option<Instant> {
        if let Pull::Resting { until } = self.pull { Some(until) } else { None }
    }

    pub(super) fn page_limit(&self, room: Room) -> u32 {
        if !self.has_room(room) {
            return 0;
        }
        if self.is_finding_the_end() {
            return 1;
        }
        let free = if self.consumed { room.events - self.room_taken.events } else { room.events };
        free.min(PAGE_EVENTS_MAX).min(self.unacked_room(room))
    }

    /// How many more events may be handed out before the app has to say how far it is. What is in the buffer cannot be
    /// acknowledged yet and does not count.
    fn unacked_room(&self, room: Room) -> u32 {
        let places_max = u64::from(room.events) + u64::from(UNACKED_MAX);
        let left = places_max.saturating_sub(self.handed.len() as u64);
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    pub(super) fn subscribe(&mut self, stream: Stream, limit: u32) -> Subscribe {
        let place = self.place.as_ref();
        self.pulled_after = place.map_or(0, |place| place.offset);
        Subscribe {
            stream,
            epoch: place.and_then(|place| place.epoch.clone()),
            after: place.map(|place| place.offset),
            tag: place.and_then(|place| place.tag),
            limit: Some(limit),
        }
    }
}

/// How many events an app may hold whose cursor is [manual](crate::CursorMode::Manual) and that it has not
/// acknowledged. As many as a server keeps of a user's stream: a cursor further behind could not be continued anyway.
pub(super) const UNACKED_MAX: u32 = 10_000;
