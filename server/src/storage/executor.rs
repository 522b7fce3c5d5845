//! Where work on a connection runs: on a thread of its own, or in the task that asks.
//!
//! The thread takes everything that waits for it as one batch, which is what makes a group commit. Inline runs each
//! piece at once under a lock: slower, but a simulation that replays a seed needs every step to happen in the one
//! thread it controls.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use tokio::sync::{mpsc, oneshot};

use super::{StorageError, StorageMode};

/// How much work may wait for a thread. Enough for several full batches; a sender beyond it waits.
const QUEUE_MAX: usize = 4_096;

/// How much work one batch takes: at about 20 µs a piece a batch is some 10 ms, the longest wait for an answer.
const BATCH_MAX: usize = 512;

/// Owns a connection and runs batches of work on it.
pub(super) trait Worker: Send + 'static {
    /// One piece of work.
    type Item: Send + 'static;

    /// Runs the batch. Each item learns its own result.
    fn run(&mut self, batch: Vec<Self::Item>);

    /// Commits what was answered already.
    #[cfg(feature = "planted")]
    fn catch_up(&mut self) {}
}

pub(super) enum Executor<W: Worker> {
    Thread(mpsc::Sender<Order<W::Item>>),
    Inline(Arc<Mutex<Option<W>>>),
}

pub(super) enum Order<I> {
    Run(I),
    Stop(oneshot::Sender<()>),
}

impl<W: Worker> Executor<W> {
    pub(super) fn start(name: &str, mode: StorageMode, worker: W) -> io::Result<Self> {
        if mode == StorageMode::Inline {
            return Ok(Self::Inline(Arc::new(Mutex::new(Some(worker)))));
        }
        let (sender, orders) = mpsc::channel(QUEUE_MAX);
        thread::Builder::new().name(name.to_owned()).spawn(move || work(worker, orders))?;
        Ok(Self::Thread(sender))
    }

    /// Hands over one piece; waits while the queue is full. Pieces of one caller run in the order handed over.
    pub(super) async fn submit(&self, item: W::Item) -> Result<(), StorageError> {
        match self {
            Self::Thread(sender) => sender.send(Order::Run(item)).await.map_err(|_| StorageError::Closed),
            Self::Inline(worker) => {
                #[cfg(feature = "planted")]
                catch_up_later(worker);
                let mut worker = worker.lock().unwrap_or_else(PoisonError::into_inner);
                worker.as_mut().ok_or(StorageError::Closed)?.run(vec![item]);
                Ok(())
            }
        }
    }

    /// Finishes what was handed over before and lets the connection go.
    pub(super) async fn close(&self) {
        match self {
            Self::Thread(sender) => {
                let (done, stopped) = oneshot::channel();
                if sender.send(Order::Stop(done)).await.is_ok() {
                    // The thread drops its end when it has stopped, whichever way.
                    let _ = stopped.await;
                }
            }
            Self::Inline(worker) => {
                let worker = worker.lock().unwrap_or_else(PoisonError::into_inner).take();
                #[cfg(feature = "planted")]
                let worker = worker.map(|mut worker| {
                    worker.catch_up();
                    worker
                });
                drop(worker);
            }
        }
    }
}

/// The moment in which a crash loses what was answered.
#[cfg(feature = "planted")]
fn catch_up_later<W: Worker>(worker: &Arc<Mutex<Option<W>>>) {
    const MOMENT: std::time::Duration = std::time::Duration::from_millis(50);
    if !crate::planted::is(crate::planted::Planted::AckBeforeCommit) {
        return;
    }
    let worker = Arc::clone(worker);
    tokio::spawn(async move {
        tokio::time::sleep(MOMENT).await;
        if let Some(worker) = worker.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            worker.catch_up();
        }
    });
}

fn work<W: Worker>(mut worker: W, mut orders: mpsc::Receiver<Order<W::Item>>) {
    let mut batch = Vec::new();
    while let Some(first) = orders.blocking_recv() {
        let mut next = Some(first);
        let mut stop = None;
        while let Some(order) = next {
            match order {
                Order::Run(item) => batch.push(item),
                Order::Stop(done) => {
                    stop = Some(done);
                    break;
                }
            }
            next = if batch.len() < BATCH_MAX { orders.try_recv().ok() } else { None };
        }
        if !batch.is_empty() {
            worker.run(std::mem::take(&mut batch));
        }
        if let Some(done) = stop {
            drop(worker);
            let _ = done.send(());
            return;
        }
    }
}
