//! What comes in: ordered streams without holes, as far as the app has taken them.
//!
//! The server's log is the buffer. A stream whose app is slow is given back and pulled again later; the socket is
//! always read. For each stream the client knows two places: the cursor on disk, up to which the app has taken
//! events, and the last event handed to the app's buffer in this process. An event at or below the latter is a
//! duplicate and dropped; the next one is delivered; one further on shows a hole, and the page after the last good
//! place is pulled.

mod cursor;
mod place;
mod replay;
mod stream;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use keepline_protocol::{
    Epoch, SessionReady, Stream, StreamCursor, StreamReady, StreamStatus, Subscribe, Unsubscribe,
    limits::{PAGE_EVENTS_MAX, RESUME_STREAMS_MAX, STREAMS_MAX},
};

use self::stream::{Feed, Pull, Room};
use crate::{
    command::{Consume, Freed},
    engine::{Backoff, Cx, Delivery, Effect, EngineOptions, IncomingEvent},
    error::{EventsError, StoreError},
};

pub(crate) use self::{cursor::forget_cursors, place::Place};

/// The streams that the app listens to.
#[derive(Debug)]
pub(crate) struct Inbox {
    account: String,
    room: Room,
    /// How long a stream rests that the server could not give, where the server does not say.
    retry: Backoff,
    rng: fastrand::Rng,
    feeds: BTreeMap<Stream, Feed>,
    /// The places that the last CONNECT named.
    named: BTreeMap<Stream, StreamCursor>,
    /// Streams that have something to ask of the server.
    asking: VecDeque<Stream>,
    /// Streams whose subscribe on this connection is not answered. "One subscribe in flight a stream": whoever listens
    /// meanwhile may have changed, and the next subscribe waits until the answer to this one is in, so that an answer
    /// can never be taken for another's.
    unanswered: BTreeSet<Stream>,
    /// When the line last brought something of a stream, or was asked for it while nothing was under way.
    heard_at: Option<Instant>,
    answer_timeout: Duration,
    /// When cursors that were not stored yet are stored at the latest.
    flush_at: Option<Instant>,
    online: bool,
    plain: bool,
    pub(crate) counters: Counters,
}

/// For `diagnostics`.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub(crate) struct Counters {
    pub(crate) delivered: u64,
    pub(crate) duplicates: u64,
    pub(crate) gaps: u64,
    pub(crate) resets: u64,
    pub(crate) ephemeral_dropped: u64,
}

/// What a stream asks of the server.
#[derive(Debug)]
pub(crate) enum Ask {
    Subscribe(Subscribe),
    Unsubscribe(Unsubscribe),
}

impl Inbox {
    pub(crate) fn new(account: &str, options: &EngineOptions, seed: u64) -> Self {
        Self {
            account: account.to_owned(),
            room: Room { events: options.buffer_events, bytes: options.buffer_bytes },
            retry: options.retry,
            rng: fastrand::Rng::with_seed(seed),
            feeds: BTreeMap::new(),
            named: BTreeMap::new(),
            asking: VecDeque::new(),
            unanswered: BTreeSet::new(),
            heard_at: None,
            answer_timeout: options.answer_timeout,
            flush_at: None,
            online: false,
            plain: false,
            counters: Counters::default(),
        }
    }

    /// Another account's cursors count from now on. Feeds that have delivered nothing begin at its cursors.
    pub(crate) fn switch_account(&mut self, cx: &mut Cx<'_, '_>, account: &str) -> Result<(), StoreError> {
        self.store_cursors(cx)?;
        account.clone_into(&mut self.account);
        for (stream, feed) in &mut self.feeds {
            // A tap alone has no place to go on from: it begins at what comes next, there too.
            let start = if feed.consumed { start(cx, account, stream, feed.after)? } else { None };
            feed.restart(start);
            feed.tapped = None;
        }
        Ok(())
    }

    /// The one durable consumer of a stream begins.
    pub(crate) fn consume(
        &mut self,
        cx: &mut Cx<'_, '_>,
        stream: Stream,
        options: Consume,
    ) -> Result<Result<(), EventsError>, StoreError> {
        if self.feeds.get(&stream).is_some_and(|feed| feed.consumed) {
            return Ok(Err(EventsError::InUse));
        }
        if !self.feeds.contains_key(&stream) && self.feeds.len() >= STREAMS_MAX {
            return Ok(Err(EventsError::TooMany));
        }
        let start = start(cx, &self.account, &stream, options.after)?;
        let feed = self.feeds.entry(stream.clone()).or_insert_with(|| Feed::new(None));
        feed.consumed = true;
        feed.durable = options.durable;
        feed.after = options.after;
        feed.restart(start);
        self.ask(stream);
        Ok(Ok(()))
    }

