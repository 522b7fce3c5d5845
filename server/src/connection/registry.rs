use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::mpsc;

use super::polling::Command;

/// Finds the session that a request names. Only sessions that began with polling are in it: nobody has to find the
/// others.
#[derive(Clone, Default)]
pub(super) struct Registry(Arc<Mutex<HashMap<Box<str>, Entry>>>);

/// How a session that began with polling is carried now.
#[derive(Clone)]
pub(super) enum Entry {
    Polling(mpsc::Sender<Command>),
    /// Its polls are over.
    Upgraded,
}

/// A session's place in the registry; dropping it takes the session out.
pub(super) struct Registration {
    registry: Registry,
    sid: Box<str>,
}

impl Registry {
    pub(super) fn register(&self, sid: &str, commands: mpsc::Sender<Command>) -> Registration {
        self.lock().insert(sid.into(), Entry::Polling(commands));
        Registration { registry: self.clone(), sid: sid.into() }
    }

    pub(super) fn find(&self, sid: &str) -> Option<Entry> {
        self.lock().get(sid).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registration {
    /// From now on requests find that the session polls no more.
    pub(super) fn mark_upgraded(&self) {
        if let Some(entry) = self.registry.lock().get_mut(&self.sid) {
            *entry = Entry::Upgraded;
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut sessions = self.registry.lock();
        sessions.remove(&self.sid);
        // A flood of sessions is no reason to hold its memory for ever.
        if sessions.capacity() > KEPT_ENTRIES && sessions.len() < sessions.capacity() / 8 {
            sessions.shrink_to_fit();
        }
    }
}

/// A table of this size is not worth shrinking.
const KEPT_ENTRIES: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_found_until_it_ends() {
        let registry = Registry::default();
        let registration = registry.register("one", mpsc::channel(1).0);
        assert!(matches!(registry.find("one"), Some(Entry::Polling(_))));
        assert!(registry.find("other").is_none());
        registration.mark_upgraded();
        assert!(matches!(registry.find("one"), Some(Entry::Upgraded)));
        drop(registration);
        assert!(registry.find("one").is_none());
    }

    #[test]
    fn a_flood_leaves_no_memory_behind() {
        let registry = Registry::default();
        let flood: Vec<_> =
            (0..10_000).map(|n| registry.register(&n.to_string(), mpsc::channel(1).0)).collect();
        drop(flood);
        assert!(registry.lock().capacity() <= KEPT_ENTRIES);
    }
}
