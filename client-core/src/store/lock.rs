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
    file: File,
}

impl Drop for Lock {
    /// Closing the file is not enough: a child that is being started anywhere in the process has a copy of the
    /// descriptor until it becomes another program, and with it the lock.
    fn drop(&mut self) {
        // Where the system cannot, closing has to do.
        let _ = self.file.unlock();
    }
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
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse),
            Err(TryLockError::Error(_)) => Err(OpenError::Io),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_was_given_back_is_free_though_a_child_has_a_copy_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("queue.db");
        let lock = Lock::take(&database).unwrap();
        assert!(matches!(Lock::take(&database), Err(OpenError::InUse)));
        let copy = lock.file.try_clone().unwrap();
        drop(lock);
        assert!(Lock::take(&database).is_ok());
        drop(copy);
    }
}
