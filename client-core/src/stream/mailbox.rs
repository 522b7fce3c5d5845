use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use keepline_protocol::{Epoch, Stream};

use crate::{
    command::{Consume, Freed},
    engine::{Arrival, Delivery, IncomingEvent},
    signals::Signals,
};

/// A place in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) epoch: Epoch,
    pub(crate) offset: u64,
}

impl Spot {
    fn covers(&self, epoch: &Epoch, offset: u64) -> bool {
        self.epoch == *epoch && offset <= self.offset
    }
}

/// Who says up to where the app has taken events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum CursorMode {
    /// An event counts as taken when the app asks for the one after it.
    #[default]
    Auto,
    /// An event counts as taken when the app says so, see [`EventStream::ack`](crate::EventStream::ack).
    ///
    /// An app may hold 10,000 events that it has not acknowledged. Then the stream waits on the server, as for a slow
    /// app, and goes on once half of them are acknowledged: an app that never says so gets no further.
    Manual,
}

/// What lies between the driver and the app's [`EventStream`](crate::EventStream): events on their way to the app,
/// and how far the app has got on its way to the driver.
///
/// When the driver has to start the engine again it empties the mailbox, and the engine delivers from the stored
/// cursor. What the app holds already would then come twice within one life of the process, so the mailbox remembers
/// the last place it handed out and drops what is not after it.
pub(crate) struct Mailbox {
    stream: Stream,
    options: Consume,
    mode: CursorMode,
    signals: Arc<Signals>,
    state: Mutex<State>,
}

/// The engine bounds the queue: it hands over no more than the buffer of the config holds.
#[derive(Default)]
struct State {
    /// None of them is empty.
    queue: VecDeque<Run>,
    /// The last place handed to the app.
    handed: Option<Spot>,
    /// What was handed out when the engine began anew: up to here its events come again. Within one engine's life
    /// nothing is dropped here, as offsets may begin again after a reset or under another account.
    repeated: Option<Spot>,
    /// The last place that the app has taken.
    taken: Option<Spot>,
    /// The place to report, where it has moved.
    unreported: Option<Spot>,
    freed: Freed,
    /// Whether the driver knows that there is something to report.
    is_signalled: bool,
    has_ended: bool,
    is_released: bool,
    waker: Option<Waker>,
}

/// What the engine handed over in one piece.
struct Run {
    epoch: Option<Epoch>,
    items: VecDeque<Delivery>,
}

/// What becomes of an item.
enum Accepted {
    New,
    /// The app holds it, or has had it.
    Repeated,
}

/// How far the app has got since the last report.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) taken: Option<Spot>,
    pub(crate) freed: Freed,
    /// The app is done with the stream, or the stream with the app. Read together with the rest: an end that came
    /// between the two would neither be seen here nor signalled again.
    pub(crate) is_over: bool,
}

impl Mailbox {
    pub(crate) fn new(
        stream: Stream,
        options: Consume,
        mode: CursorMode,
        signals: Arc<Signals>,
    ) -> Arc<Self> {
        Arc::new(Self { stream, options, mode, signals, state: Mutex::default() })
    }

    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }
}

/// The driver's side.
impl Mailbox {
    /// Puts items on their way to the app. Events with an offset are of that incarnation of the log.
    pub(crate) fn deliver(self: &Arc<Self>, epoch: Option<Epoch>, items: Vec<Delivery>) {
        let mut run = Run { epoch, items: items.into() };
        let mut state = self.state();
        let mut is_freed = false;
        run.items.retain(|item| {
            if state.is_over() {
                return false;
            }
            match state.accept(run.epoch.as_ref(), item) {
                Accepted::New => true,
                Accepted::Repeated => {
                    state.free(item);
                    is_freed = true;
                    false
                }
            }
        });
        if is_freed {
            self.signal(&mut state);
        }
        if !run.items.is_empty() {
            state.queue.push_back(run);
        }
        wake(state);
    }

    /// How far the app has got since the last report.
    pub(crate) fn progress(&self) -> Progress {
        let mut state = self.state();
        state.is_signalled = false;
        let is_over = state.is_over();
        Progress { taken: state.unreported.take(), freed: std::mem::take(&mut state.freed), is_over }
    }

    pub(crate) fn is_released(&self) -> bool {
        self.state().is_released
    }

    /// The engine begins anew: what was delivered and not handed out will come again.
    pub(crate) fn rewind(&self) {
        let mut state = self.state();
        // A stream that is gone has no cursor any more, and would begin from its start; the app still gets to see
        // that it is gone, or refused.
        if !state.has_ended {
            state.queue.clear();
        }
        state.freed = Freed::default();
        state.unreported = None;
        state.repeated = state.handed.clone();
    }

