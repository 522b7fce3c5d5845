//! Event streams: append, page, trim, and whether a client's cursor lies in a stream's history.
//!
//! Offsets run from 1 without a hole. `trimmed` is the newest offset that was removed, its tag is kept, and so a
//! client that stands exactly there continues.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use keepline_protocol::{Epoch, Payload, ResetReason, Stream, StreamCursor, Tag};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    hub::{EncodedOnce, LiveEvent},
    ids::{OwnerId, StreamId},
    storage::{News, StorageError, StreamHead, Txn},
    tag_column::tag,
};

/// How many bytes of payload one page has at most: half of a connection's send queue. One event always fits.
pub(crate) const PAGE_BYTES_MAX: usize = 256 * 1024;

/// A stream as it stands.
#[derive(Debug, Clone)]
pub(crate) struct StreamRow {
    pub(crate) id: StreamId,
    pub(crate) head: u64,
    pub(crate) tag: Tag,
    pub(crate) trimmed: u64,
    pub(crate) trimmed_tag: Tag,
}

/// Makes an empty stream.
pub(crate) fn create(tx: &mut Txn<'_>, owner: OwnerId, stream: &Stream) -> Result<StreamId, StorageError> {
    tx.conn
        .prepare_cached(
            "INSERT INTO streams (owner, name, head, tag, trimmed, trimmed_tag) VALUES (?1, ?2, 0, ?3, 0, ?3)",
        )?
        .execute(params![owner, stream.to_string(), Tag::START.to_bytes()])?;
    Ok(StreamId(tx.conn.last_insert_rowid()))
}

/// Looks an owner's stream up, as it was committed last.
pub(crate) fn find(
    conn: &Connection,
    owner: OwnerId,
    stream: &Stream,
) -> rusqlite::Result<Option<StreamRow>> {
    conn.prepare_cached(
        "SELECT id, head, tag, trimmed, trimmed_tag FROM streams WHERE owner = ?1 AND name = ?2",
    )?
    .query_row(params![owner, stream.to_string()], |row| {
        Ok(StreamRow {
            id: row.get(0)?,
            head: row.get(1)?,
            tag: tag(row, 2)?,
            trimmed: row.get(3)?,
            trimmed_tag: tag(row, 4)?,
        })
    })
    .optional()
}

