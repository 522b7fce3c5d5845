use std::{fmt, io, path::PathBuf};

/// Why the data folder could not be opened. Nothing in it was changed.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it open.
    InUse(PathBuf),
    /// It was written by a newer version of this program.
    NewerSchema {
        /// The schema's number in the file.
        found: u32,
        /// The newest that this version knows.
        known: u32,
    },
    /// The file is damaged, or no SQLite database. It is left as it is: restore a backup, or move it away.
    Corrupt(PathBuf),
    /// The file is a database of another program.
    Foreign(PathBuf),
    /// The folder or a file in it cannot be read or written.
    Io(PathBuf, io::Error),
    /// SQLite cannot work there: no space, no locks, no permission. The text is SQLite's own.
    Unusable(PathBuf, String),
}

impl OpenError {
    /// The stable code, as in `docs/errors.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InUse(_) => "IN_USE",
            Self::NewerSchema { .. } => "STORE_NEWER",
            Self::Corrupt(_) => "STORE_CORRUPT",
            Self::Foreign(_) => "STORE_FOREIGN",
            Self::Io(..) => "STORE_IO",
            Self::Unusable(..) => "STORE_UNUSABLE",
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(path) => write!(f, "{} is in use by another process", path.display()),
            Self::NewerSchema { found, known } => {
                write!(
                    f,
                    "the database has schema {found}, this version knows up to {known}: use a newer server"
                )
            }
            Self::Corrupt(path) => {
                write!(
                    f,
                    "{} is damaged; it was left as it is: restore a backup or move it away",
                    path.display()
                )
            }
            Self::Foreign(path) => write!(f, "{} belongs to another program", path.display()),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Unusable(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for OpenError {}

/// Why a piece of work did not happen. Nothing of it stands.
#[derive(Debug)]
pub(crate) enum StorageError {
    /// The storage was shut down.
    Closed,
    /// The transaction around this work failed, whatever this work did.
    NotCommitted,
    /// SQLite refused.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the storage was shut down"),
            Self::NotCommitted => f.write_str("the transaction failed"),
            Self::Sqlite(error) => write!(f, "SQLite: {error}"),
        }
    }
}

impl std::error::Error for StorageError {}
