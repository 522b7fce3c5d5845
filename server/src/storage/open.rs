use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{OpenError, migrations};

/// The database's file name in the data folder.
const FILE: &str = "keepline.db";

/// Held open and locked while a server uses the folder.
const LOCK: &str = "lock";

/// Up to this size the whole file is checked at open; beyond it that would make a restart slow, and damage shows
/// where it is read.
const CHECKED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How many statements a connection keeps prepared: more than there are, so that none is prepared twice.
const STATEMENTS_MAX: usize = 96;

/// How long a statement waits for another connection. Ours never block each other (one writer, WAL); this is for
/// a person who looks into the file.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// An opened data folder: the writer's connection, the lock that says so, and where the file is.
pub(crate) struct Opened {
    pub(crate) writer: Connection,
    pub(crate) path: PathBuf,
    pub(crate) lock: File,
}

/// Opens or creates the database in `folder`.
pub(crate) fn open(folder: &Path) -> Result<Opened, OpenError> {
    create_folder(folder)?;
    let lock = take_lock(folder)?;
    let path = folder.join(FILE);
    create_private(&path).map_err(|error| OpenError::Io(path.clone(), error))?;
    let mut writer =
        connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(|error| sorted(&path, error))?;
    migrations::refuse_foreign(&writer, &path)?;
    set_durability(&writer).map_err(|error| sorted(&path, error))?;
    check(&writer, &path)?;
    migrations::run(&mut writer, &path)?;
    Ok(Opened { writer, path, lock })
}

/// Opens another connection to the same file, for reading alone.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|error| sorted(path, error))
}

/// Creates a file that only its owner can read, before anything is written to it. SQLite gives the files that it
/// puts beside a database the same mode.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Creates the data folder, closed to others, where it is missing.
pub(crate) fn create_folder(folder: &Path) -> Result<(), OpenError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| OpenError::Io(folder.to_owned(), error))
}

/// Which of our errors an error of SQLite is.
pub(crate) fn sorted(path: &Path, error: rusqlite::Error) -> OpenError {
    use rusqlite::ErrorCode;
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => OpenError::Corrupt(path.to_owned()),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::InUse(path.to_owned()),
        _ => OpenError::Unusable(path.to_owned(), error.to_string()),
    }
}

fn take_lock(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join(LOCK);
    let file = create_private(&path).map_err(|error| OpenError::Io(path.clone(), error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(OpenError::Io(path, error)),
    }
}

fn connect(path: &Path, mode: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // Without it SQLite prepares a statement anew for each new value that might change its plan, such as a page's
    // offset. Ours have one plan each.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

fn set_durability(connection: &Connection) -> rusqlite::Result<()> {
    // EXTRA first: a new file switched to WAL under FULL alone can lose its schema to a power cut, because the
    // folder is not synced. FULL afterwards: each commit is on the disk before it is acknowledged.
    connection.pragma_update(None, "synchronous", "EXTRA")?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // On Apple systems fsync leaves data in the disk's cache.
    #[cfg(target_vendor = "apple")]
    {
        connection.pragma_update(None, "fullfsync", true)?;
        connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    }
    // Ids are read in the transaction that uses them; checking each again would cost a lookup an event.
    connection.pragma_update(None, "foreign_keys", false)?;
    // 16 MiB of log between checkpoints: fewer of them under load than the default's 4 MiB.
    connection.query_row("PRAGMA wal_autocheckpoint = 4000", [], |_| Ok(()))?;
    connection.pragma_update(None, "temp_store", "MEMORY")
}

fn check(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let bytes = std::fs::metadata(path).map_err(|error| OpenError::Io(path.to_owned(), error))?.len();
    if bytes > CHECKED_BYTES_MAX {
        return Ok(());
    }
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| sorted(path, error))?;
    if verdict == "ok" { Ok(()) } else { Err(OpenError::Corrupt(path.to_owned())) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn folder_and_files_are_closed_to_others() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("data");
        let opened = open(&folder).unwrap();
        opened.writer.execute("INSERT INTO about VALUES ('x', 'y')", []).unwrap();
        assert_eq!(mode(&folder), 0o700);
        for file in ["keepline.db", "keepline.db-wal", "keepline.db-shm", "lock"] {
            assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
        }
    }

    #[test]
    fn a_second_process_gets_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let first = open(folder.path()).unwrap();
        assert!(matches!(open(folder.path()), Err(OpenError::InUse(_))));
        drop(first);
        open(folder.path()).unwrap();
    }

    #[test]
    fn a_newer_schema_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let opened = open(folder.path()).unwrap();
        opened.writer.pragma_update(None, "user_version", 999).unwrap();
        drop(opened);
        let before = std::fs::read(folder.path().join(FILE)).unwrap();
        assert!(matches!(open(folder.path()), Err(OpenError::NewerSchema { found: 999, .. })));
        assert_eq!(std::fs::read(folder.path().join(FILE)).unwrap(), before);
    }

    #[test]
    fn damage_is_an_error_and_never_wiped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, vec![b'x'; 8192]).unwrap();
        assert!(matches!(open(folder.path()), Err(OpenError::Corrupt(_))));
        assert_eq!(std::fs::read(&path).unwrap(), vec![b'x'; 8192]);
    }

    #[test]
    fn damage_in_the_middle_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        drop(open(folder.path()).unwrap());
        let mut bytes = std::fs::read(&path).unwrap();
        for byte in &mut bytes[4096..12288] {
            *byte = 0xa5;
        }
        std::fs::write(&path, &bytes).unwrap();
        assert!(matches!(open(folder.path()), Err(OpenError::Corrupt(_))));
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }

    #[test]
    fn another_programs_database_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let other = Connection::open(folder.path().join(FILE)).unwrap();
        other.execute_batch("CREATE TABLE notes (id INTEGER)").unwrap();
        drop(other);
        assert!(matches!(open(folder.path()), Err(OpenError::Foreign(_))));
    }

    #[test]
    fn commits_are_synced_in_full() {
        let folder = tempfile::tempdir().unwrap();
        let opened = open(folder.path()).unwrap();
        let pragma = |name: &str| -> String {
            opened
                .writer
                .query_row(&format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}"), [], |row| row.get(0))
                .unwrap()
        };
        assert_eq!(pragma("journal_mode"), "wal");
        assert_eq!(pragma("synchronous"), "2");
    }
}
