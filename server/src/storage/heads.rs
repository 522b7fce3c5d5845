//! What the writer knows by heart: where each active owner's ledger and each active stream stands.
//!
//! A burst of actions changes the same two rows again and again. The writer keeps them here, writes each once before
//! the commit, and takes changes back with the savepoint that made them. What is here is what the database holds
//! plus the open transaction; after a failed commit it is thrown away.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use keepline_protocol::{Stream, Tag};

use crate::ids::{OwnerId, StreamId};

/// Beyond this many of a kind the cache starts anew: some 200 bytes each, a few MiB.
const CACHED_MAX: usize = 16_384;

#[derive(Debug, Clone, Copy)]
pub(crate) struct LedgerHead {
    pub(crate) position: u64,
    pub(crate) tag: Tag,
    pub(crate) floor: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct StreamHead {
    pub(crate) stream: Arc<Stream>,
    pub(crate) head: u64,
    pub(crate) tag: Tag,
    pub(crate) trimmed: u64,
    pub(crate) trimmed_tag: Tag,
}

#[derive(Default)]
pub(crate) struct Heads {
    pub(crate) ledgers: Cache<OwnerId, LedgerHead>,
    pub(crate) streams: Cache<StreamId, StreamHead>,
}

impl Heads {
    /// A savepoint begins.
    pub(super) fn mark(&mut self) {
        self.ledgers.undo.clear();
        self.streams.undo.clear();
    }

    /// The savepoint was rolled back.
    pub(super) fn undo(&mut self) {
        self.ledgers.take_back();
        self.streams.take_back();
    }

    /// The transaction was committed.
    pub(super) fn settle(&mut self) {
        self.mark();
        self.ledgers.bound();
        self.streams.bound();
    }

    /// The transaction failed: nothing here can be trusted.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

pub(crate) struct Cache<K, V> {
    entries: HashMap<K, Cached<V>>,
    dirty: Vec<K>,
    undo: Vec<(K, Option<Cached<V>>)>,
}

#[derive(Clone)]
struct Cached<V> {
    value: V,
    dirty: bool,
}

impl<K: Copy + Eq + Hash, V: Clone> Cache<K, V> {
    pub(crate) fn find(&self, key: K) -> Option<&V> {
        self.entries.get(&key).map(|cached| &cached.value)
    }

    /// Remembers what was read from the database.
    pub(crate) fn learn(&mut self, key: K, value: V) {
        // Undone as well: the row may have been made in the savepoint that is rolled back.
        self.replace(key, Cached { value, dirty: false });
    }

    /// Changes an entry; it is written before the commit.
    pub(crate) fn change(&mut self, key: K, value: V) {
        self.dirty.push(key);
        self.replace(key, Cached { value, dirty: true });
    }

    /// The changed entries, each once, now taken as written.
    pub(crate) fn take_dirty(&mut self) -> Vec<(K, V)> {
        let mut changed = Vec::new();
        for key in std::mem::take(&mut self.dirty) {
            if let Some(cached) = self.entries.get_mut(&key)
                && std::mem::take(&mut cached.dirty)
            {
                changed.push((key, cached.value.clone()));
            }
        }
        changed
    }

    /// Forgets an entry whose row was removed.
    pub(crate) fn remove(&mut self, key: K) {
        let before = self.entries.remove(&key);
        self.undo.push((key, before));
    }

    fn replace(&mut self, key: K, cached: Cached<V>) {
        let before = self.entries.insert(key, cached);
        self.undo.push((key, before));
    }

    fn take_back(&mut self) {
        for (key, before) in self.undo.drain(..).rev() {
            match before {
                Some(cached) => self.entries.insert(key, cached),
                None => self.entries.remove(&key),
            };
        }
    }

    fn bound(&mut self) {
        if self.entries.len() > CACHED_MAX {
            self.entries.clear();
        }
    }
}

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), dirty: Vec::new(), undo: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rolled_back_change_is_not_written() {
        let mut cache: Cache<i32, u32> = Cache::default();
        cache.learn(1, 10);
        cache.undo.clear();
        cache.change(1, 11);
        cache.change(1, 12);
        cache.change(2, 20);
        cache.take_back();
        assert_eq!((cache.find(1), cache.find(2)), (Some(&10), None));
        assert!(cache.take_dirty().is_empty());
    }

    #[test]
    fn an_earlier_change_survives_a_later_rollback() {
        let mut cache: Cache<i32, u32> = Cache::default();
        cache.change(1, 11);
        cache.undo.clear();
        cache.change(1, 12);
        cache.take_back();
        assert_eq!(cache.take_dirty(), [(1, 11)]);
        assert!(cache.take_dirty().is_empty());
    }
}
