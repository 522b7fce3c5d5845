use std::path::Path;

use rusqlite::Connection;
use uuid::Uuid;

use super::{OpenError, open::sorted};

/// Each schema in the order it was released. A released file is never edited; what changes comes as the next one.
const MIGRATIONS: &[&str] = &[include_str!("../../migrations/0001_first.sql")];

/// Marks the file as ours: `KEEP` in ASCII.
const APPLICATION_ID: i32 = 0x4b45_4550;

/// Refuses a database that another program made, before anything in it is changed.
pub(super) fn refuse_foreign(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let read = |sql: &str| -> Result<i32, OpenError> {
        connection.query_row(sql, [], |row| row.get(0)).map_err(|error| sorted(path, error))
    };
    let id = read("PRAGMA application_id")?;
    let tables = read("SELECT count(*) FROM sqlite_schema")?;
    if id == APPLICATION_ID || (id == 0 && tables == 0) {
        Ok(())
    } else {
        Err(OpenError::Foreign(path.to_owned()))
    }
}

/// Brings the schema up to date, all steps in one transaction.
pub(super) fn run(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let known = u32::try_from(MIGRATIONS.len()).expect("a handful of migrations");
    let found: u32 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(|error| sorted(path, error))?;
    if found > known {
        return Err(OpenError::NewerSchema { found, known });
    }
    migrate(connection, found).map_err(|error| sorted(path, error))
}

fn migrate(connection: &mut Connection, found: u32) -> rusqlite::Result<()> {
    let missing = MIGRATIONS.get(usize::try_from(found).unwrap_or(usize::MAX)..).unwrap_or_default();
    if missing.is_empty() {
        return Ok(());
    }
    let tx = connection.transaction()?;
    for sql in missing {
        tx.execute_batch(sql)?;
    }
    if found == 0 {
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        #[expect(clippy::disallowed_methods, reason = "the epoch of a new database; no engine")]
        let epoch = Uuid::new_v4().simple().to_string();
        tx.execute("INSERT INTO about (name, value) VALUES ('epoch', ?1)", [epoch])?;
    }
    tx.pragma_update(None, "user_version", u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX))?;
    tx.commit()
}
