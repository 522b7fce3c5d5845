//! Where a client stands and how it goes on: at CONNECT, at a subscribe, and for a stream that fell behind.

use std::{collections::BTreeMap, sync::Arc};

use keepline_protocol::{
    Epoch, LedgerCursor, LedgerReady, LedgerStatus, Payload, Reset, Stream, StreamCursor, StreamReady,
    StreamStatus, Subscribe, Subscribed, limits::PAGE_EVENTS_MAX,
};
use rusqlite::Connection;

use super::{
    Behind, Hub, Outlet,
    replay::{Replay, Replayed},
};
use crate::{
    ids::StreamId,
    jobs,
    ledger::{self, Ledger},
    log::{self, Place, StreamRow},
    owners::Known,
    storage::StorageError,
};

/// How large the snapshots of all resets in one `session:ready:v1` may be together. A stream beyond it is not named
/// there, and hears of its reset when it is subscribed: the packet has to stay below what a client accepts.
const SNAPSHOTS_BYTES_MAX: usize = 48 * 1024;

/// What `session:ready:v1` says of ledger and streams.
pub(crate) struct Welcome {
    pub(crate) ledger: LedgerReady,
    pub(crate) streams: BTreeMap<Stream, StreamReady>,
    /// The streams that are live from here on, with the offset that goes out next.
    pub(crate) live: Vec<(StreamId, u64)>,
}

/// The answer to a subscribe.
pub(crate) struct Page {
    pub(crate) answer: Subscribed,
    /// Its events, most of which are in the send queue already.
    pub(crate) events: Replayed,
    /// `None` where it is gone.
    pub(crate) stream: Option<StreamId>,
}

#[derive(Debug)]
pub(crate) enum SubscribeError {
    /// No such stream of this owner.
    NotFound,
    Storage(StorageError),
}

impl From<StorageError> for SubscribeError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl Hub {
    /// Compares what a client remembers with what is here. Streams that can go on from the head are watched.
    pub(crate) async fn welcome(
        &self,
        known: &Arc<Known>,
        outlet: &Arc<Outlet>,
        cursor: Option<LedgerCursor>,
        resume: BTreeMap<Stream, StreamCursor>,
    ) -> Result<Welcome, StorageError> {
        for stream in resume.keys() {
            self.watch(known, outlet, stream).await?;
        }
        let (known, epoch) = (known.clone(), self.epoch().clone());
        self.storage().read(move |conn| welcome(conn, &known, &epoch, cursor, resume)).await.inspect(
            |welcome| {
                // Only what goes on from the head is live at once; the rest is pulled by the client.
                for id in outlet.watched() {
                    if !welcome.live.iter().any(|(live, _)| *live == id) {
                        self.unwatch(outlet, id);
                    }
                }
            },
        )
    }

    /// One page of a stream after where the client stands. The stream is watched.
    pub(crate) async fn page(
        &self,
        known: &Arc<Known>,
        outlet: &Arc<Outlet>,
        subscribe: Subscribe,
    ) -> Result<Page, SubscribeError> {
        self.watch(known, outlet, &subscribe.stream).await?;
        let asking = Asking { known: known.clone(), outlet: outlet.clone(), epoch: self.epoch().clone() };
        self.storage().read(move |conn| asking.page(conn, &subscribe)).await?.ok_or(SubscribeError::NotFound)
    }

    /// Sends the next events of a stream that this end pulls.
    pub(crate) async fn pull(&self, outlet: &Arc<Outlet>, behind: &Behind) -> Result<Replayed, StorageError> {
        let place = Place { id: behind.id, after: behind.next.saturating_sub(1), limit: PAGE_EVENTS_MAX };
        // Where the log was trimmed past this place the page begins later; a client with cursors sees the gap and
        // is told the reason when it subscribes.
        let replay = Replay::new(outlet.clone(), behind.stream.clone(), self.epoch().clone(), behind.next);
        self.storage().read(move |conn| replay_page(conn, place, replay)).await
    }