/// Appends an event and gives its offset.
pub(crate) fn append(
    tx: &mut Txn<'_>,
    id: StreamId,
    name: &str,
    payload: Payload,
) -> Result<u64, StorageError> {
    let mut head = head(tx, id)?;
    head.head += 1;
    head.tag = head.tag.next(name.as_bytes(), payload.as_str().as_bytes());
    tx.conn
        .prepare_cached(
            "INSERT INTO events (stream, offset, name, payload, tag, at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![id, head.head, name, payload.as_str(), head.tag.to_bytes(), tx.now_ms])?;
    tx.announce(News::Event(Arc::new(LiveEvent {
        id,
        stream: head.stream.clone(),
        epoch: tx.epoch.clone(),
        offset: head.head,
        tag: head.tag,
        name: name.into(),
        payload,
        at_ms: tx.now_ms,
        frames: EncodedOnce::default(),
    })));
    let offset = head.head;
    tx.heads.streams.change(id, head);
    Ok(offset)
}

/// Where a stream stands within the open transaction.
pub(crate) fn head(tx: &mut Txn<'_>, id: StreamId) -> Result<StreamHead, StorageError> {
    if let Some(head) = tx.heads.streams.find(id) {
        return Ok(head.clone());
    }
    let head = tx
        .conn
        .prepare_cached("SELECT name, head, tag, trimmed, trimmed_tag FROM streams WHERE id = ?1")?
        .query_row(params![id], |row| {
            let name: String = row.get(0)?;
            let stream = name.parse().map_err(|_| rusqlite::Error::InvalidQuery)?;
            Ok(StreamHead {
                stream: Arc::new(stream),
                head: row.get(1)?,
                tag: tag(row, 2)?,
                trimmed: row.get(3)?,
                trimmed_tag: tag(row, 4)?,
            })
        })?;
    tx.heads.streams.learn(id, head.clone());
    Ok(head)
}

/// Writes the changed heads, and trims what has grown beyond its number. Before each commit.
pub(crate) fn write_heads(tx: &mut Txn<'_>) -> rusqlite::Result<()> {
    for (id, mut head) in tx.heads.streams.take_dirty() {
        let kept = match *head.stream {
            Stream::User => tx.retention.user_log_max,
            Stream::Job(_) => tx.retention.job_log_max,
        };
        let cut = head.head.saturating_sub(kept);
        if cut > head.trimmed {
            head.trimmed_tag = tag_at(tx.conn, id, cut)?.unwrap_or(head.trimmed_tag);
            head.trimmed = cut;
            remove_until(tx.conn, id, cut)?;
            tx.heads.streams.learn(id, head.clone());
        }
        write_head(tx.conn, id, &head)?;
    }
    Ok(())
}

/// Removes a user stream's events that are too old, at most `rows` of them. Gives how many went.
pub(crate) fn trim_by_age(
    tx: &mut Txn<'_>,
    id: StreamId,
    age: Duration,
    rows: u32,
) -> Result<u64, StorageError> {
    let before = tx.now_ms.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
    let mut head = head(tx, id)?;
    let mut cut = None;
    {
        let mut oldest = tx.conn.prepare_cached(
            "SELECT offset, tag, at_ms FROM events WHERE stream = ?1 ORDER BY offset LIMIT ?2",
        )?;
        let mut events = oldest.query(params![id, rows])?;
        while let Some(row) = events.next()? {
            if row.get::<_, i64>(2)? >= before {
                break;
            }
            cut = Some((row.get::<_, u64>(0)?, tag(row, 1)?));
        }
    }
    let Some((offset, tag)) = cut else { return Ok(0) };
    let removed = offset - head.trimmed;
    (head.trimmed, head.trimmed_tag) = (offset, tag);
    remove_until(tx.conn, id, offset)?;
    write_head(tx.conn, id, &head)?;
    tx.heads.streams.change(id, head);
    Ok(removed)
}

/// Removes a stream with all of its events. Its watchers are let go after the commit.
pub(crate) fn remove(tx: &mut Txn<'_>, id: StreamId) -> Result<(), StorageError> {
    tx.conn.prepare_cached("DELETE FROM events WHERE stream = ?1")?.execute(params![id])?;
    tx.conn.prepare_cached("DELETE FROM streams WHERE id = ?1")?.execute(params![id])?;
    tx.heads.streams.remove(id);
    tx.announce(News::Removed(id));
    Ok(())
}

/// Why the stream cannot continue at the cursor; `None` where it can.
pub(crate) fn broken(
    conn: &Connection,
    row: &StreamRow,
    epoch: &Epoch,
    cursor: &StreamCursor,
) -> rusqlite::Result<Option<ResetReason>> {
    if cursor.epoch != *epoch {
        return Ok(Some(ResetReason::EpochChanged));
    }
    if cursor.offset > row.head {
        return Ok(Some(ResetReason::Ahead));
    }
    if cursor.offset < row.trimmed {
        return Ok(Some(ResetReason::Trimmed));
    }
    let Some(theirs) = cursor.tag.filter(|_| cursor.offset > 0) else { return Ok(None) };
    let ours = if cursor.offset == row.head {
        Some(row.tag)
    } else if cursor.offset == row.trimmed {
        Some(row.trimmed_tag)
    } else {
        tag_at(conn, row.id, cursor.offset)?
    };
    // Another history under the same epoch: the server was restored and went on differently.
    Ok((ours != Some(theirs)).then_some(ResetReason::EpochChanged))
}

/// Gives the events of a page to `take`, in their order, until it has enough. One event always belongs to a page, more
/// while they have no more than [`PAGE_BYTES_MAX`].
pub(crate) fn page(
    conn: &Connection,
    place: Place,
    mut take: impl FnMut(Entry<'_>) -> ControlFlow<()>,
) -> rusqlite::Result<()> {
    let mut select = conn.prepare_cached(
        "SELECT offset, name, payload, tag, at_ms FROM events WHERE stream = ?1 AND offset > ?2 \
         ORDER BY offset LIMIT ?3",
    )?;
    let mut rows = select.query(params![place.id, place.after, place.limit])?;
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let payload = row.get_ref(2)?.as_str()?;
        let is_first = bytes == 0;
        bytes += payload.len();
        if bytes > PAGE_BYTES_MAX && !is_first {
            break;
        }
        let (offset, tag, at_ms) = (row.get(0)?, tag(row, 3)?, row.get(4)?);
        if take(Entry { offset, tag, name: row.get_ref(1)?.as_str()?, payload, at_ms }).is_break() {
            break;
        }
    }
    Ok(())
}

/// Where a page begins, and how many events it has at most.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) id: StreamId,
    pub(crate) after: u64,
    pub(crate) limit: u32,
}

/// An event as it stands in the log. What stands there was made by [`append`]: its payload is JSON.
pub(crate) struct Entry<'a> {
    pub(crate) offset: u64,
    pub(crate) tag: Tag,
    pub(crate) name: &'a str,
    pub(crate) payload: &'a str,
    pub(crate) at_ms: i64,
}

fn tag_at(conn: &Connection, id: StreamId, offset: u64) -> rusqlite::Result<Option<Tag>> {
    conn.prepare_cached("SELECT tag FROM events WHERE stream = ?1 AND offset = ?2")?
        .query_row(params![id, offset], |row| tag(row, 0))
        .optional()
}

fn remove_until(conn: &Connection, id: StreamId, offset: u64) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM events WHERE stream = ?1 AND offset <= ?2")?
        .execute(params![id, offset])?;
    Ok(())
}

