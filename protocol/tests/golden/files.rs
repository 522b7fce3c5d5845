use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// The golden file of one type: `golden/types/<type>.json`.
#[derive(Deserialize)]
pub(crate) struct Examples {
    #[serde(rename = "type")]
    pub(crate) name: String,
    /// Read and written back unchanged.
    pub(crate) examples: Vec<Value>,
    /// Read, but written in another way: what other peers may send.
    #[serde(default)]
    pub(crate) reads: Vec<Read>,
}

#[derive(Deserialize)]
pub(crate) struct Read {
    pub(crate) wire: Value,
    pub(crate) same_as: Value,
}

/// The golden file of one name: `golden/actions/<name with dots>.json` or `golden/events/…`.
#[derive(Deserialize)]
pub(crate) struct Word {
    pub(crate) name: String,
    pub(crate) payload: Examples,
    /// Actions only.
    pub(crate) reply: Option<Examples>,
}

/// Every file of a golden folder, read; with its path for the report of a failure.
pub(crate) fn folder<T: DeserializeOwned>(name: &str) -> Vec<(PathBuf, T)> {
    let entries = fs::read_dir(golden().join(name)).expect("the golden folder is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no golden files in {name}");
    paths.into_iter().map(|path| (path.clone(), read(&path))).collect()
}

pub(crate) fn file<T: DeserializeOwned>(name: &str) -> T {
    read(&golden().join(name))
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn golden() -> PathBuf {
    crate_folder().join("golden")
}

pub(crate) fn crate_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