    /// A live tap keeps the stream subscribed; alone, it begins at what comes next.
    pub(crate) fn observe(&mut self, stream: Stream) -> Result<(), EventsError> {
        if !self.feeds.contains_key(&stream) {
            if self.feeds.len() >= STREAMS_MAX {
                return Err(EventsError::TooMany);
            }
            self.feeds.insert(stream.clone(), Feed::new(None));
            self.ask(stream.clone());
        }
        if let Some(feed) = self.feeds.get_mut(&stream) {
            feed.observers += 1;
        }
        Ok(())
    }

    pub(crate) fn unobserve(&mut self, stream: &Stream) {
        if let Some(feed) = self.feeds.get_mut(stream) {
            feed.observers = feed.observers.saturating_sub(1);
            feed.tapped = None;
            self.drop_if_unwanted(stream);
        }
    }

    /// The consumer went away; what it had not taken will come again.
    pub(crate) fn release(&mut self, cx: &mut Cx<'_, '_>, stream: &Stream) -> Result<(), StoreError> {
        self.store_cursors(cx)?;
        self.withdraw(cx, stream);
        if let Some(feed) = self.feeds.get_mut(stream) {
            feed.give_up();
            self.drop_if_unwanted(stream);
        }
        // A tap that is left waits for no consumer's buffer any more.
        if self.feeds.get(stream).is_some_and(|feed| feed.wants_more(self.room)) {
            self.ask(stream.clone());
        }
        Ok(())
    }

    /// What is on its way to a consumer that went away must not reach the next one, who may have come in the same
    /// transaction and is given everything after the cursor. Taps still get it.
    fn withdraw(&self, cx: &mut Cx<'_, '_>, stream: &Stream) {
        let is_tapped = self.feeds.get(stream).is_some_and(|feed| feed.observers > 0);
        cx.effects.retain_mut(|effect| match effect {
            Effect::Deliver { stream: of, durable, tapped, .. } if of == stream && *durable => {
                *durable = false;
                is_tapped && *tapped
            }
            _ => true,
        });
    }

    /// The app has taken events up to a place: the cursor moves with the next group.
    pub(crate) fn taken(&mut self, now: Instant, stream: &Stream, place: Place) {
        let Some(feed) = self.feeds.get_mut(stream) else { return };
        if feed.take(place) {
            self.flush_at.get_or_insert(now + CURSOR_DELAY);
        }
        if feed.untold >= CURSOR_GROUP {
            self.flush_at = Some(now);
        }
    }

    /// Whether cursors are to be stored now.
    pub(crate) fn cursors_are_due(&self, now: Instant) -> bool {
        self.flush_at.is_some_and(|at| at <= now)
    }

    /// Items have left the app's buffer, taken or not: there is room for more.
    pub(crate) fn freed(&mut self, cx: &mut Cx<'_, '_>, stream: &Stream, freed: Freed) {
        let Some(feed) = self.feeds.get_mut(stream) else { return };
        feed.free(freed);
        self.release_held(cx, stream);
        if self.feeds.get(stream).is_some_and(|feed| feed.wants_more(self.room)) {
            self.ask(stream.clone());
        }
    }

    /// The places to continue, for CONNECT.
    pub(crate) fn resume(&mut self) -> BTreeMap<Stream, StreamCursor> {
        self.named = self
            .feeds
            .iter()
            .filter_map(|(stream, feed)| Some((stream.clone(), feed.place.as_ref()?.to_cursor()?)))
            .take(RESUME_STREAMS_MAX)
            .collect();
        self.named.clone()
    }

    /// The session is ready. Gives whether every stream continued.
    pub(crate) fn ready(&mut self, cx: &mut Cx<'_, '_>, ready: &SessionReady) -> Result<bool, StoreError> {
        self.online = true;
        self.plain = false;
        self.asking.clear();
        self.remember_user_head(cx, ready)?;
        let mut resumed = true;
        let streams: Vec<Stream> = self.feeds.keys().cloned().collect();
        for stream in streams {
            resumed &= self.stream_ready(cx, &stream, ready.streams.get(&stream))?;
        }
        Ok(resumed)
    }

