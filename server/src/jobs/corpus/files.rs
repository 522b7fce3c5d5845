use std::{fs, path::Path, time::UNIX_EPOCH};

/// The largest file that is read, in bytes. What is larger is data more often than text.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// How many files one corpus has at most; further ones are left out, and a line in the log says so.
const FILES_MAX: usize = 50_000;

/// How deep folders are followed.
const DEPTH_MAX: usize = 24;

/// Folders that hold what tools made.
const SKIPPED: &[&str] = &["node_modules", "target", "build", "dist", "__pycache__", "venv"];

/// What is read as text.
const EXTENSIONS: &[&str] = &[
    "adoc", "c", "cc", "cfg", "conf", "cpp", "cs", "css", "csv", "go", "h", "hpp", "htm", "html", "ini",
    "java", "js", "json", "jsx", "kt", "kts", "log", "lua", "m", "markdown", "md", "mdx", "org", "php", "pl",
    "proto", "py", "rb", "rs", "rst", "scala", "sh", "sql", "swift", "tex", "toml", "ts", "tsx", "txt",
    "xml", "yaml", "yml",
];

/// Names without an extension that are text as well.
const NAMES: &[&str] =
    &["CHANGELOG", "CONTRIBUTING", "COPYING", "LICENSE", "Makefile", "NOTES", "README", "TODO"];

/// A file of the corpus as the folder shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// Relative to the folder, with forward slashes.
    pub(super) path: String,
    pub(super) modified_ms: i64,
    pub(super) bytes: u64,
}

/// The text files of a folder, by path. What cannot be read is left out. Links are not followed: they may lead out
/// of the folder.
pub(super) fn list(folder: &Path) -> Vec<Listed> {
    let mut found = Vec::new();
    let mut open = vec![(folder.to_owned(), String::new(), 0)];
    while let Some((path, prefix, depth)) = open.pop() {
        let Ok(entries) = fs::read_dir(&path) else {
            tracing::warn!(folder = ?path, "cannot read a folder of the corpus");
            continue;
        };
        for entry in entries.flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let Ok(kind) = entry.file_type() else { continue };
            let relative = format!("{prefix}{name}");
            if name.starts_with('.') {
                continue;
            }
            if kind.is_dir() && depth < DEPTH_MAX && !SKIPPED.contains(&name.as_str()) {
                open.push((entry.path(), format!("{relative}/"), depth + 1));
            } else if kind.is_file() && is_text(&name) {
                found.extend(entry.metadata().ok().and_then(|data| listed(relative, &data)));
            }
        }
    }
    found.sort_by(|one, two| one.path.cmp(&two.path));
    if found.len() > FILES_MAX {
        tracing::warn!(files = found.len(), kept = FILES_MAX, "the corpus is larger than what is searched");
        found.truncate(FILES_MAX);
    }
    found
}

fn is_text(name: &str) -> bool {
    match name.rsplit_once('.') {
        Some((_, extension)) => EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str()),
        None => NAMES.contains(&name),
    }
}

fn listed(path: String, data: &fs::Metadata) -> Option<Listed> {
    let since = data.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let modified_ms = i64::try_from(since.as_millis()).ok()?;
    (data.len() <= FILE_BYTES_MAX).then_some(Listed { path, modified_ms, bytes: data.len() })
}
