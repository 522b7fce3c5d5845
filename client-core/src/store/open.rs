use std::{
    ffi::OsString,
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

use super::{SYNC_EACH_COMMIT, SYNC_LATER, Store, StoreOptions, lock::Lock, migrate, tx::Quota};
use crate::error::{OpenError, StoreError};

impl Store {
    /// Opens or makes the database.
    ///
    /// # Errors
    /// See [`OpenError`]; a file that cannot be used is left as it is, except where `set_corrupt_aside` says
    /// otherwise.
    pub(crate) fn open(options: &StoreOptions) -> Result<Self, OpenError> {
        if options.path == Path::new(":memory:") {
            let connection = Connection::open_in_memory().map_err(open_error)?;
            return prepare(connection, None, options);
        }
        make_folder(&options.path)?;
        let lock = Lock::take(&options.path)?;
        match open_file(options) {
            Ok(connection) => prepare(connection, Some(lock), options),
            Err(OpenError::Corrupt) if options.set_corrupt_aside => {
                set_aside(&options.path)?;
                prepare(open_file(options)?, Some(lock), options)
            }
            Err(error) => Err(error),
        }
    }
}

fn open_file(options: &StoreOptions) -> Result<Connection, OpenError> {
    let is_new = make_file(&options.path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&options.path, flags).map_err(open_error)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(open_error)?;
    if !is_new {
        check(&connection, &options.path)?;
    }
    Ok(connection)
}

/// Sets what holds for every connection, brings the schema up to date, and sets what needs a schema.
fn prepare(connection: Connection, lock: Option<Lock>, options: &StoreOptions) -> Result<Store, OpenError> {
    let run = |sql: &str| connection.execute_batch(sql).map_err(open_error);
    // On Apple's systems fsync does not reach the disk; these do. Elsewhere SQLite ignores them.
    run("PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;")?;
    // A file that becomes WAL under FULL can lose its schema to a power cut: EXTRA until the schema is there.
    run("PRAGMA synchronous = EXTRA; PRAGMA journal_mode = WAL;")?;
    // Cached statements may be re-prepared by these, so they come before any.
    run("PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;")?;
    // 2 MiB of pages: the working set is the window in flight, not the queue. The log is cut back to 4 MiB.
    run("PRAGMA cache_size = -2048; PRAGMA journal_size_limit = 4194304;")?;
    migrate::run(&connection)?;
    run(if options.relaxed { SYNC_LATER } else { SYNC_EACH_COMMIT })?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);

    let page_bytes: u64 =
        connection.query_row("PRAGMA page_size", [], |row| row.get(0)).map_err(open_error)?;
    let submit_pages = (options.quota_bytes / page_bytes).max(QUOTA_PAGES_MIN);
    let all_pages = submit_pages + (submit_pages / 8).max(QUOTA_PAGES_MIN / 2);
    run(&format!("PRAGMA max_page_count = {all_pages}"))?;
    Ok(Store {
        connection,
        _lock: lock,
        quota: Quota { submit_pages, all_pages, page_bytes },
        relaxed: options.relaxed,
        transactions: 0,
    })
}

/// Finds a damaged file now rather than in the middle of work, as far as that is cheap.
fn check(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let version: u32 =
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(open_error)?;
    if version > migrate::VERSION {
        return Err(OpenError::NewerSchema { found: version });
    }
    // Before anything is set on the connection: the log's mode is written into the file.
    migrate::check_owner(connection)?;
    if fs::metadata(path).map_err(io_error)?.len() > CHECKED_BYTES_MAX {
        return Ok(());
    }
    let verdict: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(open_error)?;
    if verdict == "ok" { Ok(()) } else { Err(OpenError::Corrupt) }
}

fn make_folder(path: &Path) -> Result<(), OpenError> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists())
    else {
        return Ok(());
    };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(io_error)
}

/// Makes the file itself, so that its mode is 0600 from the first moment; SQLite gives its side files the same.
fn make_file(path: &Path) -> Result<bool, OpenError> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(io_error)?;
    Ok(file.metadata().map_err(io_error)?.len() == 0)
}

fn set_aside(path: &Path) -> Result<(), OpenError> {
    // The first free number: an earlier corpse is evidence too.
    let target = (1..=ASIDE_MAX)
        .map(|number| with_suffix(path, &format!(".corrupt-{number}")))
        .find(|target| !target.exists())
        .ok_or(OpenError::Corrupt)?;
    for suffix in ["", "-wal", "-shm"] {
        match fs::rename(with_suffix(path, suffix), with_suffix(&target, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_error(error)),
            _ => {}
        }
    }
    tracing::warn!("a corrupt database was set aside");
    Ok(())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

pub(super) fn open_error(error: rusqlite::Error) -> OpenError {
    match StoreError::from(error) {
        StoreError::Full => OpenError::DiskFull,
        StoreError::Busy => OpenError::StoreBusy,
        StoreError::Corrupt => OpenError::Corrupt,
        _ => OpenError::Io,
    }
}

pub(super) fn io_error(error: io::Error) -> OpenError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => OpenError::DiskFull,
        _ => OpenError::Io,
    }
}

/// How long another connection may hold SQLite's own lock before we give up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Every statement of the client, with room: preparing costs more than running most of them.
const STATEMENTS_CACHED: usize = 128;

/// Up to this size the whole file is checked at open, within some 10 ms; opening stays fast with a long queue.
const CHECKED_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The schema itself needs about 20 pages.
const QUOTA_PAGES_MIN: u64 = 64;

/// How many corrupt files may lie aside before the app has to look at them.
const ASIDE_MAX: u32 = 100;
