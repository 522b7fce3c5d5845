use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
};

use crate::error::OpenError;

/// The lock file beside the database: one process opens a database, another gets `InUse`.
///
/// It is a file of its own, because closing any descriptor of a file drops the process's POSIX locks on it, which
/// SQLite stands on.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    pub(super) fn take(database: &Path) -> Result<Self, OpenError> {
        let mut path = database.as_os_str().to_owned();
        path.push(".lock");
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(super::open::io_error)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse),
            Err(TryLockError::Error(_)) => Err(OpenError::Io),
        }
    }
}
