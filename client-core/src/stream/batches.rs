use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use super::{EventStream, Item, Observer};
use crate::tap::{Tap, Tapped};

/// Items by the batch, for a caller that is far away: each step across a boundary between languages costs more than
/// what it brings, and may be given up on the way.
///
/// A batch that was given is not taken yet. The next [`pull`](Self::pull) names the last batch that arrived and how
/// many of its items the app took, so a pull whose answer got lost (its future was dropped when it was about to be
/// read) loses nothing: the same batch is given once more. A stored cursor follows what was taken, and so lags by one
/// batch at the most.
pub struct Batches<T> {
    /// One pull at a time; a second one waits for the first.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State<T>>,
}

/// Some items in their order. One without items is the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch<T> {
    /// Its number, from 1; a pull names it.
    pub number: u64,
    /// At least one, or none at the end.
    pub items: Vec<T>,
}

/// Where items come from.
pub(crate) trait Source<T>: Send {
    /// Appends what is there, at most `max` items. Ready with none means the end.
    fn poll_batch(&mut self, cx: &mut Context<'_>, max: usize, items: &mut Vec<T>) -> Poll<()>;

    /// The app took so many of the items.
    fn take(&mut self, _items: &[T], _taken: usize) {}

    /// The app took what lies up to this offset.
    fn take_up_to(&mut self, _offset: u64) {}
}

struct State<T> {
    /// None once it has ended.
    source: Option<Box<dyn Source<T>>>,
    number: u64,
    /// The batch that was given last, until the caller says that it arrived.
    given: Option<Arc<Batch<T>>>,
    waker: Option<Waker>,
}

impl<T> Batches<T> {
    pub(crate) fn new(source: impl Source<T> + 'static) -> Self {
        let state = State { source: Some(Box::new(source)), number: 0, given: None, waker: None };
        Self { turn: tokio::sync::Mutex::default(), state: Mutex::new(state) }
    }

    /// Waits for the next batch of at most `max` items (one at least). `held` is the number of the last batch that
    /// arrived, 0 before the first, and `taken` says how many of its items the app has taken.
    ///
    /// Cancel safe: a batch that did not arrive is given again.
    pub async fn pull(&self, held: u64, taken: usize, max: usize) -> Arc<Batch<T>> {
        let _turn = self.turn.lock().await;
        if let Some(lost) = self.state().settle(held, taken) {
            return lost;
        }
        std::future::poll_fn(|cx| self.state().fill(cx, max.max(1))).await
    }

    /// Takes what the app took of the batch `held`, and gives the source back. A pull that waits gets the end.
    pub fn end(&self, held: u64, taken: usize) {
        let mut state = self.state();
        state.settle(held, taken);
        state.given = None;
        let (source, waker) = (state.source.take(), state.waker.take());
        drop(state);
        drop(source);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batches<Item> {
    /// Everything up to this offset counts as taken, as far as it was handed out: for a consumer that passes 0 as
    /// `taken` and says itself how far it has got.
    pub fn ack_up_to(&self, offset: u64) {
        if let Some(source) = &mut self.state().source {
            source.take_up_to(offset);
        }
    }
}

impl<T> State<T> {
    /// What was given has arrived, and so much of it was taken; or gives it again.
    fn settle(&mut self, held: u64, taken: usize) -> Option<Arc<Batch<T>>> {
        let given = self.given.take()?;
        if given.number != held {
            self.given = Some(Arc::clone(&given));
            return Some(given);
        }
        if let Some(source) = &mut self.source {
            source.take(&given.items, taken.min(given.items.len()));
        }
        None
    }

    fn fill(&mut self, cx: &mut Context<'_>, max: usize) -> Poll<Arc<Batch<T>>> {
        let mut items = Vec::new();
        if let Some(source) = &mut self.source {
            match source.poll_batch(cx, max, &mut items) {
                Poll::Pending => {
                    self.waker = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                Poll::Ready(()) if items.is_empty() => self.source = None,
                Poll::Ready(()) => {}
            }
        }
        self.number += 1;
        let batch = Arc::new(Batch { number: self.number, items });
        if !batch.items.is_empty() {
            self.given = Some(Arc::clone(&batch));
        }
        Poll::Ready(batch)
    }
}

impl<T> fmt::Debug for Batches<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").finish_non_exhaustive()
    }
}

/// For a source that gives one item at a time: as many as there are, up to one that ends its batch.
fn one_by_one<T>(
    max: usize,
    items: &mut Vec<T>,
    is_last: impl Fn(&T) -> bool,
    mut poll: impl FnMut() -> Poll<Option<T>>,
) -> Poll<()> {
    while items.len() < max && !items.last().is_some_and(&is_last) {
        match poll() {
            Poll::Ready(Some(item)) => items.push(item),
            Poll::Pending if items.is_empty() => return Poll::Pending,
            Poll::Ready(None) | Poll::Pending => break,
        }
    }
    Poll::Ready(())
}

/// The stream's cursor is manual: what was taken is said by the batch.
impl Source<Item> for EventStream {
    fn poll_batch(&mut self, cx: &mut Context<'_>, max: usize, items: &mut Vec<Item>) -> Poll<()> {
        self.poll_items(cx, max, items)
    }

