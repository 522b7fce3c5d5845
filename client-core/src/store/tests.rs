use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command},
    time::Duration,
};

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::{error::OpenError, outbox::Filter};

fn options(path: &Path) -> StoreOptions {
    StoreOptions {
        path: path.to_owned(),
        relaxed: false,
        quota_bytes: 64 * 1024 * 1024,
        set_corrupt_aside: false,
    }
}

/// A folder with a database that was opened once.
fn with_database() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.db");
    drop(Store::open(&options(&path)).unwrap());
    (folder, path)
}

fn pragma(store: &Store, name: &str) -> String {
    let read = |row: &rusqlite::Row<'_>| row.get::<_, rusqlite::types::Value>(0);
    match store.connection.query_row(&format!("PRAGMA {name}"), [], read).unwrap() {
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

#[cfg(unix)]
#[test]
fn folder_and_files_are_closed_to_others() {
    use std::os::unix::fs::PermissionsExt;
    let outer = tempfile::tempdir().unwrap();
    let path = outer.path().join("made").join("queue.db");
    let mut store = Store::open(&options(&path)).unwrap();
    // Something in the log, so that its files are there too.
    store.transaction(|tx| tx.execute("INSERT INTO meta VALUES ('a', 'b')", [])).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    let mut files = 0;
    for file in fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
        files += 1;
    }
    assert_eq!(files, 4, "database, log, index of the log, lock");
}

#[test]
fn commits_are_synced_in_full_unless_the_app_asks_for_less() {
    let (_folder, path) = with_database();
    let store = Store::open(&options(&path)).unwrap();
    assert_eq!(pragma(&store, "journal_mode"), "wal");
    assert_eq!(pragma(&store, "synchronous"), "2", "FULL");
    assert_eq!(pragma(&store, "fullfsync"), "1");
    assert_eq!(pragma(&store, "checkpoint_fullfsync"), "1");
    let mut store = store;
    let inside =
        store.transaction_unsynced(|tx| tx.first("PRAGMA synchronous", [], |row| row.get::<_, i64>(0)));
    assert_eq!(inside.unwrap(), Some(1), "NORMAL");
    assert_eq!(pragma(&store, "synchronous"), "2", "FULL again");
    assert!(store.transaction_unsynced(|_| Err::<(), _>(StoreError::Full)).is_err());
    assert_eq!(pragma(&store, "synchronous"), "2", "FULL again");
    drop(store);
    let relaxed = Store::open(&StoreOptions { relaxed: true, ..options(&path) }).unwrap();
    assert_eq!(pragma(&relaxed, "synchronous"), "1", "NORMAL");
}

#[test]
fn a_second_opening_gets_in_use_until_the_first_has_ended() {
    let (_folder, path) = with_database();
    let store = Store::open(&options(&path)).unwrap();
    assert_eq!(Store::open(&options(&path)).err(), Some(OpenError::InUse));
    drop(store);
    assert!(Store::open(&options(&path)).is_ok());
}

/// The test starts itself again as the other process.
#[test]
fn another_process_gets_in_use() {
    if let Some(path) = env::var_os(OTHER_PROCESS) {
        process::exit(match Store::open(&options(Path::new(&path))) {
            Ok(_) => OPENED,
            Err(OpenError::InUse) => IN_USE,
            Err(_) => FAILED,
        });
    }
    let (_folder, path) = with_database();
    let other = || {
        let name = format!("{}::another_process_gets_in_use", module_path!().split_once("::").unwrap().1);
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", &name]).env(OTHER_PROCESS, &path);
        command.output().unwrap().status.code()
    };
    let store = Store::open(&options(&path)).unwrap();
    assert_eq!(other(), Some(IN_USE));
    drop(store);
    assert_eq!(other(), Some(OPENED));
}

#[test]
fn a_lock_that_another_connection_holds_too_long_is_busy() {
    let (_folder, path) = with_database();
    let mut store = Store::open(&options(&path)).unwrap();
    assert_eq!(pragma(&store, "busy_timeout"), "5000");
    store.connection.busy_timeout(Duration::ZERO).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut write = || store.transaction(|tx| tx.execute("INSERT INTO meta VALUES ('a', 'b')", []));
    assert_eq!(write(), Err(StoreError::Busy));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(write(), Ok(1));
}

#[test]
fn a_newer_schema_is_refused_and_left_as_it_is() {
    let (_folder, path) = with_database();
    let newer = migrate::VERSION + 1;
    Connection::open(&path).unwrap().execute_batch(&format!("PRAGMA user_version = {newer}")).unwrap();
    let before = fs::read(&path).unwrap();
    let refused = Some(OpenError::NewerSchema { found: newer });
    assert_eq!(Store::open(&options(&path)).err(), refused);
    let wish = StoreOptions { set_corrupt_aside: true, ..options(&path) };
    assert_eq!(Store::open(&wish).err(), refused, "it is not corrupt, so no wish sets it aside");
    assert_eq!(OutboxReader::open(&path).err(), refused);
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn another_programs_database_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE notes (text)").unwrap();
    let before = fs::read(&path).unwrap();
    assert_eq!(Store::open(&options(&path)).err(), Some(OpenError::Corrupt));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn damage_is_an_error_and_never_wiped() {
    for damage in [no_database, cut_off, overwritten] {
        let (_folder, path) = with_database();
        let damaged = damage(fs::read(&path).unwrap());
        fs::write(&path, &damaged).unwrap();
        assert_eq!(Store::open(&options(&path)).err(), Some(OpenError::Corrupt));
        assert_eq!(fs::read(&path).unwrap(), damaged);
    }
}

#[test]
fn damage_is_set_aside_by_the_apps_wish() {
    let (folder, path) = with_database();
    let wish = StoreOptions { set_corrupt_aside: true, ..options(&path) };
    for number in 1..=2 {
        let damaged = overwritten(fs::read(&path).unwrap());
        fs::write(&path, &damaged).unwrap();
        drop(Store::open(&wish).unwrap());
        let aside = folder.path().join(format!("queue.db.corrupt-{number}"));
        assert_eq!(fs::read(aside).unwrap(), damaged, "nothing of it is lost");
    }
    assert!(Store::open(&options(&path)).is_ok(), "the new one is good");
}

#[test]
fn what_is_missing_is_not_made_by_a_reader() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.db");
    assert_eq!(OutboxReader::open(&path).err(), Some(OpenError::Io));
    assert!(!path.exists());
}

#[test]
fn a_transaction_that_fails_leaves_nothing() {
    let (_folder, path) = with_database();
    let mut store = Store::open(&options(&path)).unwrap();
    let failed: Result<(), StoreError> = store.transaction(|tx| {
        tx.execute("INSERT INTO meta VALUES ('a', 'b')", [])?;
        Err(StoreError::Io)
    });
    assert_eq!(failed, Err(StoreError::Io));
    let rows = store.transaction(|tx| tx.first("SELECT count(*) FROM meta", [], |row| row.get::<_, u32>(0)));
    assert_eq!(rows, Ok(Some(0)));
}

fn no_database(_: Vec<u8>) -> Vec<u8> {
    b"This is a letter and no database at all.".repeat(100)
}

fn cut_off(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() / 2);
    bytes
}

fn overwritten(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.len().min(8 * 4096);
    bytes[4096..end].fill(0xA5);
    bytes
}

const OTHER_PROCESS: &str = "KEEPLINE_TEST_DATABASE_OF_ANOTHER_PROCESS";

/// What the other process ends with; none of them is what a test program ends with by itself.
const OPENED: i32 = 71;
const IN_USE: i32 = 72;
const FAILED: i32 = 73;

#[test]
fn an_empty_file_is_read_as_what_a_client_makes_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.db");
    fs::write(&path, "").unwrap();
    let reader = OutboxReader::open(&path).unwrap();
    assert!(reader.list(&Filter::default()).unwrap().is_empty() && reader.totals().unwrap().is_empty());
    assert_eq!(fs::metadata(&path).unwrap().len(), 0, "a reader makes nothing of it");
    drop(Store::open(&options(&path)).unwrap());
    // The same reader beside the client that has opened it.
    assert!(reader.list(&Filter::default()).unwrap().is_empty());
}
