use std::{collections::HashMap, fs, path::Path};

use rusqlite::{Connection, params};

use super::{Found, Passage, files::Listed};
use crate::storage::create_private;

/// The shape of the index. Another one is thrown away and made anew.
const VERSION: i64 = 1;

/// How many tokens a snippet has.
const SNIPPET_TOKENS: i64 = 32;

/// How many characters of a snippet and of a title are given. A token can be a line of base64.
const SNIPPET_CHARS_MAX: usize = 240;
const TITLE_CHARS_MAX: usize = 120;

/// A word in a title says more than one in the text.
const TITLE_WEIGHT: f64 = 4.0;

/// The full-text index.
pub(super) struct Index {
    conn: Connection,
}

/// A file as it was when it was read.
struct Known {
    id: i64,
    modified_ms: i64,
    bytes: u64,
}

impl Known {
    fn is(&self, file: &Listed) -> bool {
        (self.modified_ms, self.bytes) == (file.modified_ms, file.bytes)
    }
}

impl Index {
    /// Opens the file; what is no index of this version is replaced, as it can be made from the documents.
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        match Self::open_once(path) {
            Ok(index) => Ok(index),
            Err(error) => {
                tracing::warn!(%error, "the index of the documents is made anew");
                for suffix in ["", "-wal", "-shm", "-journal"] {
                    let mut file = path.as_os_str().to_owned();
                    file.push(suffix);
                    // A file that is not there, or cannot be removed: the second attempt will tell.
                    let _ = fs::remove_file(file);
                }
                Self::open_once(path)
            }
        }
    }

    fn open_once(path: &Path) -> rusqlite::Result<Self> {
        // Made first for its mode; where that fails, opening it fails with SQLite's reason.
        let _ = create_private(path);
        let conn = Connection::open(path)?;
        conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        conn.pragma_update(None, "synchronous", "OFF")?;
        let version: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version == 0 {
            conn.execute_batch(
                "BEGIN;
                 CREATE TABLE files (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, modified_ms INTEGER NOT NULL, \
                     bytes INTEGER NOT NULL);
                 CREATE VIRTUAL TABLE documents USING fts5 (title, body, tokenize = 'porter unicode61');
                 COMMIT;",
            )?;
            conn.pragma_update(None, "user_version", VERSION)?;
        } else if version != VERSION {
            return Err(rusqlite::Error::InvalidQuery);
        }
        Ok(Self { conn })
    }

    /// Reads what is new or was changed, forgets what is gone. All or nothing.
    pub(super) fn refresh(&mut self, listed: &[Listed], folder: &Path) -> rusqlite::Result<()> {
        let mut known = self.known()?;
        let tx = self.conn.transaction()?;
        let mut read = 0_u32;
        for file in listed {
            let before = known.remove(&file.path);
            if before.as_ref().is_some_and(|known| known.is(file)) {
                continue;
            }
            if let Some(known) = before {
                forget(&tx, known.id)?;
            }
            // What is not UTF-8 is no text of ours; it is remembered, so that it is not read each time.
            let body = fs::read_to_string(folder.join(&file.path)).unwrap_or_default();
            remember(&tx, file, &body)?;
            read += 1;
        }
        let gone = known.len();
        for known in known.into_values() {
            forget(&tx, known.id)?;
        }
        tx.commit()?;
        if read > 0 || gone > 0 {
            tracing::info!(read, gone, files = listed.len(), "documents indexed");
        }
        Ok(())
    }

    /// The documents that match, best first.
    pub(super) fn search(&self, query: &str, limit: u32) -> rusqlite::Result<Vec<Found>> {
        let mut select = self.conn.prepare_cached(
            "SELECT title, snippet(documents, 1, '', '', ' … ', ?3), path, bm25(documents, ?4, 1.0) AS rank \
             FROM documents JOIN files ON files.id = documents.rowid \
             WHERE documents MATCH ?1 ORDER BY rank, path LIMIT ?2",
        )?;
        let rows = select.query_map(params![query, limit, SNIPPET_TOKENS, TITLE_WEIGHT], |row| {
            let passage = Passage {
                title: row.get(0)?,
                text: short(&row.get::<_, String>(1)?, SNIPPET_CHARS_MAX),
                source: row.get(2)?,
            };
            // SQLite's rank is the smaller the better.
            Ok(Found { passage, score: -row.get::<_, f64>(3)? })
        })?;
        rows.collect()
    }

    fn known(&self) -> rusqlite::Result<HashMap<String, Known>> {
        let mut select = self.conn.prepare_cached("SELECT path, id, modified_ms, bytes FROM files")?;
        let rows = select.query_map([], |row| {
            Ok((row.get(0)?, Known { id: row.get(1)?, modified_ms: row.get(2)?, bytes: row.get(3)? }))
        })?;
        rows.collect()
    }
}

