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
}

impl Writer {
    fn write(&mut self, pieces: &mut [Piece]) -> rusqlite::Result<Vec<News>> {
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
