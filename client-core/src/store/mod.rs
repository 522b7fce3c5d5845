//! The database: opening, locking, migrating, and the one transaction function.
//!
//! SQLite itself is the store; there is no trait before it, because `:memory:` and temporary files do what a mock
//! would. One connection of one process writes. Others may read meanwhile, through [`OutboxReader`].

mod lock;
mod migrate;
mod open;
mod reader;
#[cfg(test)]
mod tests;
mod tx;

use std::path::PathBuf;

use rusqlite::Connection;

pub use reader::{OutboxReader, Totals};
pub(crate) use tx::Tx;

use self::{lock::Lock, tx::Quota};
use crate::error::StoreError;

/// What opening needs to know.
#[derive(Debug, Clone)]
pub(crate) struct StoreOptions {
    /// The file, or `:memory:`.
    pub(crate) path: PathBuf,
    /// `synchronous=NORMAL`: faster, and a power cut can lose the last commits.
    pub(crate) relaxed: bool,
    /// How large the file may grow by submits; settling may use an eighth more.
    pub(crate) quota_bytes: u64,
    /// Move a corrupt file aside and begin anew; only by the app's explicit wish.
    pub(crate) set_corrupt_aside: bool,
}

/// An open database with its lock. Dropping it closes every file and releases the lock.
#[derive(Debug)]
pub(crate) struct Store {
    // Declared first, so that the connection closes before the lock is released.
    connection: Connection,
    _lock: Option<Lock>,
    quota: Quota,
    /// See [`StoreOptions::relaxed`].
    relaxed: bool,
    /// How many transactions there were since that was asked last.
    transactions: u64,
}

impl Store {
    /// Runs one transaction: commits where `work` returns `Ok`, rolls back where it fails. It begins with the first
    /// statement: one that wrote nothing costs nothing on disk, and one without a statement costs nothing at all.
    ///
    /// # Errors
    /// What `work` returned, or why the commit failed; then nothing of it is on disk.
    pub(crate) fn transaction<T>(
        &mut self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let tx = Tx::new(&self.connection, self.quota);
        let result = work(&tx);
        if !tx.has_begun() {
            return result;
        }
        self.transactions += 1;
        let result = match result {
            // SQLite rolls back by itself after some failures; a commit would then report success for nothing.
            Ok(_) if self.connection.is_autocommit() => Err(StoreError::Io),
            Ok(value) => self.commit().map(|()| value),
            Err(error) => Err(error),
        };
        if result.is_err() && !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK")?;
        }
        result
    }

    /// As [`transaction`](Self::transaction), but does not wait for the disk: what it wrote survives the process from
    /// here on, and the power with the next commit that waits. For what may come again.
    ///
    /// # Errors
    /// As for [`transaction`](Self::transaction).
    pub(crate) fn transaction_unsynced<T>(
        &mut self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.relaxed {
            return self.transaction(work);
        }
        self.connection.execute_batch(SYNC_LATER)?;
        let result = self.transaction(work);
        self.connection.execute_batch(SYNC_EACH_COMMIT)?;
        result
    }

    /// How many transactions there were since this was asked last; those without a statement do not count.
    pub(crate) fn take_transactions(&mut self) -> u64 {
        std::mem::take(&mut self.transactions)
    }

    fn commit(&self) -> Result<(), StoreError> {
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }
}

/// How far a commit waits for the disk. In WAL mode the log is synced with each, or only before it is copied back.
const SYNC_EACH_COMMIT: &str = "PRAGMA synchronous = FULL";
/// See [`SYNC_EACH_COMMIT`].
const SYNC_LATER: &str = "PRAGMA synchronous = NORMAL";

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let kind = match error.sqlite_error_code() {
            Some(Code::DiskFull) => Self::Full,
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => Self::Busy,
            Some(Code::DatabaseCorrupt | Code::NotADatabase) => Self::Corrupt,
            _ => Self::Io,
        };
        // SQLite's own text names tables and codes, never values.
        tracing::warn!(?kind, error = %error, "the database failed");
        kind
    }
}