    /// Starts a stream that this end pulls from its beginning to its job's end, unless it is watched already. `None`
    /// where the owner has no such stream.
    pub(crate) async fn follow(
        &self,
        known: &Arc<Known>,
        outlet: &Arc<Outlet>,
        stream: &Stream,
    ) -> Result<Option<()>, StorageError> {
        if outlet.watched_as(stream).is_some() {
            return Ok(Some(()));
        }
        let Some(id) = self.watch(known, outlet, stream).await? else { return Ok(None) };
        outlet.pull_all(id);
        Ok(Some(()))
    }

    async fn watch(
        &self,
        known: &Arc<Known>,
        outlet: &Arc<Outlet>,
        stream: &Stream,
    ) -> Result<Option<StreamId>, StorageError> {
        let id = match stream {
            Stream::User => Some(known.user_stream),
            Stream::Job(_) => {
                let (owner, stream) = (known.id, stream.clone());
                self.storage().read(move |conn| log::find(conn, owner, &stream)).await?.map(|row| row.id)
            }
        };
        if let Some(id) = id {
            outlet.watch(id, Arc::new(stream.clone()));
            self.fanout().add_stream(id, outlet);
        }
        Ok(id)
    }

    pub(crate) fn unwatch(&self, outlet: &Arc<Outlet>, id: StreamId) {
        self.fanout().remove_stream(id, outlet);
        outlet.unwatch(id);
    }

    /// Ends the delivery of a stream by its name.
    pub(crate) fn unsubscribe(&self, outlet: &Arc<Outlet>, stream: &Stream) {
        if let Some(id) = outlet.watched_as(stream) {
            self.unwatch(outlet, id);
        }
    }
}

fn welcome(
    conn: &Connection,
    known: &Known,
    epoch: &Epoch,
    cursor: Option<LedgerCursor>,
    resume: BTreeMap<Stream, StreamCursor>,
) -> rusqlite::Result<Welcome> {
    let status = match cursor {
        Some(cursor) => ledger::compare(conn, known.id, epoch, &cursor)?,
        None => LedgerStatus::Ok,
    };
    let Ledger { position, tag, floor } = Ledger::read(conn, known.id)?;
    let ledger = LedgerReady { epoch: epoch.clone(), position, tag, floor, status };
    let mut streams = BTreeMap::new();
    let mut live = Vec::new();
    let mut snapshots = 0;
    // The user stream is the first in order.
    for (stream, cursor) in resume {
        let Some(row) = log::find(conn, known.id, &stream)? else {
            streams.insert(stream, gone());
            continue;
        };
        let reset = reset(conn, known, epoch, (&stream, &row), &cursor)?;
        let snapshot = reset.as_ref().and_then(|reset| reset.snapshot.as_ref()).map_or(0, Payload::len);
        if snapshots + snapshot > SNAPSHOTS_BYTES_MAX && stream != Stream::User {
            continue;
        }
        snapshots += snapshot;
        if reset.is_some() || cursor.offset == row.head {
            live.push((row.id, row.head + 1));
        }
        streams.insert(stream, ready(epoch, &row, reset));
    }
    if let (false, Some(row)) =
        (streams.contains_key(&Stream::User), log::find(conn, known.id, &Stream::User)?)
    {
        streams.insert(Stream::User, ready(epoch, &row, None));
    }
    Ok(Welcome { ledger, streams, live })
}

fn ready(epoch: &Epoch, row: &StreamRow, reset: Option<Reset>) -> StreamReady {
    let status = if reset.is_some() { StreamStatus::Reset } else { StreamStatus::Ok };
    StreamReady { status, epoch: Some(epoch.clone()), head: row.head, tag: Some(row.tag), reset }
}

