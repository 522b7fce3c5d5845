use std::cell::Cell;

use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, Row};

use crate::error::StoreError;

/// An open transaction: the only way to read or write. Statements are prepared once.
pub(crate) struct Tx<'a> {
    connection: &'a Connection,
    quota: Quota,
    has_begun: Cell<bool>,
    /// How many rows had been written before it.
    written_before: u64,
}

/// How far the file may grow.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Quota {
    /// By submits.
    pub(super) submit_pages: u64,
    /// By anything; what lies between is for settling.
    pub(super) all_pages: u64,
    pub(super) page_bytes: u64,
}

impl<'a> Tx<'a> {
    pub(super) fn new(connection: &'a Connection, quota: Quota) -> Self {
        Self { connection, quota, has_begun: Cell::new(false), written_before: connection.total_changes() }
    }

    /// For a connection that only reads: each statement stands for itself, and no transaction is left open.
    pub(super) fn reading(connection: &'a Connection) -> Self {
        Self { has_begun: Cell::new(true), ..Self::new(connection, Quota::default()) }
    }

    /// Whether there was a statement, which is when the transaction begins.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun.get()
    }

    /// Whether it has written anything, and so will wait for the disk.
    pub(crate) fn has_written(&self) -> bool {
        self.rows_written() > self.written_before
    }

    /// How many rows were written since the database was opened, this transaction's own among them. Costs nothing.
    pub(crate) fn rows_written(&self) -> u64 {
        self.connection.total_changes()
    }

    /// Runs a statement; gives how many rows it changed.
    pub(crate) fn execute(&self, sql: &str, params: impl Params) -> Result<usize, StoreError> {
        Ok(self.statement(sql)?.execute(params)?)
    }

    /// The first row, where there is one.
    pub(crate) fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.statement(sql)?.query_row(params, read).optional()?)
    }

    /// Every row.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.statement(sql)?;
        let rows = statement.query_map(params, read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Runs `work` so that its failure undoes its own writes only.
    ///
    /// # Errors
    /// The outer error where the whole transaction is gone (SQLite rolls back by itself after some failures), the
    /// inner one where only this part failed.
    pub(crate) fn savepoint<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<Result<T, E>, StoreError> {
        self.execute("SAVEPOINT part", [])?;
        let result = work();
        if self.connection.is_autocommit() {
            return Err(StoreError::Full);
        }
        if result.is_err() {
            self.execute("ROLLBACK TO part", [])?;
        }
        self.execute("RELEASE part", [])?;
        Ok(result)
    }

    /// Whether submits may add so many bytes: they keep to their quota, and every row without an outcome, this one
    /// too, keeps its share of the file for that outcome.
    pub(crate) fn has_room_to_submit(&self, bytes: u64, unsettled: u64) -> Result<bool, StoreError> {
        self.has_room(self.quota.submit_pages, bytes, unsettled + 1)
    }

    /// Whether something may be stored that can be left out, such as a reply: every row without an outcome keeps its
    /// share of the file.
    pub(crate) fn has_room_for_extra(&self, bytes: u64, unsettled: u64) -> Result<bool, StoreError> {
        self.has_room(self.quota.all_pages, bytes, unsettled)
    }

    fn has_room(&self, pages_max: u64, bytes: u64, unsettled: u64) -> Result<bool, StoreError> {
        let Quota { all_pages, page_bytes, .. } = self.quota;
        // A large value takes whole pages of its own, and each has a header.
        let wanted = bytes.saturating_mul(9) / 8 + page_bytes;
        let kept = unsettled.saturating_mul(OUTCOME_BYTES) + SPLIT_PAGES * page_bytes;
        let fits = |pages: u64| {
            pages < pages_max
                && (pages * page_bytes).saturating_add(wanted).saturating_add(kept) <= all_pages * page_bytes
        };
        let number = |sql| self.first(sql, [], |row| row.get::<_, u64>(0)).map(Option::unwrap_or_default);
        let pages = number("PRAGMA page_count")?;
        Ok(fits(pages) || fits(pages - number("PRAGMA freelist_count")?))
    }

    fn statement(&self, sql: &str) -> Result<CachedStatement<'a>, StoreError> {
        if !self.has_begun.replace(true) {
            self.connection.prepare_cached("BEGIN")?.execute([])?;
        }
        Ok(self.connection.prepare_cached(sql)?)
    }
}

/// What an outcome without its reply can add to the file: its columns, two entries in indexes, and the half-filled
/// pages that come of rows that grow in place. Rows without a payload were measured to take 116 bytes, a learned
/// account of 36 bytes among them.
const OUTCOME_BYTES: u64 = 256;

/// One statement can split a page in the table and in each index.
const SPLIT_PAGES: u64 = 16;
