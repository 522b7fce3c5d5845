use std::{
    fmt, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use ring::rand::{SecureRandom, SystemRandom};

use crate::storage::{OpenError, create_folder, create_private};

/// The secret's file in the data folder.
const FILE: &str = "secret";

/// How many random bytes a new secret has; written as hexadecimal digits.
const BYTES: usize = 32;

/// Why there is no secret.
#[derive(Debug)]
#[non_exhaustive]
pub enum SecretError {
    /// The data folder has none.
    Missing(PathBuf),
    /// The data folder cannot be made.
    Folder(OpenError),
    /// The file cannot be read or written.
    Io(PathBuf, io::Error),
    /// The system gives no random bytes.
    NoRandomness,
}

impl SecretError {
    /// The stable code, as in `docs/errors.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "SECRET_MISSING",
            Self::Folder(error) => error.code(),
            Self::Io(..) => "SECRET_IO",
            Self::NoRandomness => "NO_RANDOMNESS",
        }
    }
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(f, "there is no secret in {}", path.display()),
            Self::Folder(error) => error.fmt(f),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::NoRandomness => f.write_str("the system gives no random bytes"),
        }
    }
}

impl std::error::Error for SecretError {}

/// The secret that was made in this data folder.
///
/// # Errors
/// [`SecretError::Missing`] where there is none.
pub fn secret_in(data: &Path) -> Result<String, SecretError> {
    let path = data.join(FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text.trim().to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(SecretError::Io(path, error)),
    };
    if text.is_empty() { Err(SecretError::Missing(data.to_owned())) } else { Ok(text) }
}

/// The secret of this data folder, made the first time. Only its owner can read it.
///
/// # Errors
/// Where the folder or the file cannot be made.
pub fn dev_secret(data: &Path) -> Result<String, SecretError> {
    match secret_in(data) {
        Err(SecretError::Missing(_)) => {}
        found => return found,
    }
    create_folder(data).map_err(SecretError::Folder)?;
    let mut bytes = [0; BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| SecretError::NoRandomness)?;
    let secret: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let path = data.join(FILE);
    let written = create_private(&path).and_then(|mut file| {
        file.write_all(secret.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| SecretError::Io(path, error))?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_once_and_closed_to_others() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(secret_in(folder.path()), Err(SecretError::Missing(_))));
        let secret = dev_secret(folder.path()).unwrap();
        assert_eq!(secret.len(), 64);
        assert_eq!(dev_secret(folder.path()).unwrap(), secret);
        assert_eq!(secret_in(folder.path()).unwrap(), secret);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
