use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::{
    event::LiveEvent,
    outlet::{Heard, Outlet},
};
use crate::{
    ids::{OwnerId, StreamId},
    storage::News,
};

/// Who listens to what. Live delivery is a hint: what it cannot deliver at once is pulled from the log.
#[derive(Default)]
pub(crate) struct Fanout {
    listeners: Mutex<Listeners>,
    jobs: Notify,
}

#[derive(Default)]
struct Listeners {
    streams: HashMap<StreamId, Vec<Arc<Outlet>>>,
    owners: HashMap<OwnerId, Vec<Arc<Outlet>>>,
}

impl Fanout {
    /// Tells the listeners what was committed, in the order it was written. Called from one thread.
    pub(crate) fn publish(&self, news: Vec<News>) {
        if news.is_empty() {
            return;
        }
        let mut listeners = self.lock();
        for item in news {
            match item {
                News::Event(event) => listeners.event(&event),
                News::Removed(id) => listeners.removed(id),
                News::Ephemeral(owner, event) => {
                    for outlet in listeners.owners.get(&owner).into_iter().flatten() {
                        outlet.ephemeral(&event);
                    }
                }
                News::JobQueued => self.jobs.notify_one(),
            }
        }
    }

    /// Resolves when a job may wait for a worker.
    pub(crate) async fn job_queued(&self) {
        self.jobs.notified().await;
    }

    pub(super) fn add_stream(&self, id: StreamId, outlet: &Arc<Outlet>) {
        add(&mut self.lock().streams, id, outlet);
    }

    pub(super) fn remove_stream(&self, id: StreamId, outlet: &Arc<Outlet>) {
        remove(&mut self.lock().streams, id, outlet);
    }

    pub(crate) fn add_owner(&self, id: OwnerId, outlet: &Arc<Outlet>) {
        add(&mut self.lock().owners, id, outlet);
    }

    /// The connection is gone.
    pub(crate) fn remove(&self, owner: OwnerId, outlet: &Arc<Outlet>) {
        let watched = outlet.watched();
        let mut listeners = self.lock();
        remove(&mut listeners.owners, owner, outlet);
        for id in watched {
            remove(&mut listeners.streams, id, outlet);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Listeners> {
        // Nothing that can panic runs under the lock.
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listeners {
    fn event(&mut self, event: &LiveEvent) {
        let Some(outlets) = self.streams.get_mut(&event.id) else { return };
        outlets.retain(|outlet| outlet.event(event) == Heard::More);
        if outlets.is_empty() {
            self.streams.remove(&event.id);
        }
    }

    /// Nothing comes of the stream any more. Whoever asks for it next is told that it is gone.
    fn removed(&mut self, id: StreamId) {
        for outlet in self.streams.remove(&id).into_iter().flatten() {
            outlet.unwatch(id);
        }
    }
}

fn add<K: Eq + Hash>(map: &mut HashMap<K, Vec<Arc<Outlet>>>, key: K, outlet: &Arc<Outlet>) {
    let outlets = map.entry(key).or_default();
    if !outlets.iter().any(|known| Arc::ptr_eq(known, outlet)) {
        outlets.push(outlet.clone());
    }
}

fn remove<K: Eq + Hash>(map: &mut HashMap<K, Vec<Arc<Outlet>>>, key: K, outlet: &Arc<Outlet>) {
    if let Some(outlets) = map.get_mut(&key) {
        outlets.retain(|known| !Arc::ptr_eq(known, outlet));
        if outlets.is_empty() {
            map.remove(&key);
        }
    }
}
