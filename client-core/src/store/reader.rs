use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::{Tx, migrate, open::open_error};
use crate::{
    clock::Now,
    error::{OpenError, StoreError},
    outbox::{Filter, OutboxEntry, Totals as Counts, list, totals},
};

/// Reads a database beside the process that has it open. It takes no lock and changes nothing.
#[derive(Debug)]
pub struct OutboxReader {
    connection: Connection,
}

/// What the outbox holds, for one account or for a database that has none yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    /// Whose rows these are; empty before the first session.
    pub account: String,
    /// Actions without an outcome, parked ones not counted.
    pub pending: u64,
    /// Actions that wait for `retry` or `discard`.
    pub parked: u64,
    /// The payloads of both, in bytes.
    pub bytes: u64,
}

impl OutboxReader {
    /// Opens an existing database for reading.
    ///
    /// # Errors
    /// [`OpenError::Io`] where there is none, [`OpenError::Corrupt`], [`OpenError::NewerSchema`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(open_error)?;
        let found: u32 =
            connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(open_error)?;
        let reader = Self { connection };
        match found {
            // A client opens an empty file as a new one: so far it holds nothing.
            0 if reader.is_empty().map_err(|_| OpenError::Corrupt)? => Ok(reader),
            0 => Err(OpenError::Corrupt),
            found if found > migrate::VERSION => Err(OpenError::NewerSchema { found }),
            _ => Ok(reader),
        }
    }

    /// The rows of every account that the filter lets through, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] where the file cannot be read.
    pub fn list(&self, filter: &Filter) -> Result<Vec<OutboxEntry>, StoreError> {
        if self.is_empty()? {
            return Ok(Vec::new());
        }
        list(&Tx::reading(&self.connection), Now::read(), None, filter)
    }

    /// Nothing was ever written into the file.
    fn is_empty(&self) -> Result<bool, StoreError> {
        let pages: u64 = self.connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
        Ok(pages == 0)
    }

    /// What the outbox holds, an entry for each account.
    ///
    /// # Errors
    /// [`StoreError`] where the file cannot be read.
    pub fn totals(&self) -> Result<Vec<Totals>, StoreError> {
        if self.is_empty()? {
            return Ok(Vec::new());
        }
        let tx = Tx::reading(&self.connection);
        let accounts =
            tx.all("SELECT account FROM totals ORDER BY account", [], |row| row.get::<_, String>(0))?;
        accounts
            .into_iter()
            .map(|account| {
                let Counts { pending, parked, bytes, .. } = totals(&tx, &account)?;
                Ok(Totals { account, pending, parked, bytes })
            })
            .collect()
    }
}
