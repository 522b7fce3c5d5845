use std::sync::Arc;

use keepline_protocol::Epoch;
use rusqlite::Connection;

use super::heads::Heads;
use crate::{
    config::Retention,
    hub::{Ephemeral, LiveEvent},
    ids::{OwnerId, StreamId},
};

/// One open write transaction, as the work in it sees it.
pub(crate) struct Txn<'a> {
    pub(crate) conn: &'a Connection,
    pub(crate) heads: &'a mut Heads,
    pub(crate) epoch: &'a Epoch,
    pub(crate) retention: &'a Retention,
    pub(crate) now_ms: i64,
    pub(super) news: Vec<News>,
    /// Where the news stood when the piece of work that runs began.
    pub(super) announced: usize,
}

/// What the world may hear once the transaction is committed.
pub(crate) enum News {
    /// An event was appended to a log.
    Event(Arc<LiveEvent>),
    /// A stream was removed with its log.
    Removed(StreamId),
    /// Something that no log keeps.
    Ephemeral(OwnerId, Arc<Ephemeral>),
    /// A job waits for a worker.
    JobQueued,
}

impl Txn<'_> {
    /// Tells the world after the commit; forgotten when the work is rolled back.
    pub(crate) fn announce(&mut self, news: News) {
        self.news.push(news);
    }

    /// Takes back everything that this piece of work did so far; it may go on afterwards.
    pub(crate) fn take_back(&mut self) -> rusqlite::Result<()> {
        self.news.truncate(self.announced);
        self.heads.undo();
        run(self.conn, "ROLLBACK TO piece")
    }

    pub(super) fn begin_piece(&mut self) -> rusqlite::Result<()> {
        run(self.conn, "SAVEPOINT piece")?;
        self.heads.mark();
        self.announced = self.news.len();
        Ok(())
    }

    pub(super) fn end_piece(&mut self) -> rusqlite::Result<()> {
        run(self.conn, "RELEASE piece")
    }
}

pub(super) fn run(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(|_| ())
}