fn gone() -> StreamReady {
    StreamReady { status: StreamStatus::Gone, epoch: None, head: 0, tag: None, reset: None }
}

/// Who asks for a page.
struct Asking {
    known: Arc<Known>,
    outlet: Arc<Outlet>,
    epoch: Epoch,
}

impl Asking {
    /// `None` where there is no such stream of this owner.
    fn page(&self, conn: &Connection, asked: &Subscribe) -> rusqlite::Result<Option<Page>> {
        let Self { known, epoch, .. } = self;
        let Some(row) = log::find(conn, known.id, &asked.stream)? else {
            return missing(conn, known, epoch, asked);
        };
        let offset = match (asked.after, &asked.stream) {
            (Some(after), _) => after,
            (None, Stream::User) => row.head,
            (None, Stream::Job(_)) => 0,
        };
        let theirs = asked.epoch.clone().unwrap_or_else(|| epoch.clone());
        let cursor = StreamCursor { epoch: theirs, offset, tag: asked.tag.filter(|_| asked.after.is_some()) };
        if let Some(reset) = reset(conn, known, epoch, (&asked.stream, &row), &cursor)? {
            let answer = Subscribed {
                status: StreamStatus::Reset,
                epoch: Some(epoch.clone()),
                from: row.head,
                head: row.head,
                more: false,
                reset: Some(reset),
            };
            let events = Replayed::nothing(row.head + 1);
            return Ok(Some(Page { answer, events, stream: Some(row.id) }));
        }
        let limit = asked.limit.unwrap_or(PAGE_EVENTS_MAX).clamp(1, PAGE_EVENTS_MAX);
        let place = Place { id: row.id, after: offset, limit };
        let stream = Arc::new(asked.stream.clone());
        let replay = Replay::new(self.outlet.clone(), stream, epoch.clone(), offset + 1);
        let events = replay_page(conn, place, replay)?;
        let answer = Subscribed {
            status: StreamStatus::Ok,
            epoch: Some(epoch.clone()),
            from: offset,
            head: row.head,
            more: events.next <= row.head,
            reset: None,
        };
        Ok(Some(Page { answer, events, stream: Some(row.id) }))
    }
}

fn replay_page(conn: &Connection, place: Place, mut replay: Replay) -> rusqlite::Result<Replayed> {
    log::page(conn, place, |entry| replay.take(&entry))?;
    Ok(replay.finish())
}

/// A stream that was removed is gone for its owner; one of a former database is gone for whoever remembers it. Of
/// all others nothing is said.
fn missing(
    conn: &Connection,
    known: &Known,
    epoch: &Epoch,
    asked: &Subscribe,
) -> rusqlite::Result<Option<Page>> {
    let Stream::Job(job) = &asked.stream else { return Ok(None) };
    let of_former_database = asked.epoch.as_ref().is_some_and(|theirs| theirs != epoch);
    if !of_former_database && !jobs::existed(conn, known.id, job)? {
        return Ok(None);
    }
    let answer =
        Subscribed { status: StreamStatus::Gone, epoch: None, from: 0, head: 0, more: false, reset: None };
    Ok(Some(Page { answer, events: Replayed::nothing(1), stream: None }))
}

/// The reset that the client needs, with a snapshot from the transaction that read the head.
fn reset(
    conn: &Connection,
    known: &Known,
    epoch: &Epoch,
    (stream, row): (&Stream, &StreamRow),
    cursor: &StreamCursor,
) -> rusqlite::Result<Option<Reset>> {
    let Some(reason) = log::broken(conn, row, epoch, cursor)? else { return Ok(None) };
    let snapshot: Option<Payload> = match stream {
        Stream::User => Some(jobs::live_summary(conn, known.id)?),
        Stream::Job(job) => jobs::snapshot(conn, known.id, job)?,
    };
    Ok(Some(Reset { epoch: epoch.clone(), offset: row.head, tag: Some(row.tag), reason, snapshot }))
}
