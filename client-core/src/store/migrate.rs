//! Schema versions: numbered files, never edited after a release, each keeping every row.

use rusqlite::Connection;

use super::open::open_error;
use crate::error::OpenError;

/// The schema that this version writes.
pub(super) const VERSION: u32 = MIGRATIONS.len() as u32;

/// `MIGRATIONS[n]` brings version n to n + 1.
const MIGRATIONS: &[&str] = &[include_str!("../../migrations/0001_initial.sql")];

/// Marks the file as ours; "Keep" in ASCII.
const APPLICATION_ID: i32 = 0x4b65_6570;

/// Brings the schema to [`VERSION`], one transaction a step.
///
/// # Errors
/// [`OpenError::NewerSchema`] for a later version's file; [`OpenError::Corrupt`] for a database that is not ours.
pub(super) fn run(connection: &Connection) -> Result<(), OpenError> {
    let found = u32::try_from(number(connection, "user_version")?).map_err(|_| OpenError::Corrupt)?;
    if found > VERSION {
        return Err(OpenError::NewerSchema { found });
    }
    check_owner(connection)?;
    for (version, sql) in (1u32..).zip(MIGRATIONS).skip(found as usize) {
        let step = format!(
            "BEGIN IMMEDIATE; {sql}; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version}; COMMIT;"
        );
        connection.execute_batch(&step).map_err(|error| {
            // The error of the step is the one to tell; a failed rollback leaves nothing behind either.
            let _ = connection.execute_batch("ROLLBACK");
            open_error(error)
        })?;
    }
    Ok(())
}

/// Refuses a database that has something in it and is not ours.
///
/// # Errors
/// [`OpenError::Corrupt`].
pub(super) fn check_owner(connection: &Connection) -> Result<(), OpenError> {
    let is_empty = number(connection, "schema_version")? == 0;
    if is_empty || number(connection, "application_id")? == i64::from(APPLICATION_ID) {
        Ok(())
    } else {
        Err(OpenError::Corrupt)
    }
}

fn number(connection: &Connection, pragma: &str) -> Result<i64, OpenError> {
    connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0)).map_err(open_error)
}
