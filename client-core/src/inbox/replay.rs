//! Events and pages as they come from the line.

use std::time::{Duration, Instant};

use keepline_protocol::{
    ErrorBody, ErrorCode, MetaReader, Reset, SessionAck, Stream, StreamStatus, Subscribed,
};

use super::{Inbox, To, cursor, deliver, deliver_event, place::Place, stream::Pull};
use crate::{
    engine::{Cx, Delivery, IncomingEvent},
    error::StoreError,
    limits::RETRY_WISH_MAX,
};

impl Inbox {
    /// Takes an event, and what its meta says where it has one. Duplicates are dropped and counted; a hole makes the
    /// stream be pulled.
    pub(crate) fn event(&mut self, cx: &mut Cx<'_, '_>, meta: Option<&MetaReader>, event: IncomingEvent) {
        self.heard_at = Some(cx.now.at);
        // What names none concerns the user.
        let stream = meta.and_then(MetaReader::stream).unwrap_or(&Stream::User);
        let place = meta.and_then(|meta| Some((meta.epoch()?, meta.offset()?, meta.tag())));
        let Some((epoch, offset, tag)) = place else { return self.ephemeral(cx, stream, event) };
        let Some(feed) = self.feeds.get_mut(stream) else { return };
        if !matches!(feed.pull, Pull::Live | Pull::Pulling) {
            // Given back or about to be pulled: the log has it.
            return;
        }
        if feed.is_finding_the_end() {
            // What was there before the tap.
            return;
        }
        let known = feed.place.as_ref();
        let same_log = known.is_none_or(|place| place.epoch.as_ref().is_none_or(|known| known == epoch));
        let last = known.map_or(0, |place| place.offset);
        if same_log && offset <= last {
            self.counters.duplicates += 1;
            return;
        }
        let is_gap = offset > last.saturating_add(1);
        #[cfg(feature = "planted")]
        let is_gap = is_gap && !crate::planted::is(crate::planted::Planted::GapAccepted);
        if !same_log || is_gap {
            self.counters.gaps += 1;
            // While a page is under way it will close the hole; live, the hole has to be asked for.
            if feed.pull == Pull::Live {
                feed.pull = Pull::Idle;
                self.ask(stream.clone());
            }
            return;
        }
        if !feed.has_room(self.room) {
            feed.pull = Pull::Behind { told: false };
            self.ask(stream.clone());
            return;
        }
        feed.hand_over(epoch, offset, tag, event.bytes());
        #[cfg(feature = "planted")]
        if crate::planted::is(crate::planted::Planted::CursorBeforeDelivery)
            && feed.place.clone().is_some_and(|handed| feed.take(handed))
        {
            self.flush_at = Some(cx.now.at);
        }
        self.counters.delivered += 1;
        let to = To { durable: feed.consumed, tapped: feed.passes_taps() };
        deliver_event(cx.effects, stream, Some(epoch), event, to);
    }

    /// The page's end: live, another page, or another beginning.
    ///
    /// The answer belongs to whoever listened when the page was asked for. Where the feed has begun anew since, was
    /// given back or is gone, the answer says nothing but that the next subscribe may go.
    pub(crate) fn subscribed(
        &mut self,
        cx: &mut Cx<'_, '_>,
        stream: &Stream,
        answer: SessionAck<Subscribed>,
    ) -> Result<(), StoreError> {
        self.unanswered.remove(stream);
        self.heard_at = Some(cx.now.at);
        let Some(feed) = self.feeds.get_mut(stream) else { return Ok(()) };
        if feed.pull != Pull::Pulling {
            if feed.wants_more(self.room) {
                self.ask(stream.clone());
            }
            return Ok(());
        }
        let page = match answer {
            SessionAck::Ok(page) => page,
            SessionAck::Refused(error) => return self.refused(cx, stream, error),
        };
        match (page.status, page.reset) {
            (StreamStatus::Reset, Some(reset)) => {
                self.reset(cx, stream, reset)?;
                self.ask(stream.clone());
            }
            (StreamStatus::Gone, _) => self.gone(cx, stream)?,
            _ => {
                if feed.is_finding_the_end() {
                    feed.place = Some(Place { epoch: page.epoch, offset: page.head, tag: None });
                    feed.tapped.clone_from(&feed.place);
                } else if feed.place.is_none() {
                    feed.place = Some(Place { epoch: page.epoch, offset: page.from, tag: None });
                } else if let Some(place) = feed.place.as_mut().filter(|place| place.epoch.is_none()) {
                    place.epoch = page.epoch;
                }
                let last = feed.place.as_ref().map_or(0, |place| place.offset);
                if !page.more && last >= page.head {
                    feed.pull = Pull::Live;
                    feed.failures = 0;
                } else if last > feed.pulled_after {
                    feed.pull = Pull::Idle;
                    feed.failures = 0;
                    self.ask(stream.clone());
                } else {
                    // A page that brought nothing would be asked for in a loop.
                    self.rest(cx, stream, None);
                }
            }
        }
        Ok(())
    }

