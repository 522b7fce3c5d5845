//! Storage and who listens to it.
//!
//! The log is the truth: an event is committed before anybody hears of it, and what a connection could not take
//! live it is given from the log. To go from the one to the other without a hole, a stream is *watched* first, then
//! read, and is live once everything up to what was published meanwhile has gone out.

mod event;
mod fanout;
mod maintenance;
mod outlet;
mod replay;
mod resume;

use std::sync::Arc;

pub(crate) use event::{EncodedOnce, Ephemeral, LiveEvent, session_event};
pub(crate) use fanout::Fanout;
use keepline_protocol::{Epoch, LedgerCursor, Payload, Stream};
pub(crate) use outlet::{Behind, IN_FLIGHT_MAX, Outlet};
pub(crate) use replay::Replayed;
pub(crate) use resume::{SubscribeError, Welcome};

use crate::{
    clock::Clock,
    config::Retention,
    ids::{Owner, OwnerId},
    jobs::{self, JobRow},
    ledger, log,
    owners::{self, Known},
    storage::{Storage, StorageError, StorageMode},
};

#[derive(Clone)]
pub(crate) struct Hub(Arc<Inner>);

struct Inner {
    storage: Storage,
    fanout: Arc<Fanout>,
    clock: Clock,
    mode: StorageMode,
    retention: Retention,
}

/// What a hub is made of, beside its storage.
pub(crate) struct HubOptions {
    pub(crate) fanout: Arc<Fanout>,
    pub(crate) clock: Clock,
    pub(crate) mode: StorageMode,
    pub(crate) retention: Retention,
}

impl Hub {
    pub(crate) fn new(storage: Storage, options: HubOptions) -> Self {
        let HubOptions { fanout, clock, mode, retention } = options;
        Self(Arc::new(Inner { storage, fanout, clock, mode, retention }))
    }

    pub(crate) fn storage(&self) -> &Storage {
        &self.0.storage
    }

    pub(crate) fn fanout(&self) -> &Fanout {
        &self.0.fanout
    }

    pub(crate) fn mode(&self) -> StorageMode {
        self.0.mode
    }

    pub(crate) fn epoch(&self) -> &Epoch {
        self.0.storage.epoch()
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.0.clock.now_ms()
    }

    /// The owner's rows, made at the first visit.
    pub(crate) async fn known(&self, owner: &Owner) -> Result<Known, StorageError> {
        let asked = owner.clone();
        if let Some(known) = self.0.storage.read(move |conn| owners::find(conn, &asked)).await? {
            return Ok(known);
        }
        let asked = owner.clone();
        self.0.storage.write(move |tx| owners::find_or_create(tx, &asked)).await
    }

    /// Appends an event from outside any action.
    pub(crate) async fn append(
        &self,
        owner: &Owner,
        stream: Stream,
        name: String,
        payload: Payload,
    ) -> Result<Option<u64>, StorageError> {
        let known = self.known(owner).await?;
        self.0
            .storage
            .write(move |tx| {
                let id = match &stream {
                    Stream::User => Some(known.user_stream),
                    Stream::Job(job) => jobs::stream_of(tx.conn, known.id, job)?,
                };
                id.map(|id| log::append(tx, id, &name, payload)).transpose()
            })
            .await
    }

    /// An owner's job. `None` as well where it is somebody else's.
    pub(crate) async fn job(&self, owner: &Owner, job: String) -> Result<Option<JobRow>, StorageError> {
        let owner = owner.clone();
        self.0
            .storage
            .read(move |conn| match owners::find(conn, &owner)? {
                Some(known) => jobs::find(conn, known.id, &job),
                None => Ok(None),
            })
            .await
    }

    /// Which places lie in the owner's ledger.
    pub(crate) async fn confirmed(
        &self,
        owner: OwnerId,
        cursors: Vec<LedgerCursor>,
    ) -> Result<Vec<LedgerCursor>, StorageError> {
        let epoch = self.epoch().clone();
        self.0.storage.read(move |conn| ledger::confirmed(conn, owner, &epoch, cursors)).await
    }
}
