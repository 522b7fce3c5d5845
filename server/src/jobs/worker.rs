use std::{
    collections::HashSet,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::FutureExt as _;
use keepline_protocol::{Payload, Stream, catalogue::JobFailure};
use rusqlite::{Connection, params};
use serde::{Serialize, de::DeserializeOwned};
use tokio::task::JoinSet;

use super::{
    Corpus,
    life::{self, End, JobStreams, Step},
    model, research,
    row::{COLUMNS, JobRow},
    search, test,
};
use crate::{
    hub::Hub,
    storage::{StorageError, StorageMode},
};

/// How many jobs run at the same time: they wait for the storage and for pauses more than they work.
const RUNNING_MAX: usize = 64;

/// How many jobs of one owner run at the same time.
const RUNNING_PER_OWNER_MAX: u32 = 16;

/// How many waiting jobs one look finds.
const FOUND_MAX: u32 = 256;

/// How often to look without being told: for a job that a storage error had left.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// How long a job waits that a storage error had stopped, so that a full disk makes no busy loop.
const STORAGE_PAUSE: Duration = Duration::from_secs(1);

/// Runs the jobs of a server until it is dropped.
pub(crate) struct Workers {
    hub: Hub,
    corpus: Arc<Corpus>,
    running: Arc<Mutex<HashSet<String>>>,
}

/// Stops the workers when dropped. What they had begun is taken up by the next server.
pub(crate) struct WorkersHandle(JoinSet<()>);

impl WorkersHandle {
    /// Stops the workers now.
    pub(crate) async fn stop(mut self) {
        self.0.shutdown().await;
    }
}

/// One job, as its worker sees it.
pub(super) struct Job {
    hub: Hub,
    pub(super) corpus: Arc<Corpus>,
    streams: JobStreams,
    row: JobRow,
}

/// Why a worker stops before its job's end.
pub(super) enum Stopped {
    /// Somebody cancelled the job.
    Cancelled,
    /// The job cannot be done.
    Failed(JobFailure),
    /// The storage failed; the job is taken up again.
    Storage(StorageError),
}

impl From<StorageError> for Stopped {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl Stopped {
    pub(super) fn failed(code: &str, text: &str) -> Self {
        Self::Failed(JobFailure { code: code.to_owned(), message: text.to_owned() })
    }
}

impl Workers {
    pub(crate) fn start(hub: Hub, corpus: Arc<Corpus>) -> WorkersHandle {
        let workers = Self { hub, corpus, running: Arc::default() };
        let mut tasks = JoinSet::new();
        tasks.spawn(workers.run());
        WorkersHandle(tasks)
    }

    async fn run(self) {
        // Dropped together with this future, and every job's task with it.
        let mut tasks = JoinSet::new();
        loop {
            if let Err(error) = self.take_waiting(&mut tasks).await {
                tracing::error!(%error, "cannot look for jobs");
            }
            tokio::select! {
                // In a fixed order, so that a simulation that is run twice does the same.
                biased;
                () = self.hub.fanout().job_queued() => {}
                Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    async fn take_waiting(&self, tasks: &mut JoinSet<()>) -> Result<(), StorageError> {
        let waiting = self.hub.storage().read(waiting).await?;
        for (row, streams) in waiting {
            let Some(place) = Place::take(&self.running, &row.id) else { continue };
            let job = Job { hub: self.hub.clone(), corpus: self.corpus.clone(), streams, row };
            tasks.spawn(async move {
                job.work().await;
                drop(place);
            });
        }
        Ok(())
    }
}

/// A running job's place among them, given back however the job's task ends.
struct Place {
    running: Arc<Mutex<HashSet<String>>>,
    id: String,
}

impl Place {
    /// `None` where all are taken, and for a job that runs already.
    fn take(running: &Arc<Mutex<HashSet<String>>>, id: &str) -> Option<Self> {
        let mut taken = running.lock().unwrap_or_else(PoisonError::into_inner);
        let free = taken.len() < RUNNING_MAX && taken.insert(id.to_owned());
        free.then(|| Self { running: running.clone(), id: id.to_owned() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

impl Job {
    async fn work(self) {
        // A job that panics would do so again each time that it is taken up: it ends here, with what it had stored.
        let done = AssertUnwindSafe(self.run()).catch_unwind().await.unwrap_or_else(|_| {
            tracing::error!(job = %self.row.id, kind = %self.row.kind, "a job panicked");
            Err(Stopped::failed("INTERNAL", "the server failed"))
        });
        let end = match done {
            Ok(result) => End::Completed(result),
            Err(Stopped::Failed(failure)) => End::Failed(failure),
            Err(Stopped::Cancelled) => return,
            Err(Stopped::Storage(error)) => {
                tracing::warn!(%error, job = %self.row.id, "a job waits for the storage");
                tokio::time::sleep(STORAGE_PAUSE).await;
                return;
            }
        };
        let (streams, kind) = (self.streams.clone(), self.row.kind.clone());
        if let Err(error) = self.hub.storage().write(move |tx| life::end(tx, &streams, &kind, end)).await {
            tracing::warn!(%error, job = %self.row.id, "a job's end waits for the storage");
        }
    }

    async fn run(&self) -> Result<Payload, Stopped> {
        match self.row.kind.as_str() {
            search::KIND => search::run(self).await,
            research::KIND => research::run(self).await,
            model::KIND => model::run(self).await,
            test::KIND => test::run(self).await,
            #[cfg(test)]
            tests::PANICS => panic!("as asked"),
            _ => Err(Stopped::failed("UNKNOWN_KIND", "this server does not know that kind of job")),
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.streams.id
    }

    /// What was asked.
    pub(super) fn params<P: DeserializeOwned>(&self) -> Result<P, Stopped> {
        serde_json::from_str(&self.row.params)
            .map_err(|_| Stopped::failed("INTERNAL", "the job cannot be read"))
    }

    /// What the steps before added up to: nothing for a new job.
    pub(super) fn state<S: DeserializeOwned + Default>(&self) -> S {
        serde_json::from_str(&self.row.state).unwrap_or_default()
    }

    /// Stores one step.
    pub(super) async fn step<S: Serialize>(
        &self,
        events: Vec<(&'static str, Payload)>,
        state: &S,
        (done, total): (u64, u64),
    ) -> Result<(), Stopped> {
        let state = serde_json::to_string(state).expect("a job's state is JSON");
        let streams = self.streams.clone();
        let step = Step { events, state, done, total };
        match self.hub.storage().write(move |tx| life::step(tx, &streams, step)).await? {
            true => Ok(()),
            false => Err(Stopped::Cancelled),
        }
    }

    /// Runs what takes long away from the tasks of connections; in place where the storage is inline too.
    pub(super) async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Corpus) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        if self.hub.mode() == StorageMode::Inline {
            return Ok(work(&self.corpus));
        }
        let corpus = self.corpus.clone();
        tokio::task::spawn_blocking(move || work(&corpus))
            .await
            .map_err(|_| Stopped::failed("INTERNAL", "the search failed"))
    }
}

/// The jobs whose turn it is: the oldest of each owner, and of these the owners' first ones before their second, so
/// that nobody waits behind somebody else's thousand.
fn waiting(conn: &Connection) -> rusqlite::Result<Vec<(JobRow, JobStreams)>> {
    let mut select = conn.prepare_cached(&format!(
        "SELECT {COLUMNS}, (SELECT streams.id FROM streams WHERE streams.owner = live.owner AND name = ?1) FROM ( \
             SELECT *, row_number() OVER (PARTITION BY owner ORDER BY created_ms, id) AS turn \
             FROM jobs WHERE status IN ('queued', 'running') \
         ) AS live WHERE turn <= ?2 ORDER BY turn, created_ms, id LIMIT ?3"
    ))?;
    let rows =
        select.query_map(params![Stream::User.to_string(), RUNNING_PER_OWNER_MAX, FOUND_MAX], |row| {
            let job = JobRow::read(row)?;
            let streams = JobStreams { id: job.id.clone(), stream: job.stream, user_stream: row.get(13)? };
            Ok((job, streams))
        })?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Clock,
        config::Retention,
        hub::{Fanout, HubOptions},
        ids::Owner,
        jobs,
        owners::Known,
        storage::{Storage, StorageOptions},
    };

    /// A kind of job that no server has.
    pub(super) const PANICS: &str = "panics";

    fn hub(folder: &tempfile::TempDir) -> Hub {
        let fanout = Arc::new(Fanout::default());
        let clock = Clock::new(|| std::time::UNIX_EPOCH);
        let mode = StorageMode::Inline;
        let retention = Retention::default();
        let options = StorageOptions {
            mode,
            retention: retention.clone(),
            clock: clock.clone(),
            fanout: fanout.clone(),
        };
        let storage = Storage::open(folder.path(), options).unwrap();
        Hub::new(storage, HubOptions { fanout, clock, mode, retention })
    }

    async fn start(hub: &Hub, known: &Known, kind: &'static str) -> String {
        let known = known.clone();
        let asked = keepline_protocol::catalogue::TestJob { events: 1, interval_ms: 0, bytes: 0 };
        let write = hub.storage().write(move |tx| Ok(life::start(tx, &known, kind, &asked).unwrap()));
        write.await.unwrap()
    }

    /// How the job ended. Everything here runs in this one thread, and so does the worker when this one yields.
    async fn end(hub: &Hub, owner: &Owner, job: &str) -> serde_json::Value {
        for _ in 0..10_000 {
            let row: JobRow = hub.job(owner, job.to_owned()).await.unwrap().unwrap();
            if !row.status.live() {
                return row.whole().into();
            }
            tokio::task::yield_now().await;
        }
        panic!("the job {job} does not end");
    }

    #[tokio::test]
    async fn a_job_that_panics_fails_and_keeps_no_place() {
        let folder = tempfile::tempdir().unwrap();
        let hub = hub(&folder);
        let clock = Clock::new(|| std::time::UNIX_EPOCH);
        let _workers = Workers::start(hub.clone(), Arc::new(Corpus::new(None, folder.path(), clock)));
        let owner = Owner::subject("alice");
        let known = hub.known(&owner).await.unwrap();
        for _ in 0..=RUNNING_MAX {
            let job = start(&hub, &known, PANICS).await;
            let ended = end(&hub, &owner, &job).await;
            assert_eq!((&ended["status"], &ended["error"]["code"]), (&"failed".into(), &"INTERNAL".into()));
        }
        let job = start(&hub, &known, jobs::TEST).await;
        assert_eq!(end(&hub, &owner, &job).await["status"], "completed");
    }
}