    /// The account was signed out: another one's stream of this name has other events at the same offsets.
    pub(crate) fn forget(&self) {
        self.rewind();
        let mut state = self.state();
        state.handed = None;
        state.taken = None;
        state.repeated = None;
    }

    /// What to ask of an engine, a new one too.
    pub(crate) fn options(&self) -> Consume {
        let mut options = self.options;
        let state = self.state();
        match (&state.handed, &state.taken) {
            // A look back keeps no cursor, so it goes on after what the app holds.
            (Some(handed), _) if !options.durable => options.after = Some(handed.offset),
            // A durable consumer that has taken something has a stored cursor; its own beginning counts no more.
            (_, Some(_)) => options.after = None,
            _ => {}
        }
        options
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.state().has_ended
    }

    /// Nothing comes after what is there.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.has_ended = true;
        wake(state);
    }
}

/// The app's side.
impl Mailbox {
    /// The next item. Asking takes the one before, in auto mode.
    pub(crate) fn poll(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<Option<Arrival>> {
        let mut state = self.state();
        match self.hand_out(&mut state) {
            Some(item) => Poll::Ready(Some(item)),
            None => state.poll_end(cx).map(|()| None),
        }
    }

    /// Gives what waits, at most `max` items (one at least), in one piece; it ends with an item that is no event, as after a
    /// reset offsets begin anew and how many were taken would not say of which. Nothing at the end.
    pub(crate) fn poll_batch(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        max: usize,
        mut give: impl FnMut(Arrival),
    ) -> Poll<()> {
        let mut state = self.state();
        for given in 0..max {
            match self.hand_out(&mut state) {
                Some(arrival) => {
                    let is_event = matches!(arrival.item, Delivery::Event(_));
                    give(arrival);
                    if !is_event {
                        break;
                    }
                }
                None if given == 0 => return state.poll_end(cx),
                None => break,
            }
        }
        Poll::Ready(())
    }

    fn hand_out(self: &Arc<Self>, state: &mut State) -> Option<Arrival> {
        if self.mode == CursorMode::Auto {
            self.take_handed(state);
        }
        let arrival = state.next()?;
        match (&arrival.item, &arrival.epoch) {
            (Delivery::Event(IncomingEvent { offset: Some(offset), .. }), Some(epoch)) => {
                state.hand(epoch, *offset);
            }
            (Delivery::Reset(reset), _) => {
                // It may stand before what was taken of the history that is void now.
                state.taken = None;
                state.hand(&reset.epoch, reset.offset);
            }
            (Delivery::Event(_) | Delivery::Gone | Delivery::Refused(_), _) => {}
        }
        state.free(&arrival.item);
        self.signal(state);
        Some(arrival)
    }

    /// The app has taken everything up to the last item it was handed.
    pub(crate) fn take(self: &Arc<Self>) {
        self.take_handed(&mut self.state());
    }

    /// The app has taken everything up to `offset`, as far as it was handed that much.
    pub(crate) fn take_up_to(self: &Arc<Self>, offset: u64) {
        let mut state = self.state();
        let Some(handed) = &state.handed else { return };
        let spot = Spot { epoch: handed.epoch.clone(), offset: offset.min(handed.offset) };
        self.advance(&mut state, &spot);
    }

    /// The app is done, in good order: what it holds counts as taken.
    pub(crate) fn finish(self: &Arc<Self>) {
        if self.mode == CursorMode::Auto {
            self.take();
        }
        self.release();
    }

    /// The app goes away.
    pub(crate) fn release(self: &Arc<Self>) {
        let mut state = self.state();
        state.is_released = true;
        state.queue.clear();
        self.signal(&mut state);
    }

    fn take_handed(self: &Arc<Self>, state: &mut State) {
        if let Some(handed) = state.handed.take() {
            self.advance(state, &handed);
            state.handed = Some(handed);
        }
    }

    fn advance(self: &Arc<Self>, state: &mut State, to: &Spot) {
        if state.taken.as_ref().is_some_and(|taken| taken.covers(&to.epoch, to.offset)) {
            return;
        }
        set(&mut state.taken, &to.epoch, to.offset);
        set(&mut state.unreported, &to.epoch, to.offset);
        self.signal(state);
    }

    fn signal(self: &Arc<Self>, state: &mut State) {
        if !state.is_signalled {
            state.is_signalled = true;
            self.signals.touch(Arc::clone(self));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether nothing comes after what is in the queue.
    fn is_over(&self) -> bool {
        self.has_ended || self.is_released
    }

    /// With nothing in the queue: ready at the end, else woken by what comes.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_over() {
            return Poll::Ready(());
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The first item of what waits.
    fn next(&mut self) -> Option<Arrival> {
        let run = self.queue.front_mut()?;
        let item = run.items.pop_front()?;
        let arrival = Arrival::new(run.epoch.as_ref(), item);
        if run.items.is_empty() {
            self.queue.pop_front();
        }
        Some(arrival)
    }

    fn accept(&mut self, epoch: Option<&Epoch>, item: &Delivery) -> Accepted {
        match item {
            Delivery::Event(event) => {
                let is_repeated = |(epoch, offset): &(&Epoch, u64)| {
                    self.repeated.as_ref().is_some_and(|repeated| repeated.covers(epoch, *offset))
                };
                if let Some((epoch, offset)) = epoch.zip(event.offset).filter(is_repeated) {
                    // The new engine has to hear again what the old one knew.
                    if self.taken.as_ref().is_some_and(|taken| taken.covers(epoch, offset)) {
                        self.unreported = Some(Spot { epoch: epoch.clone(), offset });
                    }
                    return Accepted::Repeated;
                }
            }
            Delivery::Reset(_) => self.repeated = None,
            Delivery::Gone | Delivery::Refused(_) => self.has_ended = true,
        }
        Accepted::New
    }

    fn hand(&mut self, epoch: &Epoch, offset: u64) {
        set(&mut self.handed, epoch, offset);
    }

    /// The item leaves the buffer.
    fn free(&mut self, item: &Delivery) {
        let bytes = match item {
            Delivery::Event(event) => event.bytes(),
            Delivery::Reset(reset) => reset.snapshot.as_ref().map_or(0, |snapshot| snapshot.len() as u64),
            Delivery::Gone | Delivery::Refused(_) => return,
        };
        self.freed.events = self.freed.events.saturating_add(1);
        self.freed.bytes = self.freed.bytes.saturating_add(bytes);
    }
}

/// Writes a place without a new string for each event of the same epoch.
fn set(spot: &mut Option<Spot>, epoch: &Epoch, offset: u64) {
    match spot {
        Some(spot) if spot.epoch == *epoch => spot.offset = offset,
        spot => *spot = Some(Spot { epoch: epoch.clone(), offset }),
    }
}

/// Wakes the app after the lock is free, so that it does not wake only to wait for it.
fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use keepline_protocol::{EventMeta, MetaReader, Payload, Reset, ResetReason, socket_io::Args};

    use super::*;

    fn mailbox(mode: CursorMode) -> Arc<Mailbox> {
        let options = Consume { after: None, durable: true };
        Mailbox::new(Stream::User, options, mode, Arc::new(Signals::default()))
    }

    fn epoch(name: &str) -> Epoch {
        Epoch::new(name).unwrap()
    }

    fn event(offset: u64) -> Delivery {
        let meta = EventMeta { epoch: Some(epoch("e")), offset: Some(offset), ..EventMeta::default() };
        let args = Args::event("e").payload(&Payload::null()).value(&meta).unwrap().build();
        let mut event = IncomingEvent::new(args, None);
        event.take_meta(&mut MetaReader::default());
        Delivery::Event(event)
    }

    fn deliver(mailbox: &Arc<Mailbox>, epoch_name: &str, offsets: impl IntoIterator<Item = u64>) {
        for offset in offsets {
            mailbox.deliver(Some(epoch(epoch_name)), vec![event(offset)]);
        }
    }

    fn next(mailbox: &Arc<Mailbox>) -> Option<u64> {
        match mailbox.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(Arrival { item: Delivery::Event(event), .. })) => event.offset,
            Poll::Ready(Some(Arrival { item: Delivery::Reset(reset), .. })) => Some(reset.offset),
            Poll::Ready(_) | Poll::Pending => None,
        }
    }