    pub(super) fn reset(
        &mut self,
        cx: &mut Cx<'_, '_>,
        stream: &Stream,
        reset: Reset,
    ) -> Result<(), StoreError> {
        self.counters.resets += 1;
        let Some(feed) = self.feeds.get_mut(stream) else { return Ok(()) };
        feed.tapped = None;
        feed.stand_at(Place { epoch: Some(reset.epoch.clone()), offset: reset.offset, tag: reset.tag });
        // A tap alone frees nothing.
        if feed.consumed {
            feed.hold_room(reset.snapshot.as_ref().map_or(0, |snapshot| snapshot.len() as u64));
        }
        feed.pull = Pull::Idle;
        let durable = feed.consumed;
        deliver(cx, stream.clone(), Delivery::Reset(reset), durable);
        Ok(())
    }

    /// "`gone`: the stream ended and was removed; its cursor goes too."
    pub(super) fn gone(&mut self, cx: &mut Cx<'_, '_>, stream: &Stream) -> Result<(), StoreError> {
        cursor::remove(cx.tx, &self.account, stream)?;
        if let Some(feed) = self.feeds.remove(stream) {
            deliver(cx, stream.clone(), Delivery::Gone, feed.consumed);
        }
        Ok(())
    }

    /// Ephemeral events that had to wait, now that there is room.
    pub(super) fn release_held(&mut self, cx: &mut Cx<'_, '_>, stream: &Stream) {
        let Some(feed) = self.feeds.get_mut(stream) else { return };
        while feed.has_room(self.room) {
            let Some(event) = feed.held.pop_front() else { return };
            feed.hold_room(event.bytes());
            deliver_event(cx.effects, stream, None, event, BOTH);
        }
    }

    fn ephemeral(&mut self, cx: &mut Cx<'_, '_>, stream: &Stream, event: IncomingEvent) {
        let Some(feed) = self.feeds.get_mut(stream) else { return };
        self.counters.delivered += 1;
        if !feed.consumed {
            return deliver_event(cx.effects, stream, None, event, To { durable: false, tapped: true });
        }
        if feed.held.is_empty() && feed.has_room(self.room) {
            feed.hold_room(event.bytes());
            return deliver_event(cx.effects, stream, None, event, BOTH);
        }
        feed.held.push_back(event);
        while feed.held.len() > HELD_MAX {
            feed.held.pop_front();
            self.counters.ephemeral_dropped += 1;
        }
    }

    fn refused(&mut self, cx: &mut Cx<'_, '_>, stream: &Stream, error: ErrorBody) -> Result<(), StoreError> {
        if error.code == ErrorCode::NotFound {
            return self.gone(cx, stream);
        }
        let may_pass = error.retryable || error.code.retryable() || error.retry_after_ms.is_some();
        if may_pass {
            self.rest(cx, stream, error.retry_after_ms.map(Duration::from_millis));
            return Ok(());
        }
        // Asking again would be answered the same, and the stream may well be there: the app is told, and what it has
        // taken so far is kept, for when it comes back.
        self.store_cursors(cx)?;
        if let Some(feed) = self.feeds.remove(stream) {
            deliver(cx, stream.clone(), Delivery::Refused(error.code), feed.consumed);
        }
        Ok(())
    }

    /// The server cannot give the stream for the moment. It is asked for again after the server's wish or a delay that
    /// grows, and with the next connection; never in a loop.
    fn rest(&mut self, cx: &Cx<'_, '_>, stream: &Stream, wish: Option<Duration>) {
        let Some(feed) = self.feeds.get_mut(stream) else { return };
        let delay = match wish {
            Some(wish) if !wish.is_zero() => wish.min(RETRY_WISH_MAX),
            _ => self.retry.delay(feed.failures, &mut self.rng),
        };
        feed.failures = feed.failures.saturating_add(1);
        feed.pull = Pull::Resting { until: cx.now.at + delay };
    }

    /// Asks again for the streams that the server could not give a while ago.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let mut rested = Vec::new();
        for (stream, feed) in &mut self.feeds {
            if feed.resting_until().is_some_and(|until| until <= now) {
                feed.pull = Pull::Idle;
                rested.push(stream.clone());
            }
        }
        rested.into_iter().for_each(|stream| self.ask(stream));
    }
}

const BOTH: To = To { durable: true, tapped: true };

/// Ephemeral events kept for a slow app; a screen has no use for more that are no longer true.
const HELD_MAX: usize = 64;