    /// A plain server has no streams: its events go to whoever listens to the user stream.
    pub(crate) fn ready_plain(&mut self) {
        self.online = true;
        self.plain = true;
        self.asking.clear();
    }

    pub(crate) fn line_lost(&mut self) {
        self.online = false;
        self.asking.clear();
        self.unanswered.clear();
        for feed in self.feeds.values_mut() {
            feed.pull = Pull::Idle;
        }
    }

    /// What to ask the server next.
    pub(crate) fn next_ask(&mut self, now: Instant) -> Option<(Stream, Ask)> {
        while self.online && !self.plain {
            let stream = self.asking.pop_front()?;
            let Some(feed) = self.feeds.get_mut(&stream) else {
                return Some((stream.clone(), Ask::Unsubscribe(Unsubscribe { stream })));
            };
            let limit = feed.page_limit(self.room);
            let is_answered = !self.unanswered.contains(&stream);
            #[cfg(feature = "planted")]
            let is_answered = is_answered || crate::planted::is(crate::planted::Planted::OldAnswerCounts);
            match feed.pull {
                Pull::Behind { told: false } => {
                    feed.pull = Pull::Behind { told: true };
                    // The app may have emptied its buffer before the server was told, and frees nothing any more.
                    if feed.wants_more(self.room) {
                        self.asking.push_back(stream.clone());
                    }
                    return Some((stream.clone(), Ask::Unsubscribe(Unsubscribe { stream })));
                }
                // No acknowledgement for so long: as with a stream that was given back, half of them must come.
                Pull::Idle if feed.is_unacked(self.room) => feed.pull = Pull::Behind { told: true },
                // Kept back until the earlier one is answered; the answer asks again.
                Pull::Idle | Pull::Behind { told: true }
                    if limit > 0 && is_answered && feed.has_space(self.room) =>
                {
                    feed.pull = Pull::Pulling;
                    if self.unanswered.is_empty() {
                        self.heard_at = Some(now);
                    }
                    self.unanswered.insert(stream.clone());
                    return Some((stream.clone(), Ask::Subscribe(feed.subscribe(stream, limit))));
                }
                _ => {}
            }
        }
        None
    }

    /// When a subscribe has waited too long for its answer. Pages come one after another, and an answer stands behind
    /// all that was asked for before it: only silence counts.
    pub(crate) fn answer_deadline(&self) -> Option<Instant> {
        let heard_at = self.heard_at.filter(|_| !self.unanswered.is_empty())?;
        Some(heard_at + self.answer_timeout)
    }

    /// When something is to be stored or asked for by itself.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.flush_at.into_iter().chain(self.feeds.values().filter_map(Feed::resting_until)).min()
    }

    fn ask(&mut self, stream: Stream) {
        if self.online && !self.asking.contains(&stream) {
            self.asking.push_back(stream);
        }
    }

    fn drop_if_unwanted(&mut self, stream: &Stream) {
        if self.feeds.get(stream).is_some_and(|feed| !feed.consumed && feed.observers == 0) {
            self.feeds.remove(stream);
            self.ask(stream.clone());
        }
    }

    /// "Without `after` the user stream starts at the head given in the first session, stored then."
    fn remember_user_head(&self, cx: &mut Cx<'_, '_>, ready: &SessionReady) -> Result<(), StoreError> {
        let Some(StreamReady { status: StreamStatus::Ok, epoch: Some(epoch), head, tag, .. }) =
            ready.streams.get(&Stream::User)
        else {
            return Ok(());
        };
        if cursor::load(cx.tx, &self.account, &Stream::User)?.is_some() {
            return Ok(());
        }
        let place = Place { epoch: Some(epoch.clone()), offset: *head, tag: *tag };
        cursor::store(cx.tx, &self.account, &Stream::User, &place)
    }

    fn stream_ready(
        &mut self,
        cx: &mut Cx<'_, '_>,
        stream: &Stream,
        ready: Option<&StreamReady>,
    ) -> Result<bool, StoreError> {
        if let Some(feed) = self.feeds.get_mut(stream) {
            if feed.consumed && feed.place.is_none() {
                feed.place = cursor::load(cx.tx, &self.account, stream)?;
            }
            feed.pull = Pull::Idle;
        }
        // A stream that was not named in CONNECT is simply pulled: the server does not hold it live.
        let (Some(ready), Some(place)) = (ready, self.named.remove(stream)) else {
            self.ask(stream.clone());
            return Ok(true);
        };
        match (ready.status, &ready.reset) {
            (StreamStatus::Ok, _) if ready.head == place.offset && ready.continues(&place.epoch) => {
                if let Some(feed) = self.feeds.get_mut(stream) {
                    feed.pull = Pull::Live;
                }
                Ok(true)
            }
            (StreamStatus::Reset, Some(reset)) => {
                self.reset(cx, stream, reset.clone())?;
                self.ask(stream.clone());
                Ok(false)
            }
            (StreamStatus::Gone, _) => {
                self.gone(cx, stream)?;
                Ok(false)
            }
            _ => {
                self.ask(stream.clone());
                Ok(true)
            }
        }
    }
}