    fn taken(mailbox: &Mailbox) -> Option<u64> {
        mailbox.progress().taken.map(|spot| spot.offset)
    }

    #[test]
    fn an_event_is_taken_when_the_next_one_is_asked_for() {
        let mailbox = mailbox(CursorMode::Auto);
        deliver(&mailbox, "a", 1..=2);
        assert_eq!(next(&mailbox), Some(1));
        assert_eq!(taken(&mailbox), None);
        assert_eq!(next(&mailbox), Some(2));
        assert_eq!(taken(&mailbox), Some(1));
        assert_eq!(next(&mailbox), None);
        assert_eq!(taken(&mailbox), Some(2));
        assert_eq!(taken(&mailbox), None);
    }

    #[test]
    fn in_manual_mode_only_an_ack_takes_and_never_more_than_was_handed_out() {
        let mailbox = mailbox(CursorMode::Manual);
        deliver(&mailbox, "a", 1..=3);
        assert_eq!((next(&mailbox), next(&mailbox)), (Some(1), Some(2)));
        assert_eq!(taken(&mailbox), None);
        mailbox.take_up_to(1);
        assert_eq!(taken(&mailbox), Some(1));
        mailbox.take_up_to(9);
        assert_eq!(taken(&mailbox), Some(2));
        mailbox.take_up_to(1);
        assert_eq!(taken(&mailbox), None);
    }

