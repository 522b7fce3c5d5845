use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::stream::Mailbox;

/// What the handle tells the driver without waiting: wishes that never fail and may be said twice, and which of the
/// app's streams have moved. Errands, which are answered, go through the channel instead.
///
/// Nothing here grows without bound: a wish takes the place of its like, and a mailbox is listed once.
#[derive(Default)]
pub(crate) struct Signals {
    said: Mutex<Said>,
    bell: Notify,
}

/// What was said since the driver last listened.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) wishes: Vec<Wish>,
    pub(crate) mailboxes: Vec<Arc<Mailbox>>,
    /// A live tap came or went.
    pub(crate) has_moved_taps: bool,
}

/// An intention of the app, or news from its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Connect,
    Disconnect,
    NetworkAvailable,
    NetworkLost,
    Foreground,
}

impl Signals {
    pub(crate) fn wish(&self, wish: Wish) {
        let mut said = self.said();
        // The last word counts, so an earlier one of the same kind gives way.
        said.wishes.retain(|earlier| *earlier != wish);
        said.wishes.push(wish);
        self.bell.notify_one();
    }

    /// A consumer took events, or went away.
    pub(crate) fn touch(&self, mailbox: Arc<Mailbox>) {
        let mut said = self.said();
        if !said.mailboxes.iter().any(|listed| Arc::ptr_eq(listed, &mailbox)) {
            said.mailboxes.push(mailbox);
        }
        self.bell.notify_one();
    }

    pub(crate) fn move_taps(&self) {
        self.said().has_moved_taps = true;
        self.bell.notify_one();
    }

    pub(crate) fn take(&self) -> Said {
        std::mem::take(&mut *self.said())
    }

    /// Waits until something was said. Cancel safe.
    pub(crate) async fn heard(&self) {
        self.bell.notified().await;
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        // Nothing panics while it is held, and what it holds is valid at each step.
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
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
        assert_eq!(signals.take().wishes, [Wish::Disconnect, Wish::Connect]);
        assert!(signals.take().wishes.is_empty());
    }
}
