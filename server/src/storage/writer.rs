use std::sync::Arc;

use keepline_protocol::Epoch;
use rusqlite::Connection;

use super::{
    StorageError,
    executor::Worker,
    heads::Heads,
    txn::{News, Txn, run},
};
use crate::{clock::Clock, config::Retention, hub::Fanout, ledger, log};

/// One piece of work in a write transaction.
pub(crate) trait Work: Send {
    /// Runs inside a savepoint of its own; an error rolls it back.
    fn run(&mut self, tx: &mut Txn<'_>) -> Result<(), StorageError>;

    /// Told once: after the commit, or when it is known that nothing of it stands.
    fn finish(self: Box<Self>, result: Result<(), StorageError>);
}

/// The one connection that writes.
pub(super) struct Writer {
    pub(super) conn: Connection,
    pub(super) heads: Heads,
    pub(super) epoch: Epoch,
    pub(super) retention: Retention,
    pub(super) clock: Clock,
    pub(super) fanout: Arc<Fanout>,
}

type Piece = (Box<dyn Work>, Result<(), StorageError>);

impl Worker for Writer {
    type Item = Box<dyn Work>;

    /// Group commit: a savepoint each, one commit, then the answers.
    fn run(&mut self, batch: Vec<Self::Item>) {
        let mut pieces: Vec<Piece> = batch.into_iter().map(|work| (work, Ok(()))).collect();
        match self.write(&mut pieces) {
            Ok(news) => {
                self.heads.settle();
                self.fanout.publish(news);
                for (work, result) in pieces {
                    work.finish(result);
                }
            }
            Err(error) => self.fail(pieces, &error),
        }
    }

    #[cfg(feature = "planted")]
    fn catch_up(&mut self) {
        if !self.conn.is_autocommit()
            && let Err(error) = run(&self.conn, "COMMIT")
        {
            tracing::error!(%error, "a planted fault could not commit");
        }
    }
}

impl Writer {
    fn write(&mut self, pieces: &mut [Piece]) -> rusqlite::Result<Vec<News>> {
        #[cfg(feature = "planted")]
        self.catch_up();
        run(&self.conn, "BEGIN IMMEDIATE")?;
        let mut tx = Txn {
            conn: &self.conn,
            heads: &mut self.heads,
            epoch: &self.epoch,
            retention: &self.retention,
            now_ms: self.clock.now_ms(),
            news: Vec::new(),
            announced: 0,
        };
        for (work, result) in pieces.iter_mut() {
            tx.begin_piece()?;
            *result = work.run(&mut tx);
            if result.is_err() {
                // Some errors (disk full, I/O) end the whole transaction; then this fails and so does the batch.
                tx.take_back()?;
            }
            tx.end_piece()?;
        }
        tx.heads.mark();
        ledger::write_heads(&mut tx)?;
        log::write_heads(&mut tx)?;
        let news = std::mem::take(&mut tx.news);
        #[cfg(feature = "planted")]
        if crate::planted::is(crate::planted::Planted::AckBeforeCommit) {
            return Ok(news);
        }
        run(&self.conn, "COMMIT")?;
        Ok(news)
    }