    fn take(&mut self, items: &[Item], taken: usize) {
        if taken == items.len() {
            self.ack();
            return;
        }
        if matches!(items.last(), Some(Item::Reset(_))) {
            return;
        }
        let offset = items[..taken].iter().rev().find_map(|item| match item {
            Item::Event(event) => event.place.as_ref().map(|place| place.offset),
            Item::Reset(_) | Item::Gone | Item::Refused(_) => None,
        });
        if let Some(offset) = offset {
            self.ack_up_to(offset);
        }
    }

    fn take_up_to(&mut self, offset: u64) {
        self.ack_up_to(offset);
    }
}

/// A stream whose cursor the app moves itself, by acknowledging.
pub(crate) struct ManualStream(pub(crate) EventStream);

impl Source<Item> for ManualStream {
    fn poll_batch(&mut self, cx: &mut Context<'_>, max: usize, items: &mut Vec<Item>) -> Poll<()> {
        self.0.poll_items(cx, max, items)
    }

    fn take_up_to(&mut self, offset: u64) {
        self.0.ack_up_to(offset);
    }
}

impl Source<Tapped<Item>> for Observer {
    fn poll_batch(&mut self, cx: &mut Context<'_>, max: usize, items: &mut Vec<Tapped<Item>>) -> Poll<()> {
        let interrupts = |item: &Tapped<Item>| !matches!(item, Tapped::Item(Item::Event(_)));
        one_by_one(max, items, interrupts, || self.poll_item(cx))
    }
}

impl<T: Send + 'static> Source<Tapped<T>> for Tap<T> {
    fn poll_batch(&mut self, cx: &mut Context<'_>, max: usize, items: &mut Vec<Tapped<T>>) -> Poll<()> {
        one_by_one(max, items, |_| false, || self.poll(cx))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::tap::Fanout;

    /// A source that writes down what was taken.
    struct Numbers {
        waiting: VecDeque<u32>,
        taken: Taken,
    }

    impl Source<u32> for Numbers {
        fn poll_batch(&mut self, _: &mut Context<'_>, max: usize, items: &mut Vec<u32>) -> Poll<()> {
            one_by_one(max, items, |item| *item == 3, || Poll::Ready(self.waiting.pop_front()))
        }

        fn take(&mut self, items: &[u32], taken: usize) {
            self.taken.lock().unwrap().push((items.to_vec(), taken));
        }
    }

    type Taken = Arc<Mutex<Vec<(Vec<u32>, usize)>>>;

    fn numbers(count: u32) -> (Batches<u32>, Taken) {
        let taken = Taken::default();
        let source = Numbers { waiting: (1..=count).collect(), taken: Arc::clone(&taken) };
        (Batches::new(source), taken)
    }

    #[tokio::test]
    async fn batches_come_in_order_and_end_with_an_empty_one() {
        let (batches, taken) = numbers(5);
        let first = batches.pull(0, 0, 2).await;
        assert_eq!((first.number, &first.items[..]), (1, &[1, 2][..]));
        let second = batches.pull(1, 2, 2).await;
        assert_eq!((second.number, &second.items[..]), (2, &[3][..]), "an item may end its batch");
        let third = batches.pull(2, 1, 128).await;
        assert_eq!(third.items, [4, 5]);
        assert!(batches.pull(3, 1, 128).await.items.is_empty());
        assert!(batches.pull(4, 0, 128).await.items.is_empty());
        assert_eq!(*taken.lock().unwrap(), [(vec![1, 2], 2), (vec![3], 1), (vec![4, 5], 1)]);
    }

    #[tokio::test]
    async fn a_batch_that_did_not_arrive_is_given_again_and_not_taken() {
        let (batches, taken) = numbers(3);
        let lost = batches.pull(0, 0, 1).await;
        let again = batches.pull(0, 0, 1).await;
        assert_eq!(lost, again);
        assert!(taken.lock().unwrap().is_empty());
        assert_eq!(batches.pull(1, 1, 1).await.items, [2]);
    }

    #[tokio::test]
    async fn more_taken_than_given_counts_as_all_of_it() {
        let (batches, taken) = numbers(2);
        batches.pull(0, 0, 2).await;
        batches.end(1, usize::MAX);
        assert_eq!(*taken.lock().unwrap(), [(vec![1, 2], 2)]);
        assert!(batches.pull(1, 2, 1).await.items.is_empty());
    }

    #[tokio::test]
    async fn an_end_wakes_the_pull_that_waits() {
        let mut fanout = Fanout::<u32>::new();
        let batches = Arc::new(Batches::new(fanout.tap()));
        let waiting = tokio::spawn({
            let batches = Arc::clone(&batches);
            async move { batches.pull(0, 0, 1).await }
        });
        while batches.state().waker.is_none() {
            tokio::task::yield_now().await;
        }
        batches.end(0, 0);
        assert!(waiting.await.unwrap().items.is_empty());
        assert!(fanout.prune(), "the source was given back");
    }

    #[tokio::test]
    async fn what_waits_comes_in_one_batch() {
        let mut fanout = Fanout::<u32>::new();
        let batches = Batches::new(fanout.tap());
        fanout.publish(&1);
        fanout.publish(&2);
        assert_eq!(batches.pull(0, 0, 128).await.items, [Tapped::Item(1), Tapped::Item(2)]);
        drop(fanout);
        assert!(batches.pull(1, 2, 128).await.items.is_empty());
    }
}
