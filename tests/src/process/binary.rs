use std::{
    env, fmt,
    path::{Path, PathBuf},
};

/// The path of a binary of the workspace.
///
/// # Errors
/// [`BinaryMissing`] where it has not been built.
pub fn binary(name: &str) -> Result<PathBuf, BinaryMissing> {
    let path = binary_dir().join(name);
    if path.is_file() { Ok(path) } else { Err(BinaryMissing { path }) }
}

/// Where the workspace's binaries are: `KEEPLINE_BIN_DIR`, else beside the running test.
pub fn binary_dir() -> PathBuf {
    env::var_os("KEEPLINE_BIN_DIR")
        .map_or_else(|| beside(&env::current_exe().unwrap_or_default()), PathBuf::from)
}

/// A test's executable lies in `deps`, one below the binaries; a binary lies with them.
fn beside(exe: &Path) -> PathBuf {
    let dir = exe.parent().unwrap_or(Path::new("."));
    let dir = if dir.ends_with("deps") { dir.parent().unwrap_or(dir) } else { dir };
    dir.to_owned()
}

/// A binary that a test needs was not built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinaryMissing {
    /// Where it should be.
    pub path: PathBuf,
}

impl fmt::Display for BinaryMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        write!(
            f,
            "{path} does not exist: run `cargo build --workspace --bins` first, or set KEEPLINE_BIN_DIR"
        )
    }
}

impl std::error::Error for BinaryMissing {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binaries_lie_beside_the_test() {
        assert_eq!(beside(Path::new("/t/debug/deps/some-0123")), Path::new("/t/debug"));
        assert_eq!(beside(Path::new("/t/release/cut-proxy")), Path::new("/t/release"));
    }

    #[test]
    fn a_missing_binary_says_where_it_should_be() {
        let missing = binary("no-such-binary").unwrap_err();
        assert!(missing.path.ends_with("no-such-binary"));
    }
}