fn remember(conn: &Connection, file: &Listed, body: &str) -> rusqlite::Result<()> {
    conn.prepare_cached("INSERT INTO files (path, modified_ms, bytes) VALUES (?1, ?2, ?3)")?
        .execute(params![file.path, file.modified_ms, file.bytes])?;
    conn.prepare_cached("INSERT INTO documents (rowid, title, body) VALUES (?1, ?2, ?3)")?
        .execute(params![conn.last_insert_rowid(), title(&file.path, body), body])?;
    Ok(())
}

fn forget(conn: &Connection, id: i64) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM documents WHERE rowid = ?1")?.execute([id])?;
    conn.prepare_cached("DELETE FROM files WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// The first heading of a Markdown document, else the file's name.
fn title(path: &str, body: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let markdown = [".md", ".mdx", ".markdown"].iter().any(|end| name.ends_with(end));
    let heading = body.lines().find_map(|line| line.strip_prefix("# ")).filter(|_| markdown);
    short(heading.unwrap_or(name), TITLE_CHARS_MAX)
}

/// On one line and not too long.
fn short(text: &str, chars_max: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::files, *};

    fn corpus() -> (tempfile::TempDir, Index) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("one.md"), "# Tides\n\nThe moon pulls the sea.").unwrap();
        fs::create_dir(folder.path().join("deep")).unwrap();
        fs::write(folder.path().join("deep/two.txt"), "The sea is deep and the moon is far.\r\nmoon")
            .unwrap();
        fs::write(folder.path().join("photo.png"), "moon").unwrap();
        fs::write(folder.path().join(".hidden.md"), "moon").unwrap();
        let index = Index::open(&folder.path().join("index.db")).unwrap();
        (folder, index)
    }

    fn sources(index: &Index, query: &str) -> Vec<String> {
        index.search(query, 10).unwrap().into_iter().map(|found| found.passage.source).collect()
    }

    #[test]
    fn finds_text_files_and_ranks_them() {
        let (folder, mut index) = corpus();
        index.refresh(&files::list(folder.path()), folder.path()).unwrap();
        let mut found = sources(&index, "\"moon\"");
        found.sort();
        assert_eq!(found, ["deep/two.txt", "one.md"]);
        let best = index.search("\"tides\"", 10).unwrap();
        assert_eq!(best[0].passage.title, "Tides");
        assert!(best[0].score > 0.0);
        assert_eq!(best[0].passage.text, "# Tides The moon pulls the sea.");
    }

    #[test]
    fn follows_the_folder() {
        let (folder, mut index) = corpus();
        index.refresh(&files::list(folder.path()), folder.path()).unwrap();
        fs::write(folder.path().join("one.md"), "# Winds\n\nNothing of that kind any more.").unwrap();
        fs::remove_file(folder.path().join("deep/two.txt")).unwrap();
        fs::write(folder.path().join("three.rs"), "// the moon again").unwrap();
        index.refresh(&files::list(folder.path()), folder.path()).unwrap();
        assert_eq!(sources(&index, "\"moon\""), ["three.rs"]);
        assert_eq!(sources(&index, "\"winds\""), ["one.md"]);
    }

    #[test]
    fn a_broken_index_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.db");
        fs::write(&path, vec![b'x'; 4096]).unwrap();
        let index = Index::open(&path).unwrap();
        assert!(sources(&index, "\"moon\"").is_empty());
    }

    #[test]
    fn too_large_files_and_links_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("large.txt"), "x".repeat(1024 * 1024 + 1)).unwrap();
        fs::write(folder.path().join("edge.txt"), "x".repeat(1024 * 1024)).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("/etc/hosts", folder.path().join("link.txt")).unwrap();
        let listed: Vec<String> = files::list(folder.path()).into_iter().map(|file| file.path).collect();
        assert_eq!(listed, ["edge.txt"]);
    }
}
