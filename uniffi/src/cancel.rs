use std::sync::Arc;

use tokio::sync::watch;

use crate::CoreClosedError;

/// Lets a caller give up a call that waits. For Swift, where the cancellation of a task stops at the boundary; the
/// other languages drop the future itself.
#[derive(Debug, uniffi::Object)]
pub struct CoreCancel {
    given_up: watch::Sender<bool>,
}

#[uniffi::export]
impl CoreCancel {
    /// One for each call.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::new(Self { given_up: watch::Sender::new(false) })
    }

    /// The call that has this ends at once, also one that is made later.
    pub fn cancel(&self) -> Result<(), CoreClosedError> {
        self.given_up.send_replace(true);
        Ok(())
    }
}

/// What the call gives, or `None` where it was given up before.
pub(crate) async fn unless_cancelled<T>(
    cancel: Option<Arc<CoreCancel>>,
    call: impl Future<Output = T>,
) -> Option<T> {
    let Some(cancel) = cancel else { return Some(call.await) };
    let mut given_up = cancel.given_up.subscribe();
    tokio::select! {
        biased;
        // The sender lives as long as `cancel`, so this cannot fail.
        _ = given_up.wait_for(|given_up| *given_up) => None,
        answer = call => Some(answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_is_given_up_and_others_are_not() {
        let cancel = CoreCancel::new();
        assert_eq!(unless_cancelled(Some(Arc::clone(&cancel)), std::future::ready(1)).await, Some(1));
        let waiting = unless_cancelled(Some(Arc::clone(&cancel)), std::future::pending::<u32>());
        let cancelling = async { cancel.cancel() };
        assert_eq!(tokio::join!(waiting, cancelling).0, None);
        assert_eq!(unless_cancelled(Some(cancel), std::future::ready(1)).await, None);
        assert_eq!(unless_cancelled(None, std::future::ready(2)).await, Some(2));
    }
}