/// Where a consumer begins: where the app says, else at the stored cursor.
fn start(
    cx: &Cx<'_, '_>,
    account: &str,
    stream: &Stream,
    after: Option<u64>,
) -> Result<Option<Place>, StoreError> {
    match after {
        Some(offset) => Ok(Some(Place { epoch: None, offset, tag: None })),
        None => cursor::load(cx.tx, account, stream),
    }
}

fn deliver(cx: &mut Cx<'_, '_>, stream: Stream, item: Delivery, durable: bool) {
    cx.effects.push_back(Effect::Deliver { stream, epoch: None, items: vec![item], durable, tapped: true });
}

/// Who gets an event.
#[derive(Debug, Clone, Copy)]
struct To {
    durable: bool,
    tapped: bool,
}

/// A run of events of one stream and epoch, as a page is, goes to the app in one piece.
fn deliver_event(
    effects: &mut VecDeque<Effect>,
    stream: &Stream,
    epoch: Option<&Epoch>,
    event: IncomingEvent,
    to: To,
) {
    let goes_with = |effect: &Effect| match effect {
        Effect::Deliver { stream: of, epoch: last_epoch, items, durable, tapped } => {
            of == stream
                && (epoch.is_none() || last_epoch.as_ref() == epoch)
                && (to.durable, to.tapped) == (*durable, *tapped)
                && matches!(items.last(), Some(Delivery::Event(_)))
        }
        _ => false,
    };
    match effects.back_mut().filter(|last| goes_with(last)) {
        Some(Effect::Deliver { items, .. }) => items.push(Delivery::Event(event)),
        _ => effects.push_back(Effect::Deliver {
            stream: stream.clone(),
            // The app's thread counts the references to its own copy, one for each event.
            epoch: epoch.map(Epoch::detached),
            items: vec![Delivery::Event(event)],
            durable: to.durable,
            tapped: to.tapped,
        }),
    }
}

/// Cursors are stored in groups of so many events, or after so long.
const CURSOR_GROUP: u32 = 128;
const CURSOR_DELAY: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use keepline_protocol::socket_io::Args;

    use super::*;

    #[test]
    fn a_run_is_of_one_stream_one_epoch_and_one_kind_of_reader() {
        let (job, user) = (Stream::job("7"), Stream::User);
        let [a, b] = ["a", "b"].map(|text| Epoch::new(text).unwrap());
        let both = To { durable: true, tapped: true };
        let durable = To { durable: true, tapped: false };
        let mut effects = VecDeque::new();
        for (stream, epoch, to) in [
            (&job, Some(&a), both),
            (&job, None, both),
            (&job, Some(&a), both),
            (&job, Some(&b), both),
            (&job, Some(&b), durable),
            (&user, None, durable),
            (&user, Some(&b), durable),
        ] {
            let event = IncomingEvent::new(Args::event("e").build(), None);
            deliver_event(&mut effects, stream, epoch, event, to);
        }
        let runs = effects.into_iter().map(|effect| match effect {
            Effect::Deliver { stream, epoch, items, tapped, .. } => (stream, epoch, items.len(), tapped),
            other => panic!("{other:?}"),
        });
        let expected = [
            (job.clone(), Some(a), 3, true),
            (job.clone(), Some(b.clone()), 1, true),
            (job, Some(b.clone()), 1, false),
            (user.clone(), None, 1, false),
            (user, Some(b), 1, false),
        ];
        assert_eq!(runs.collect::<Vec<_>>(), expected);
    }
}
