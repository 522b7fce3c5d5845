use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Waker},
};

use futures_util::Stream;

use crate::{limits::TAP_ITEMS_MAX, signals::Signals, stream::Batches};

/// One sender, many readers, each with a bounded queue of its own. A slow reader loses the oldest items and is told
/// how many.
#[derive(Debug)]
pub(crate) struct Fanout<T> {
    taps: Vec<Weak<Shared<T>>>,
}

/// The reading end of a live feed: what passes while it exists, in order.
///
/// It is a [`Stream`], and [`next`](Self::next) needs no import. It ends when the client is shut down; it does not
/// keep the client open.
pub struct Tap<T> {
    shared: Arc<Shared<T>>,
    /// Told when the tap goes away, where somebody has to give something up then.
    released: Option<Arc<Signals>>,
}

/// An item of a live feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tapped<T> {
    /// The next one.
    Item(T),
    /// The reader was slow, and this many items before the next one are lost to it.
    Lagged(u64),
}

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    queue: VecDeque<T>,
    lost: u64,
    has_ended: bool,
    /// The reader has gone.
    is_left: bool,
    waker: Option<Waker>,
}

impl<T: Clone> Fanout<T> {
    pub(crate) fn new() -> Self {
        Self { taps: Vec::new() }
    }

    pub(crate) fn tap(&mut self) -> Tap<T> {
        let state = State { queue: VecDeque::new(), lost: 0, has_ended: false, is_left: false, waker: None };
        let shared = Arc::new(Shared { state: Mutex::new(state) });
        self.prune();
        self.taps.push(Arc::downgrade(&shared));
        Tap { shared, released: None }
    }

    /// A tap that begins with this item.
    pub(crate) fn tap_after(&mut self, first: T) -> Tap<T> {
        let tap = self.tap();
        tap.shared.push(first);
        tap
    }

    /// Whether nobody listens. Forgets who has gone.
    pub(crate) fn prune(&mut self) -> bool {
        self.taps.retain(|tap| tap.upgrade().is_some_and(|shared| !shared.state().is_left));
        self.taps.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.taps.len()
    }

    pub(crate) fn publish(&mut self, item: &T) {
        self.publish_with(|| item.clone());
    }

    /// Gives each reader an item of its own.
    pub(crate) fn publish_with(&mut self, item: impl Fn() -> T) {
        self.taps.retain(|tap| {
            let Some(shared) = tap.upgrade() else { return false };
            shared.push(item());
            true
        });
    }
}

impl<T> Drop for Fanout<T> {
    fn drop(&mut self) {
        for shared in self.taps.iter().filter_map(Weak::upgrade) {
            let mut state = shared.state();
            state.has_ended = true;
            wake(state);
        }
    }
}

impl<T> Shared<T> {
    fn push(&self, item: T) {
        let mut state = self.state();
        if state.queue.len() == TAP_ITEMS_MAX {
            state.queue.pop_front();
            state.lost += 1;
        }
        state.queue.push_back(item);
        wake(state);
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the reader after the lock is free, so that it does not wake only to wait for it.
fn wake<T>(mut state: MutexGuard<'_, State<T>>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl<T> Tap<T> {
    pub(crate) fn notifying(mut self, signals: Arc<Signals>) -> Self {
        self.released = Some(signals);
        self
    }

    /// The next item; `None` once the client is shut down. Cancel safe.
    pub async fn next(&mut self) -> Option<Tapped<T>> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    /// The same tap by the batch.
    pub fn into_batches(self) -> Batches<Tapped<T>>
    where
        T: Send + 'static,
    {
        Batches::new(self)
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Tapped<T>>> {
        let mut state = self.shared.state();
        if state.lost > 0 {
            return Poll::Ready(Some(Tapped::Lagged(std::mem::take(&mut state.lost))));
        }
        match state.queue.pop_front() {
            Some(item) => Poll::Ready(Some(Tapped::Item(item))),
            None if state.has_ended => Poll::Ready(None),
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<T> Stream for Tap<T> {
    type Item = Tapped<T>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Tapped<T>>> {
        self.get_mut().poll(cx)
    }
}

impl<T> Drop for Tap<T> {
    fn drop(&mut self) {
        // Before anybody is told, who would still find it here.
        self.shared.state().is_left = true;
        if let Some(signals) = &self.released {
            signals.move_taps();
        }
    }
}

impl<T> fmt::Debug for Tap<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_reader_sees_every_item_and_then_the_end() {
        let mut fanout = Fanout::new();
        let (mut first, mut second) = (fanout.tap(), fanout.tap());
        fanout.publish(&1);
        let mut late = fanout.tap();
        fanout.publish(&2);
        drop(fanout);
        for (tap, expected) in [(&mut first, vec![1, 2]), (&mut second, vec![1, 2]), (&mut late, vec![2])] {
            for item in expected {
                assert_eq!(tap.next().await, Some(Tapped::Item(item)));
            }
            assert_eq!(tap.next().await, None);
        }
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_what_it_missed() {
        let mut fanout = Fanout::new();
        let mut tap = fanout.tap();
        for item in 0..TAP_ITEMS_MAX + 3 {
            fanout.publish(&item);
        }
        assert_eq!(tap.next().await, Some(Tapped::Lagged(3)));
        assert_eq!(tap.next().await, Some(Tapped::Item(3)));
    }

    #[tokio::test]
    async fn a_waiting_reader_wakes_and_a_dropped_one_is_forgotten() {
        let mut fanout = Fanout::new();
        let mut tap = fanout.tap();
        let signals = Arc::new(Signals::default());
        let gone = fanout.tap().notifying(Arc::clone(&signals));
        let reader = tokio::spawn(async move { tap.next().await });
        tokio::task::yield_now().await;
        fanout.publish(&7);
        assert_eq!(reader.await.unwrap(), Some(Tapped::Item(7)));
        drop(gone);
        signals.heard().await;
        assert!(signals.take().has_moved_taps);
        assert!(fanout.prune());
    }
}
