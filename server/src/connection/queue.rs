use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// How much a queue holds before it is full. One item always fits into an empty queue, whatever its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimit {
    /// How many items.
    pub items: usize,
    /// How many bytes in all of them.
    pub bytes: usize,
}

/// What a queue counts the bytes of.
pub(super) trait Weigh {
    /// The item's size in bytes.
    fn weight(&self) -> usize;
}

/// A queue between two tasks, bounded by items and by bytes, that costs nothing while it is empty.
///
/// A channel of the runtime bounds items only and holds a block of slots from its first day, which for a hundred
/// thousand idle connections is most of their memory; hence this one. One task takes, any number put.
pub(super) struct Queue<T> {
    limit: QueueLimit,
    state: Mutex<State<T>>,
}

struct State<T> {
    items: VecDeque<T>,
    bytes: usize,
    end: End,
    consumer: Option<Waker>,
    /// A consumer that cannot take at the moment and only wants to hear of the end.
    watcher: Option<Waker>,
    /// Those who wait for room. They are woken together once the queue has run half empty, so that a full queue
    /// does not switch tasks for each item.
    producers: Vec<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    /// Nothing goes in any more; what is inside still comes out.
    Finished,
    /// Nothing goes in or comes out.
    Cut,
}

/// Why an item did not go in.
pub(super) enum PushError<T> {
    Full(T),
    Ended,
}

impl<T: Weigh> Queue<T> {
    pub(super) fn new(limit: QueueLimit) -> Self {
        let state = State {
            items: VecDeque::new(),
            bytes: 0,
            end: End::Open,
            consumer: None,
            watcher: None,
            producers: Vec::new(),
        };
        Self { limit, state: Mutex::new(state) }
    }

    /// Puts an item in, if there is room for it now.
    pub(super) fn try_push(&self, item: T) -> Result<(), PushError<T>> {
        let mut state = self.lock();
        if state.end != End::Open {
            return Err(PushError::Ended);
        }
        if !state.fits(item.weight(), self.limit) {
            return Err(PushError::Full(item));
        }
        state.put(item);
        wake_consumer(state);
        Ok(())
    }