fn write_head(conn: &Connection, id: StreamId, head: &StreamHead) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "UPDATE streams SET head = ?2, tag = ?3, trimmed = ?4, trimmed_tag = ?5 WHERE id = ?1",
    )?
    .execute(params![id, head.head, head.tag.to_bytes(), head.trimmed, head.trimmed_tag.to_bytes()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Clock,
        config::Retention,
        hub::Fanout,
        ids::Owner,
        owners,
        storage::{Storage, StorageMode, StorageOptions},
    };

    fn storage(folder: &tempfile::TempDir, mode: StorageMode, job_log_max: u64) -> Storage {
        let options = StorageOptions {
            mode,
            retention: Retention { job_log_max, ..Retention::default() },
            clock: Clock::new(|| std::time::UNIX_EPOCH),
            fanout: Arc::new(Fanout::default()),
        };
        Storage::open(folder.path(), options).unwrap()
    }

    async fn append_all(storage: &Storage, id: StreamId, count: usize, bytes: usize) {
        let work = move |tx: &mut Txn<'_>| {
            let payload = Payload::parse(format!("\"{}\"", "x".repeat(bytes - 2))).unwrap();
            (0..count).try_for_each(|_| append(tx, id, "tick", payload.clone()).map(drop))
        };
        storage.write(work).await.unwrap();
    }

    async fn job(storage: &Storage) -> StreamId {
        let work = |tx: &mut Txn<'_>| {
            let owner = owners::find_or_create(tx, &Owner::subject("alice"))?.id;
            create(tx, owner, &Stream::job("1"))
        };
        storage.write(work).await.unwrap()
    }

    async fn offsets(storage: &Storage, place: Place) -> Vec<u64> {
        let read = move |conn: &Connection| {
            let mut offsets = Vec::new();
            page(conn, place, |entry| {
                offsets.push(entry.offset);
                ControlFlow::Continue(())
            })?;
            Ok(offsets)
        };
        storage.read(read).await.unwrap()
    }

    #[tokio::test]
    async fn a_page_has_its_limits() {
        let folder = tempfile::tempdir().unwrap();
        let storage = storage(&folder, StorageMode::Inline, 1_000);
        let id = job(&storage).await;
        append_all(&storage, id, 5, PAGE_BYTES_MAX / 4).await;
        let place = Place { id, after: 0, limit: 500 };
        assert_eq!(offsets(&storage, place).await, [1, 2, 3, 4], "as many bytes as there may be");
        assert_eq!(offsets(&storage, Place { after: 4, ..place }).await, [5]);
        assert_eq!(offsets(&storage, Place { after: 5, ..place }).await, [0; 0]);
        assert_eq!(offsets(&storage, Place { after: 1, limit: 2, ..place }).await, [2, 3]);
        append_all(&storage, id, 1, PAGE_BYTES_MAX / 4 + 1).await;
        append_all(&storage, id, 3, PAGE_BYTES_MAX / 4).await;
        assert_eq!(offsets(&storage, Place { after: 5, ..place }).await, [6, 7, 8], "one byte more");
        append_all(&storage, id, 2, PAGE_BYTES_MAX + 1).await;
        assert_eq!(offsets(&storage, Place { after: 9, ..place }).await, [10], "one event always fits");
    }

    #[tokio::test]
    async fn a_log_that_is_trimmed_while_it_is_read_gives_the_page_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let storage = storage(&folder, StorageMode::Thread, 100);
        let id = job(&storage).await;
        append_all(&storage, id, 100, 10).await;
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let (trimmed, is_trimmed) = std::sync::mpsc::channel();
        let read = move |conn: &Connection| {
            let mut begun = Some(begun);
            let mut offsets = Vec::new();
            page(conn, Place { id, after: 0, limit: 500 }, |entry| {
                if let Some(begun) = begun.take() {
                    begun.send(()).unwrap();
                    is_trimmed.recv().unwrap();
                }
                offsets.push(entry.offset);
                ControlFlow::Continue(())
            })?;
            Ok(offsets)
        };
        let trim = async {
            has_begun.await.unwrap();
            append_all(&storage, id, 90, 10).await;
            trimmed.send(()).unwrap();
        };
        let (read, ()) = tokio::join!(storage.read(read), trim);
        assert_eq!(read.unwrap(), (1..=100).collect::<Vec<_>>());
        let place = Place { id, after: 0, limit: 1 };
        assert_eq!(offsets(&storage, place).await, [91], "it was trimmed indeed");
    }

    #[tokio::test]
    async fn the_id_of_a_removed_stream_is_never_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let storage = storage(&folder, StorageMode::Inline, 1_000);
        let work = |tx: &mut Txn<'_>| {
            let owner = owners::find_or_create(tx, &Owner::subject("alice"))?.id;
            let first = create(tx, owner, &Stream::job("1"))?;
            remove(tx, first)?;
            Ok((first, create(tx, owner, &Stream::job("2"))?))
        };
        let (first, second) = storage.write(work).await.unwrap();
        assert_ne!(first, second);
    }
}
