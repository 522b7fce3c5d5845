//! The documents that jobs read: full-text search over a folder.
//!
//! The index is a SQLite file of its own in the data folder. It is made from the folder alone, so it may be deleted
//! at any time, and losing its last writes to a power cut costs a file to be read again.

mod files;
mod index;
mod query;

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use index::Index;
pub(crate) use query::words;

/// The index's file in the data folder.
const FILE: &str = "corpus.db";

/// How long an index counts as fresh, in milliseconds. Looking through a folder of a thousand files takes some
/// milliseconds; a burst of searches need not repeat it.
const FRESH_MS: i64 = 5_000;

/// A folder of documents.
pub(crate) struct Corpus {
    folder: Option<PathBuf>,
    index_path: PathBuf,
    clock: crate::clock::Clock,
    open: Mutex<Option<Open>>,
}

struct Open {
    index: Index,
    refreshed_ms: Option<i64>,
}

/// A piece of a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Passage {
    pub(crate) title: String,
    pub(crate) text: String,
    /// Relative to the folder, with forward slashes.
    pub(crate) source: String,
}

/// A document that matches, with its best passage.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) passage: Passage,
    /// The higher, the better.
    pub(crate) score: f64,
}

impl Corpus {
    pub(crate) fn new(folder: Option<PathBuf>, data: &Path, clock: crate::clock::Clock) -> Self {
        Self { folder, index_path: data.join(FILE), clock, open: Mutex::new(None) }
    }

    /// Makes the index, or brings it up to date. Blocks; called once at the start so that the first search finds
    /// it ready.
    pub(crate) fn refresh(&self) -> rusqlite::Result<()> {
        self.with(|_| Ok(()))
    }

    /// The documents that match the words, best first: those with all of them, and where there are none, those with
    /// any. Blocks while the index is made.
    pub(crate) fn search(&self, text: &str, limit: u32) -> rusqlite::Result<Vec<Found>> {
        let words = words(text);
        if words.is_empty() || self.folder.is_none() {
            return Ok(Vec::new());
        }
        self.with(|index| {
            let all = index.search(&query::all(&words), limit)?;
            if all.is_empty() { index.search(&query::any(&words), limit) } else { Ok(all) }
        })
    }

    fn with<T>(&self, work: impl FnOnce(&Index) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let mut guard = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if guard.is_none() {
            *guard = Some(Open { index: Index::open(&self.index_path)?, refreshed_ms: None });
        }
        let open = guard.as_mut().expect("opened above");
        let now_ms = self.clock.now_ms();
        let fresh = open.refreshed_ms.is_some_and(|then| (0..FRESH_MS).contains(&(now_ms - then)));
        if let (Some(folder), false) = (&self.folder, fresh) {
            open.index.refresh(&files::list(folder), folder)?;
            open.refreshed_ms = Some(now_ms);
        }
        work(&open.index)
    }
}
