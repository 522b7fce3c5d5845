use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, Row};

use crate::error::StoreError;

/// An open transaction: the only way to read or write. Statements are prepared once.
pub(crate) struct Tx<'a> {
    connection: &'a Connection,
    quota_pages: u64,
}

impl<'a> Tx<'a> {
    pub(super) fn new(connection: &'a Connection, quota_pages: u64) -> Self {
        Self { connection, quota_pages }
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

    /// Whether submits have used up their share of the file; what is left is for settling.
    pub(crate) fn quota_is_used_up(&self) -> Result<bool, StoreError> {
        let number = |sql| self.first(sql, [], |row| row.get::<_, u64>(0)).map(Option::unwrap_or_default);
        let pages = number("PRAGMA page_count")?;
        Ok(pages >= self.quota_pages && pages - number("PRAGMA freelist_count")? >= self.quota_pages)
    }

    fn statement(&self, sql: &str) -> Result<CachedStatement<'a>, StoreError> {
        Ok(self.connection.prepare_cached(sql)?)
    }
}
