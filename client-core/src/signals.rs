use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::stream::Mailbox;

/// What the handle tells the driver without waiting: wishes that never fail and may be said twice, and which of the
/// app's streams have moved. Errands, which are answered, go through the channel instead.
///
/// Nothing here grows without bound: a wish takes the place of its like, and a mailbox is listed once.
#[derive(Default)]
pub(crate) struct Signals {
    heap: Mutex<Heap>,
    bell: Notify,
}

#[derive(Default)]
struct Heap {
    said: Said,
    now: Moment,
}

/// When something was said, in the order of the app's calls. Wishes and errands come to the driver by two ways, and the
/// last word of the app has to win all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Moment(u64);

/// What was said since the driver last listened.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) wishes: Vec<(Moment, Wish)>,
    pub(crate) mailboxes: Vec<Arc<Mailbox>>,
    /// A live tap came or went.
    pub(crate) has_moved_taps: bool,
}

/// An intention of the app, or news from its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wish {
    Connect,
    Disconnect,
    NetworkAvailable,
    NetworkLost,
    Foreground,
}

impl Signals {
    pub(crate) fn wish(&self, wish: Wish) {
        let mut heap = self.heap();
        let moment = heap.pass();
        // The last word counts, so an earlier one of the same kind gives way.
        heap.said.wishes.retain(|(_, earlier)| *earlier != wish);
        heap.said.wishes.push((moment, wish));
        self.bell.notify_one();
    }

    /// The moment of a call that goes through the channel and can contradict a wish.
    pub(crate) fn moment(&self) -> Moment {
        self.heap().pass()
    }

    /// A consumer took events, or went away.
    pub(crate) fn touch(&self, mailbox: Arc<Mailbox>) {
        let said = &mut self.heap().said;
        if !said.mailboxes.iter().any(|listed| Arc::ptr_eq(listed, &mailbox)) {
            said.mailboxes.push(mailbox);
        }
        self.bell.notify_one();
    }

    pub(crate) fn move_taps(&self) {
        self.heap().said.has_moved_taps = true;
        self.bell.notify_one();
    }

    pub(crate) fn take(&self) -> Said {
        std::mem::take(&mut self.heap().said)
    }

    /// Waits until something was said. Cancel safe.
    pub(crate) async fn heard(&self) {
        self.bell.notified().await;
    }

    fn heap(&self) -> MutexGuard<'_, Heap> {
        // Nothing panics while it is held, and what it holds is valid at each step.
        self.heap.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heap {
    fn pass(&mut self) -> Moment {
        self.now.0 += 1;
        self.now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_wish_of_a_kind_counts() {
        let signals = Signals::default();
        for wish in [Wish::Connect, Wish::Disconnect, Wish::Connect, Wish::Connect] {
            signals.wish(wish);
        }
        signals.heard().await;
        let wishes = signals.take().wishes;
        assert!(wishes.is_sorted(), "in the order in which they were said");
        let wishes: Vec<Wish> = wishes.into_iter().map(|(_, wish)| wish).collect();
        assert_eq!(wishes, [Wish::Disconnect, Wish::Connect]);
        assert!(signals.take().wishes.is_empty());
    }
}