    #[test]
    fn room_is_freed_as_events_leave() {
        let mailbox = mailbox(CursorMode::Auto);
        deliver(&mailbox, "a", [1]);
        assert_eq!(mailbox.progress().freed, Freed::default());
        next(&mailbox);
        let freed = mailbox.progress().freed;
        assert_eq!((freed.events, freed.bytes), (1, r#"["e",null,{"epoch":"e","offset":1}]"#.len() as u64));
    }

    #[test]
    fn a_reset_to_a_lower_offset_of_the_same_log_drops_nothing() {
        let mailbox = mailbox(CursorMode::Auto);
        deliver(&mailbox, "a", 1..=5);
        assert_eq!((next(&mailbox), next(&mailbox)), (Some(1), Some(2)));
        mailbox.rewind();
        let reset =
            Reset { epoch: epoch("a"), offset: 0, tag: None, reason: ResetReason::Ahead, snapshot: None };
        mailbox.deliver(None, vec![Delivery::Reset(reset)]);
        deliver(&mailbox, "a", [1]);
        assert_eq!((next(&mailbox), next(&mailbox)), (Some(0), Some(1)), "the reset, then the event");
        assert_eq!(taken(&mailbox), Some(0));
    }

    #[test]
    fn another_accounts_events_at_the_same_offsets_are_its_own() {
        let mailbox = mailbox(CursorMode::Auto);
        deliver(&mailbox, "a", 1..=5);
        assert_eq!((next(&mailbox), next(&mailbox)), (Some(1), Some(2)));
        mailbox.forget();
        deliver(&mailbox, "a", [1]);
        assert_eq!((next(&mailbox), next(&mailbox)), (Some(1), None));
        assert_eq!(taken(&mailbox), Some(1));
    }

    #[test]
    fn what_the_app_holds_does_not_come_again_after_a_rewind() {
        let mailbox = mailbox(CursorMode::Auto);
        deliver(&mailbox, "a", 1..=5);
        assert_eq!((next(&mailbox), next(&mailbox), next(&mailbox)), (Some(1), Some(2), Some(3)));
        mailbox.rewind();
        // The stored cursor was behind: everything comes again.
        deliver(&mailbox, "a", 1..=6);
        // The new engine hears how far the app is: 2 is taken, 3 is in its hands.
        let progress = mailbox.progress();
        assert_eq!(progress.taken.map(|spot| spot.offset), Some(2));
        assert_eq!(progress.freed.events, 3);
        assert_eq!(next(&mailbox), Some(4));
        assert_eq!(taken(&mailbox), Some(3));
        // Another epoch is another log.
        mailbox.rewind();
        deliver(&mailbox, "b", [1]);
        assert_eq!(next(&mailbox), Some(1));
    }

    #[test]
    fn a_batch_is_what_waits_and_ends_with_what_interrupts() {
        let mailbox = mailbox(CursorMode::Manual);
        let reset =
            Reset { epoch: epoch("b"), offset: 40, tag: None, reason: ResetReason::Trimmed, snapshot: None };
        mailbox.deliver(Some(epoch("a")), (1..=3).map(event).collect());
        mailbox.deliver(None, vec![Delivery::Reset(reset)]);
        mailbox.deliver(Some(epoch("b")), vec![event(41), Delivery::Gone, event(42)]);
        let batch = |max| {
            let mut items = 0;
            match mailbox.poll_batch(&mut Context::from_waker(Waker::noop()), max, |_| items += 1) {
                Poll::Ready(()) => Some(items),
                Poll::Pending => None,
            }
        };
        assert_eq!([batch(2), batch(9), batch(9)], [Some(2), Some(2), Some(2)], "the last two end theirs");
        let freed = mailbox.progress().freed;
        assert_eq!(freed.events, 5, "what ends a stream takes no room");
        assert_eq!(batch(9), Some(0), "nothing comes after the end");
    }

    /// Each offset with the epoch that came with it.
    fn places(mailbox: &Arc<Mailbox>, max: usize) -> Vec<(Option<u64>, Option<String>)> {
        let mut places = Vec::new();
        let _ = mailbox.poll_batch(&mut Context::from_waker(Waker::noop()), max, |arrival| {
            let Delivery::Event(event) = arrival.item else { panic!("only events") };
            places.push((event.offset, arrival.epoch.map(String::from)));
        });
        places
    }

    fn place(offset: u64, epoch: &str) -> (Option<u64>, Option<String>) {
        (Some(offset), Some(epoch.to_owned()))
    }

    fn ephemeral() -> Delivery {
        Delivery::Event(IncomingEvent::new(Args::event("e").build(), None))
    }

    #[test]
    fn each_event_with_an_offset_has_the_epoch_of_its_run() {
        let mailbox = mailbox(CursorMode::Manual);
        mailbox.deliver(Some(epoch("a")), vec![event(1), ephemeral(), event(2), ephemeral()]);
        mailbox.deliver(None, vec![ephemeral()]);
        mailbox.deliver(Some(epoch("b")), vec![event(1), event(2)]);
        assert_eq!(places(&mailbox, 2), [place(1, "a"), (None, None)]);
        let rest = [place(2, "a"), (None, None), (None, None), place(1, "b")];
        assert_eq!(places(&mailbox, 4), rest, "a batch goes on into the next runs and ends within one");
        assert_eq!(places(&mailbox, 9), [place(2, "b")]);
    }

    #[test]
    fn of_a_run_that_comes_again_only_the_rest_is_new() {
        let mailbox = mailbox(CursorMode::Manual);
        mailbox.deliver(Some(epoch("a")), (1..=4).map(event).collect());
        assert_eq!(places(&mailbox, 2), [place(1, "a"), place(2, "a")]);
        mailbox.progress();
        mailbox.rewind();
        mailbox.deliver(Some(epoch("a")), (1..=5).map(event).collect());
        assert_eq!(mailbox.progress().freed.events, 2, "what came again has left");
        assert_eq!(places(&mailbox, 9), [place(3, "a"), place(4, "a"), place(5, "a")]);
        mailbox.rewind();
        mailbox.deliver(Some(epoch("b")), (1..=1).map(event).collect());
        assert_eq!(places(&mailbox, 9), [place(1, "b")]);
    }

    #[test]
    fn a_reset_is_a_place_too() {
        let mailbox = mailbox(CursorMode::Auto);
        let reason = ResetReason::Trimmed;
        let reset = Reset { epoch: epoch("b"), offset: 40, tag: None, reason, snapshot: None };
        mailbox.deliver(None, vec![Delivery::Reset(reset)]);
        assert_eq!(next(&mailbox), Some(40));
        assert_eq!(next(&mailbox), None);
        let progress = mailbox.progress();
        assert_eq!(progress.taken, Some(Spot { epoch: epoch("b"), offset: 40 }));
        assert_eq!(progress.freed.events, 1);
    }

    #[test]
    fn a_look_back_goes_on_after_what_was_handed_out() {
        let options = Consume { after: Some(10), durable: false };
        let mailbox = Mailbox::new(Stream::User, options, CursorMode::Auto, Arc::new(Signals::default()));
        assert_eq!(mailbox.options(), options);
        deliver(&mailbox, "a", [11]);
        next(&mailbox);
        assert_eq!(mailbox.options().after, Some(11));
    }

    #[test]
    fn a_stream_that_is_gone_ends_even_across_a_rewind() {
        let mailbox = mailbox(CursorMode::Auto);
        mailbox.deliver(None, vec![Delivery::Gone]);
        mailbox.rewind();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(mailbox.poll(&mut cx), Poll::Ready(Some(Arrival { item: Delivery::Gone, .. }))));
        assert!(matches!(mailbox.poll(&mut cx), Poll::Ready(None)));
    }

    #[test]
    fn the_driver_is_told_once_until_it_has_looked() {
        let signals = Arc::new(Signals::default());
        let options = Consume { after: None, durable: true };
        let mailbox = Mailbox::new(Stream::User, options, CursorMode::Auto, Arc::clone(&signals));
        deliver(&mailbox, "a", 1..=3);
        for offset in 1..=3 {
            assert_eq!(next(&mailbox), Some(offset));
        }
        assert_eq!(signals.take().mailboxes.len(), 1);
        assert!(signals.take().mailboxes.is_empty());
        mailbox.progress();
        mailbox.release();
        assert_eq!(signals.take().mailboxes.len(), 1);
        assert!(mailbox.is_released());
    }
}