    /// Puts an item in as soon as there is room. `Err` once the queue has ended. Cancel safe: a dropped future has
    /// put nothing in.
    pub(super) async fn push(&self, item: T) -> Result<(), ()> {
        let mut item = Some(item);
        poll_fn(|cx| {
            let Some(next) = item.take() else { return Poll::Ready(Ok(())) };
            match self.try_push(next) {
                Ok(()) => Poll::Ready(Ok(())),
                Err(PushError::Ended) => Poll::Ready(Err(())),
                Err(PushError::Full(back)) => {
                    let weight = back.weight();
                    item = Some(back);
                    // Room may have come since; then the waker is not stored and this looks again.
                    if self.wait_for_room(weight, cx) {
                        cx.waker().wake_by_ref();
                    }
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Puts items in from the front, as many as there is room for now, in one step. What is left then did not fit.
    /// `Err` once the queue has ended.
    pub(super) fn try_push_all(&self, items: &mut VecDeque<T>) -> Result<(), ()> {
        let mut state = self.lock();
        if state.end != End::Open {
            return Err(());
        }
        let before = items.len();
        while let Some(item) = items.pop_front_if(|item| state.fits(item.weight(), self.limit)) {
            state.put(item);
        }
        if items.len() < before {
            wake_consumer(state);
        }
        Ok(())
    }

    /// Puts all items in, in their order, each as soon as there is room. `Err` once the queue has ended. Cancel
    /// safe: what a dropped future has not put in stays in `items`.
    pub(super) async fn push_all(&self, items: &mut VecDeque<T>) -> Result<(), ()> {
        poll_fn(|cx| {
            loop {
                if let Err(ended) = self.try_push_all(items) {
                    return Poll::Ready(Err(ended));
                }
                let Some(weight) = items.front().map(Weigh::weight) else { return Poll::Ready(Ok(())) };
                // Room may have come since.
                if !self.wait_for_room(weight, cx) {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    /// Ready once the queue has run at least half empty and an item of that size would go in, or once it has ended.
    /// A large one may need more room than the half: who tried again at once would do so in a loop.
    pub(super) fn poll_room(&self, weight: usize, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        let room = state.half_empty(self.limit) && state.fits(weight, self.limit);
        if state.end != End::Open || room {
            return Poll::Ready(());
        }
        state.store_producer(cx);
        Poll::Pending
    }

    /// Whether an item of that size would go in now; `true` as well once the queue has ended, because then there is
    /// nothing to wait for.
    pub(super) fn has_room(&self, weight: usize) -> bool {
        let state = self.lock();
        state.end != End::Open || state.fits(weight, self.limit)
    }

    /// Takes the next item; `None` once the queue has ended and gives nothing any more.
    pub(super) fn poll_pop(&self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let one = QueueLimit { items: 1, bytes: usize::MAX };
        let mut item = None;
        self.poll_pop_some(one, cx, |next| item = Some(next)).map(|_| item)
    }

    /// Takes the next items in one step, one at least and no more than the limit says, and gives each to `out`, which
    /// must do no more than keep it. `None` once the queue has ended and gives nothing any more.
    pub(super) fn poll_pop_some(
        &self,
        most: QueueLimit,
        cx: &mut Context<'_>,
        mut out: impl FnMut(T),
    ) -> Poll<Option<()>> {
        let mut state = self.lock();
        if !state.items.is_empty() {
            let (mut items, mut bytes) = (0, 0_usize);
            while let Some(weight) = state.items.front().map(Weigh::weight)
                && (items == 0 || (items < most.items && bytes.saturating_add(weight) <= most.bytes))
            {
                items += 1;
                bytes += weight;
                state.take().into_iter().for_each(&mut out);
            }
            let woken = state.producers_to_wake(self.limit);
            drop(state);
            woken.into_iter().for_each(Waker::wake);
            return Poll::Ready(Some(()));
        }
        if state.end != End::Open {
            return Poll::Ready(None);
        }
        if !state.consumer.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.consumer = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Ready once nothing goes in any more, for a consumer that cannot take what is inside yet.
    pub(super) fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.end != End::Open {
            return Poll::Ready(());
        }
        state.watcher = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Takes the next item if there is one.
    pub(super) fn try_pop(&self) -> Option<T> {
        self.try_pop_if(|_| true)
    }

    /// Takes the next item if there is one and it is wanted.
    pub(super) fn try_pop_if(&self, wanted: impl FnOnce(&T) -> bool) -> Option<T> {
        let mut state = self.lock();
        if !state.items.front().is_some_and(wanted) {
            return None;
        }
        let item = state.take();
        let woken = state.producers_to_wake(self.limit);
        drop(state);
        woken.into_iter().for_each(Waker::wake);
        item
    }

    /// Lets nothing in any more; what is inside still comes out.
    pub(super) fn finish(&self) {
        self.end(End::Finished);
    }

    /// Ends the queue at once and drops what is inside.
    pub(super) fn cut(&self) {
        self.end(End::Cut);
    }

    /// Whether nothing goes in any more.
    pub(super) fn ended(&self) -> bool {
        self.lock().end != End::Open
    }

    /// Items and bytes inside.
    pub(super) fn level(&self) -> (usize, usize) {
        let state = self.lock();
        (state.items.len(), state.bytes)
    }

    fn end(&self, end: End) {
        let mut state = self.lock();
        if state.end == End::Cut {
            return;
        }
        state.end = end;
        let mut dropped = VecDeque::new();
        if end == End::Cut {
            std::mem::swap(&mut state.items, &mut dropped);
            state.bytes = 0;
        }
        let single = [state.consumer.take(), state.watcher.take()];
        let producers = std::mem::take(&mut state.producers);
        drop(state);
        single.into_iter().flatten().chain(producers).for_each(Waker::wake);
    }

    /// Stores the waker unless there is room already.
    fn wait_for_room(&self, weight: usize, cx: &mut Context<'_>) -> bool {
        let mut state = self.lock();
        let ready = state.end != End::Open || state.fits(weight, self.limit);
        if !ready {
            state.store_producer(cx);
        }
        ready
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // No code that can panic runs under the lock, and a half-done change is none of its states.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes who takes, after the lock is free.
fn wake_consumer<T>(mut state: MutexGuard<'_, State<T>>) {
    let consumer = state.consumer.take();
    drop(state);
    if let Some(consumer) = consumer {
        consumer.wake();
    }
}

impl<T: Weigh> State<T> {
    fn put(&mut self, item: T) {
        self.bytes += item.weight();
        self.items.push_back(item);
    }

    fn take(&mut self) -> Option<T> {
        let item = self.items.pop_front()?;
        self.bytes -= item.weight();
        if self.items.is_empty() && self.items.capacity() > KEPT_SLOTS {
            self.items = VecDeque::new();
        }
        Some(item)
    }

    fn fits(&self, weight: usize, limit: QueueLimit) -> bool {
        self.items.is_empty()
            || (self.items.len() < limit.items && self.bytes.saturating_add(weight) <= limit.bytes)
    }

    fn half_empty(&self, limit: QueueLimit) -> bool {
        self.items.len() <= limit.items / 2 && self.bytes <= limit.bytes / 2
    }

    fn producers_to_wake(&mut self, limit: QueueLimit) -> Vec<Waker> {
        if !self.producers.is_empty() && self.half_empty(limit) {
            return std::mem::take(&mut self.producers);
        }
        Vec::new()
    }

    fn store_producer(&mut self, cx: &mut Context<'_>) {
        if !self.producers.iter().any(|waker| waker.will_wake(cx.waker())) {
            self.producers.push(cx.waker().clone());
        }
    }
}

/// An empty queue keeps this many slots; more go back to the allocator, because a burst is no reason to hold memory
/// for as long as the connection lives.
const KEPT_SLOTS: usize = 8;

#[cfg(test)]
mod tests {
    use std::{pin::pin, sync::Arc};

    use futures_util::{FutureExt, task::noop_waker};

    use super::*;

    /// An item of that many bytes.
    #[derive(Debug, PartialEq, Eq)]
    struct Item(usize);

    impl Weigh for Item {
        fn weight(&self) -> usize {
            self.0
        }
    }

    fn queue(items: usize, bytes: usize) -> Queue<Item> {
        Queue::new(QueueLimit { items, bytes })
    }

    fn pop(queue: &Queue<Item>) -> Poll<Option<Item>> {
        queue.poll_pop(&mut Context::from_waker(&noop_waker()))
    }

    #[test]
    fn items_and_bytes_have_their_limits() {
        let by_items = queue(2, 100);
        assert!(by_items.try_push(Item(1)).is_ok());
        assert!(by_items.has_room(1));
        assert!(by_items.try_push(Item(1)).is_ok());
        assert!(!by_items.has_room(1));
        assert!(matches!(by_items.try_push(Item(1)), Err(PushError::Full(Item(1)))));
        assert_eq!(by_items.level(), (2, 2));

        let by_bytes = queue(10, 100);
        assert!(by_bytes.try_push(Item(60)).is_ok());
        assert!(by_bytes.has_room(40) && !by_bytes.has_room(41));
        assert!(matches!(by_bytes.try_push(Item(41)), Err(PushError::Full(Item(41)))));
        assert!(by_bytes.try_push(Item(40)).is_ok());
        assert_eq!(by_bytes.level(), (2, 100));
    }

    #[test]
    fn an_empty_queue_takes_anything() {
        let queue = queue(1, 10);
        assert!(queue.has_room(1_000));
        assert!(queue.try_push(Item(1_000)).is_ok());
        assert!(!queue.has_room(0));
    }

    #[test]
    fn a_finished_queue_gives_what_it_has() {
        let queue = queue(10, 100);
        assert!(queue.try_push(Item(1)).is_ok());
        queue.finish();
        assert!(matches!(queue.try_push(Item(2)), Err(PushError::Ended)));
        assert_eq!(pop(&queue), Poll::Ready(Some(Item(1))));
        assert_eq!(pop(&queue), Poll::Ready(None));
    }

    #[test]
    fn a_cut_queue_gives_nothing_and_stays_cut() {
        let queue = queue(10, 100);
        assert!(queue.try_push(Item(1)).is_ok());
        queue.cut();
        queue.finish();
        assert_eq!((pop(&queue), queue.level()), (Poll::Ready(None), (0, 0)));
    }

    #[test]
    fn those_who_wait_go_on_when_half_of_it_is_gone() {
        let queue = queue(4, 100);
        for _ in 0..4 {
            assert!(queue.try_push(Item(1)).is_ok());
        }
        let mut waiting = pin!(queue.push(Item(2)));
        assert_eq!(waiting.as_mut().now_or_never(), None);
        assert_eq!(pop(&queue), Poll::Ready(Some(Item(1))));
        assert!(queue.lock().producers.len() == 1, "one is gone");
        assert_eq!(pop(&queue), Poll::Ready(Some(Item(1))));
        assert!(queue.lock().producers.is_empty(), "half is gone");
        assert_eq!(waiting.now_or_never(), Some(Ok(())));
        assert_eq!(queue.level(), (3, 4));
    }

    #[test]
    fn a_large_item_waits_for_the_room_it_needs() {
        let queue = queue(4, 100);
        assert!(queue.try_push(Item(30)).is_ok());
        let room = |weight| poll_fn(|cx| queue.poll_room(weight, cx)).now_or_never();
        assert_eq!((room(70), room(71), room(1_000)), (Some(()), None, None));
        let mut waiting = pin!(queue.push(Item(80)));
        assert_eq!(waiting.as_mut().now_or_never(), None);
        assert_eq!(pop(&queue), Poll::Ready(Some(Item(30))));
        assert_eq!(room(1_000), Some(()));
        assert_eq!(waiting.now_or_never(), Some(Ok(())));
        assert_eq!(room(0), None, "it is more than half full");
        queue.cut();
        assert_eq!(room(1_000), Some(()));
    }

    #[test]
    fn a_push_that_is_given_up_has_put_nothing_in() {
        let queue = queue(1, 100);
        assert!(queue.try_push(Item(1)).is_ok());
        assert_eq!(queue.push(Item(2)).now_or_never(), None);
        assert_eq!(pop(&queue), Poll::Ready(Some(Item(1))));
        assert_eq!(pop(&queue), Poll::Pending);
    }

    #[test]
    fn many_go_in_at_once_as_far_as_there_is_room() {
        let by_items = queue(3, 100);
        let mut items: VecDeque<Item> = (1..=5).map(Item).collect();
        assert_eq!(by_items.try_push_all(&mut items), Ok(()));
        assert_eq!((&items, by_items.level()), (&VecDeque::from([Item(4), Item(5)]), (3, 6)));
        assert_eq!(by_items.try_push_all(&mut items), Ok(()));
        assert_eq!(items.len(), 2, "it is full");
        assert_eq!((1..=3).map(|_| by_items.try_pop()).collect::<Vec<_>>(), [1, 2, 3].map(|n| Some(Item(n))));

        let by_bytes = queue(10, 100);
        // The first goes into an empty queue whatever its size; of the small one behind the large nothing goes ahead.
        let mut items = VecDeque::from([Item(60), Item(40), Item(1)]);
        assert_eq!(by_bytes.try_push_all(&mut items), Ok(()));
        assert_eq!((items, by_bytes.level()), (VecDeque::from([Item(1)]), (2, 100)));
        let mut items = VecDeque::from([Item(1_000), Item(1)]);
        let empty = queue(10, 100);
        assert_eq!(empty.try_push_all(&mut items), Ok(()));
        assert_eq!((items, empty.level()), (VecDeque::from([Item(1)]), (1, 1_000)));
    }

    #[test]
    fn what_waits_to_go_in_keeps_its_order_and_is_kept_when_it_is_given_up() {
        let queue = queue(2, 100);
        let mut items: VecDeque<Item> = (1..=5).map(Item).collect();
        let mut out = Vec::new();
        {
            let mut waiting = pin!(queue.push_all(&mut items));
            assert_eq!(waiting.as_mut().now_or_never(), None);
            out.extend((0..2).filter_map(|_| queue.try_pop()));
            assert_eq!(waiting.as_mut().now_or_never(), None, "three and four are in");
        }
        assert_eq!((&items, queue.level()), (&VecDeque::from([Item(5)]), (2, 7)));
        out.extend((0..2).filter_map(|_| queue.try_pop()));
        assert_eq!(queue.push_all(&mut items).now_or_never(), Some(Ok(())));
        out.extend(queue.try_pop());
        assert_eq!(out, (1..=5).map(Item).collect::<Vec<_>>());
    }

    #[test]
    fn many_that_wait_hear_of_the_end() {
        for cut in [true, false] {
            let queue = queue(2, 100);
            let mut items: VecDeque<Item> = (1..=3).map(Item).collect();
            let mut waiting = pin!(queue.push_all(&mut items));
            assert_eq!(waiting.as_mut().now_or_never(), None);
            if cut {
                queue.cut()
            } else {
                queue.finish()
            }
            assert_eq!(waiting.now_or_never(), Some(Err(())));
            assert_eq!(queue.try_push_all(&mut VecDeque::from([Item(1)])), Err(()));
            assert_eq!(queue.level(), if cut { (0, 0) } else { (2, 3) });
        }
    }

    #[test]
    fn one_push_of_many_wakes_once_and_none_that_does_nothing() {
        let queue = queue(2, 100);
        assert_eq!(pop(&queue), Poll::Pending);
        assert_eq!(queue.try_push_all(&mut VecDeque::new()), Ok(()));
        assert!(queue.lock().consumer.is_some(), "there is nothing to take");
        assert_eq!(queue.try_push_all(&mut VecDeque::from([Item(1), Item(2)])), Ok(()));
        assert!(queue.lock().consumer.is_none());
    }

    #[test]
    fn many_come_out_at_once_up_to_a_limit() {
        let queue = queue(10, 1_000);
        let some = |items, bytes| {
            let mut out = Vec::new();
            let waker = noop_waker();
            let cx = &mut Context::from_waker(&waker);
            let polled =
                queue.poll_pop_some(QueueLimit { items, bytes }, cx, |Item(number)| out.push(number));
            (polled, out)
        };
        assert_eq!(some(10, 100), (Poll::Pending, vec![]));
        assert_eq!(queue.try_push_all(&mut (1..=6).map(Item).collect()), Ok(()));
        assert_eq!(some(2, 100), (Poll::Ready(Some(())), vec![1, 2]));
        assert_eq!(some(10, 7), (Poll::Ready(Some(())), vec![3, 4]));
        assert_eq!(some(10, 0), (Poll::Ready(Some(())), vec![5]), "one at least");
        queue.finish();
        assert_eq!(some(10, 100), (Poll::Ready(Some(())), vec![6]));
        assert_eq!((some(10, 100), queue.level()), ((Poll::Ready(None), vec![]), (0, 0)));
    }

    #[test]
    fn those_who_wait_hear_of_room_that_many_leave() {
        let queue = queue(4, 100);
        assert_eq!(queue.try_push_all(&mut (1..=4).map(Item).collect()), Ok(()));
        let mut waiting = pin!(queue.push(Item(5)));
        assert_eq!(waiting.as_mut().now_or_never(), None);
        let waker = noop_waker();
        let cx = &mut Context::from_waker(&waker);
        assert!(queue.poll_pop_some(QueueLimit { items: 2, bytes: 100 }, cx, drop).is_ready());
        assert!(queue.lock().producers.is_empty(), "half is gone");
        assert_eq!(waiting.now_or_never(), Some(Ok(())));
    }

    #[test]
    fn the_end_wakes_everybody() {
        let queue = Arc::new(queue(1, 100));
        assert!(queue.try_push(Item(1)).is_ok());
        let mut push = pin!(queue.push(Item(2)));
        assert_eq!(push.as_mut().now_or_never(), None);
        let mut watcher = pin!(poll_fn(|cx| queue.poll_ended(cx)));
        assert_eq!(watcher.as_mut().now_or_never(), None);
        queue.cut();
        let state = queue.lock();
        assert!(state.producers.is_empty() && state.watcher.is_none());
        drop(state);
        assert_eq!((push.now_or_never(), watcher.now_or_never()), (Some(Err(())), Some(())));
    }

    #[test]
    fn a_burst_leaves_no_memory_behind() {
        let queue = queue(1_000, 1_000);
        for _ in 0..1_000 {
            assert!(queue.try_push(Item(1)).is_ok());
        }
        for _ in 0..1_000 {
            assert_eq!(queue.try_pop(), Some(Item(1)));
        }
        assert!(queue.lock().items.capacity() <= KEPT_SLOTS);
    }
}
