//! One SQLite file: a writer that commits in groups, a reader beside it.
//!
//! Everything that changes the database is a piece of [`Work`]. The writer takes all pieces that wait into one
//! transaction, runs each in a savepoint, commits once, and only then tells each piece its result. So an answer that
//! left this server stands on a disk, and a burst of actions shares the cost of one sync.
//!
//! Reads run on a connection of their own, each in one transaction, and see what was committed before they began.

mod error;
mod executor;
mod heads;
mod migrations;
mod open;
mod txn;
mod writer;

use std::{fs::File, path::Path, sync::Arc};

pub use error::OpenError;
pub(crate) use error::StorageError;
use executor::{Executor, Worker};
use heads::Heads;
pub(crate) use heads::{LedgerHead, StreamHead};
use keepline_protocol::Epoch;
pub(crate) use open::{create_folder, create_private};
use rusqlite::Connection;
use tokio::sync::oneshot;
pub(crate) use txn::{News, Txn};
pub(crate) use writer::Work;
use writer::Writer;

use crate::{clock::Clock, config::Retention, hub::Fanout};

/// Where the storage does its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StorageMode {
    /// On threads of its own: actions of all connections share commits.
    #[default]
    Thread,
    /// In the task that asks, each piece with a commit of its own. For simulations, which must own every step.
    Inline,
}

pub(crate) struct Storage {
    writer: Executor<Writer>,
    reader: Executor<Reader>,
    epoch: Epoch,
    /// Held while the folder is ours.
    _lock: File,
}

/// What the storage needs to know beside its folder.
pub(crate) struct StorageOptions {
    pub(crate) mode: StorageMode,
    pub(crate) retention: Retention,
    pub(crate) clock: Clock,
    pub(crate) fanout: Arc<Fanout>,
}

impl Storage {
    pub(crate) fn open(folder: &Path, options: StorageOptions) -> Result<Self, OpenError> {
        let opened = open::open(folder)?;
        let reader = Reader { conn: open::open_reader(&opened.path)? };
        let epoch = read_epoch(&opened.writer).map_err(|error| open::sorted(&opened.path, error))?;
        let writer = Writer {
            conn: opened.writer,
            heads: Heads::default(),
            epoch: epoch.clone(),
            retention: options.retention,
            clock: options.clock,
            fanout: options.fanout,
        };
        let io = |error| OpenError::Io(folder.to_owned(), error);
        Ok(Self {
            writer: Executor::start("keepline-writer", options.mode, writer).map_err(io)?,
            reader: Executor::start("keepline-reader", options.mode, reader).map_err(io)?,
            epoch,
            _lock: opened.lock,
        })
    }

    /// The incarnation of this database.
    pub(crate) fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// Hands over a piece of work, which learns its result itself. Pieces of one caller run in order.
    pub(crate) async fn submit(&self, work: Box<dyn Work>) -> Result<(), StorageError> {
        self.writer.submit(work).await
    }

    /// Writes, and answers once that is committed.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Txn<'_>) -> Result<T, StorageError> + Send + 'static,
    {
        let (answer, result) = oneshot::channel();
        self.submit(Box::new(Call { work: Some(work), value: None, answer })).await?;
        result.await.unwrap_or(Err(StorageError::Closed))
    }

    /// Reads in one transaction.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (answer, result) = oneshot::channel();
        self.reader
            .submit(Box::new(move |conn: &Connection| {
                // A caller that went away wants no answer.
                let _ = answer.send(in_transaction(conn, work).map_err(StorageError::from));
            }))
            .await?;
        result.await.unwrap_or(Err(StorageError::Closed))
    }

    /// Finishes what was handed over and closes the file.
    pub(crate) async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

struct Call<T, F> {
    work: Option<F>,
    value: Option<T>,
    answer: oneshot::Sender<Result<T, StorageError>>,
}

impl<T, F> Work for Call<T, F>
where
    T: Send,
    F: FnOnce(&mut Txn<'_>) -> Result<T, StorageError> + Send,
{
    fn run(&mut self, tx: &mut Txn<'_>) -> Result<(), StorageError> {
        let work = self.work.take().ok_or(StorageError::NotCommitted)?;
        self.value = Some(work(tx)?);
        Ok(())
    }

    fn finish(self: Box<Self>, result: Result<(), StorageError>) {
        let Self { value, answer, .. } = *self;
        // A caller that went away wants no answer.
        let _ = answer.send(result.and_then(|()| value.ok_or(StorageError::NotCommitted)));
    }
}

struct Reader {
    conn: Connection,
}

impl Worker for Reader {
    type Item = Box<dyn FnOnce(&Connection) + Send>;

    fn run(&mut self, batch: Vec<Self::Item>) {
        for read in batch {
            read(&self.conn);
        }
    }
}

fn in_transaction<T>(
    conn: &Connection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    conn.prepare_cached("BEGIN")?.execute([])?;
    let value = work(conn);
    conn.prepare_cached("COMMIT")?.execute([])?;
    value
}

fn read_epoch(conn: &Connection) -> rusqlite::Result<Epoch> {
    let text: String =
        conn.query_row("SELECT value FROM about WHERE name = 'epoch'", [], |row| row.get(0))?;
    // Written by the migration that made the file; anything else there is damage.
    Epoch::new(text).map_err(|_| rusqlite::Error::InvalidQuery)
}