    fn fail(&mut self, pieces: Vec<Piece>, error: &rusqlite::Error) {
        tracing::error!(%error, pieces = pieces.len(), "a transaction failed");
        if !self.conn.is_autocommit()
            && let Err(error) = run(&self.conn, "ROLLBACK")
        {
            tracing::error!(%error, "rolling it back failed too");
        }
        self.heads.forget();
        for (work, result) in pieces {
            work.finish(result.and(Err(StorageError::NotCommitted)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::Mutex,
        time::{Duration, UNIX_EPOCH},
    };

    use keepline_protocol::Payload;

    use super::*;
    use crate::{
        ids::{Owner, StreamId},
        owners,
        storage::open,
    };

    type Results = Arc<Mutex<Vec<(u32, bool)>>>;

    /// Appends events, fails if it is to, and notes how it ended.
    struct Piece {
        number: u32,
        stream: StreamId,
        text: String,
        fails: bool,
        results: Results,
    }

    impl Work for Piece {
        fn run(&mut self, tx: &mut Txn<'_>) -> Result<(), StorageError> {
            log::append(tx, self.stream, "x:v1", Payload::new(&self.text).unwrap())?;
            if self.fails { Err(StorageError::NotCommitted) } else { Ok(()) }
        }

        fn finish(self: Box<Self>, result: Result<(), StorageError>) {
            self.results.lock().unwrap().push((self.number, result.is_ok()));
        }
    }

    struct Bench {
        writer: Writer,
        stream: StreamId,
        results: Results,
        _opened: (std::fs::File, tempfile::TempDir),
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let opened = open::open(folder.path()).unwrap();
            let mut writer = Writer {
                conn: opened.writer,
                heads: Heads::default(),
                epoch: Epoch::new("e").unwrap(),
                retention: Retention::default(),
                clock: Clock::new(|| UNIX_EPOCH + Duration::from_secs(1)),
                fanout: Arc::default(),
            };
            let (answer, mut known) = tokio::sync::oneshot::channel();
            let work = |tx: &mut Txn<'_>| owners::find_or_create(tx, &Owner::subject("alice"));
            writer.run(vec![Box::new(crate::storage::Call { work: Some(work), value: None, answer })]);
            let stream = known.try_recv().unwrap().unwrap().user_stream;
            Self { writer, stream, results: Results::default(), _opened: (opened.lock, folder) }
        }

        fn piece(&self, number: u32, text: impl Into<String>, fails: bool) -> Box<dyn Work> {
            let (stream, results) = (self.stream, self.results.clone());
            Box::new(Piece { number, stream, text: text.into(), fails, results })
        }

        /// What the pieces of this batch came to, and the texts that are in the log now.
        fn run(&mut self, batch: Vec<Box<dyn Work>>) -> (Vec<(u32, bool)>, Vec<String>) {
            self.writer.run(batch);
            let results = std::mem::take(&mut *self.results.lock().unwrap());
            let mut select =
                self.writer.conn.prepare("SELECT offset, payload FROM events ORDER BY offset").unwrap();
            let rows =
                select.query_map([], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, String>(1)?))).unwrap();
            let rows: Vec<(u64, String)> = rows.map(Result::unwrap).collect();
            assert!(rows.iter().enumerate().all(|(at, row)| row.0 == at as u64 + 1), "no hole");
            (results, rows.into_iter().map(|row| row.1.trim_matches('"').to_owned()).collect())
        }
    }

    #[test]
    fn a_failing_piece_takes_nobody_with_it() {
        let mut bench = Bench::new();
        let batch = vec![bench.piece(1, "a", false), bench.piece(2, "b", true), bench.piece(3, "c", false)];
        let (results, texts) = bench.run(batch);
        assert_eq!(results, [(1, true), (2, false), (3, true)]);
        assert_eq!(texts, ["a", "c"]);
        let batch = vec![bench.piece(4, "d", false)];
        assert_eq!(bench.run(batch).1, ["a", "c", "d"]);
    }

    #[test]
    fn a_full_disk_fails_what_does_not_fit_and_loses_nothing() {
        let mut bench = Bench::new();
        let batch = vec![bench.piece(1, "a", false)];
        bench.run(batch);
        let pages: i64 = bench.writer.conn.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        let quota = |bench: &Bench, pages: i64| {
            let sql = format!("PRAGMA max_page_count = {pages}");
            bench.writer.conn.query_row(&sql, [], |_| Ok(())).unwrap();
        };
        quota(&bench, pages + 2);
        let batch = vec![bench.piece(2, "b", false), bench.piece(3, "x".repeat(60_000), false)];
        let (results, texts) = bench.run(batch);
        assert_eq!(results.last(), Some(&(3, false)));
        // Whatever was said to stand does, and nothing else.
        let expected: &[&str] = if results[0].1 { &["a", "b"] } else { &["a"] };
        assert_eq!(texts, expected);
        quota(&bench, 1_000_000);
        let batch = vec![bench.piece(4, "c", false)];
        let (results, texts) = bench.run(batch);
        assert_eq!(results, [(4, true)]);
        assert_eq!(texts.last().map(String::as_str), Some("c"));
    }

    #[test]
    fn a_commit_that_fails_is_told_to_every_piece() {
        let mut bench = Bench::new();
        // Another program holds the file's write lock for longer than this connection waits.
        bench.writer.conn.busy_timeout(Duration::ZERO).unwrap();
        let other = Connection::open(bench.writer.conn.path().unwrap()).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let batch = vec![bench.piece(1, "a", false), bench.piece(2, "b", false)];
        assert_eq!(bench.run(batch), (vec![(1, false), (2, false)], Vec::new()));
        other.execute_batch("ROLLBACK").unwrap();
        let batch = vec![bench.piece(3, "c", false)];
        assert_eq!(bench.run(batch), (vec![(3, true)], vec!["c".to_owned()]));
    }
}
