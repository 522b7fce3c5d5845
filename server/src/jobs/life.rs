use keepline_protocol::{
    ErrorCode, Event, Payload, Stream,
    catalogue::{JobCancelled, JobCompleted, JobCreated, JobFailed, JobFailure},
};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use uuid::Uuid;

use super::row::Status;
use crate::{
    actions::ActionError,
    ids::{OwnerId, StreamId},
    log,
    owners::Known,
    storage::{News, StorageError, Txn},
};

/// How many live jobs one owner may have; further ones are refused until one ends.
pub(crate) const LIVE_JOBS_MAX: u32 = 1_000;

/// The rows that a job's events go to.
#[derive(Debug, Clone)]
pub(crate) struct JobStreams {
    pub(crate) id: String,
    pub(crate) stream: StreamId,
    pub(crate) user_stream: StreamId,
}

/// One stretch of a job's work, stored in one piece: its events and what they add up to.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) events: Vec<(&'static str, Payload)>,
    pub(crate) state: String,
    pub(crate) done: u64,
    pub(crate) total: u64,
}

/// How a job ends by itself.
#[derive(Debug)]
pub(crate) enum End {
    Completed(Payload),
    Failed(JobFailure),
}

/// Puts a job into the queue, in the transaction of the action that asked for it.
pub(crate) fn start<P: Serialize>(
    tx: &mut Txn<'_>,
    known: &Known,
    kind: &str,
    asked: &P,
) -> Result<String, ActionError> {
    let live: u32 = tx
        .conn
        .prepare_cached("SELECT count(*) FROM jobs WHERE owner = ?1 AND status IN ('queued', 'running')")?
        .query_row(params![known.id], |row| row.get(0))?;
    if live >= LIVE_JOBS_MAX {
        return Err(ActionError::later(ErrorCode::RateLimited, "too many jobs at once")
            .after(std::time::Duration::from_secs(1)));
    }
    #[expect(clippy::disallowed_methods, reason = "a job's id; no engine")]
    let id = Uuid::now_v7().simple().to_string();
    let stream = log::create(tx, known.id, &Stream::job(&id))?;
    let asked = Payload::new(asked).map_err(|_| ActionError::refuse(ErrorCode::BadRequest, "not JSON"))?;
    tx.conn
        .prepare_cached(
            "INSERT INTO jobs (id, owner, stream, kind, status, params, state, done, total, created_ms, updated_ms) \
             VALUES (?1, ?2, ?3, ?4, 'queued', ?5, '{}', 0, 0, ?6, ?6)",
        )?
        .execute(params![id, known.id, stream, kind, asked.as_str(), tx.now_ms])?;
    let streams = JobStreams { id: id.clone(), stream, user_stream: known.user_stream };
    notice(tx, &streams, &JobCreated { job: id.clone(), kind: kind.to_owned() })?;
    tx.announce(News::JobQueued);
    Ok(id)
}

/// Stops a job that lives. `None` where the owner has no such job, `false` where it had ended.
pub(crate) fn cancel(tx: &mut Txn<'_>, known: &Known, job: &str) -> Result<Option<bool>, StorageError> {
    let Some(row) = super::row::find(tx.conn, known.id, job)? else { return Ok(None) };
    if !row.status.live() {
        return Ok(Some(false));
    }
    let streams = JobStreams { id: row.id, stream: row.stream, user_stream: known.user_stream };
    set_ended(tx, &streams.id, Status::Cancelled, (None, None))?;
    notice(tx, &streams, &JobCancelled { job: streams.id.clone(), kind: row.kind })?;
    Ok(Some(true))
}

/// Stores a step. `false` where the job was stopped meanwhile: then nothing is stored.
pub(crate) fn step(tx: &mut Txn<'_>, streams: &JobStreams, step: Step) -> Result<bool, StorageError> {
    if !lives(tx.conn, &streams.id)? {
        return Ok(false);
    }
    for (name, payload) in step.events {
        log::append(tx, streams.stream, name, payload)?;
    }
    tx.conn
        .prepare_cached(
            "UPDATE jobs SET status = 'running', state = ?2, done = ?3, total = ?4, updated_ms = ?5 WHERE id = ?1",
        )?
        .execute(params![streams.id, step.state, step.done, step.total, tx.now_ms])?;
    Ok(true)
}

/// Ends a job, unless it was stopped meanwhile.
pub(crate) fn end(tx: &mut Txn<'_>, streams: &JobStreams, kind: &str, end: End) -> Result<(), StorageError> {
    if !lives(tx.conn, &streams.id)? {
        return Ok(());
    }
    let (job, kind) = (streams.id.clone(), kind.to_owned());
    match end {
        End::Completed(result) => {
            set_ended(tx, &streams.id, Status::Completed, (Some(result.as_str()), None))?;
            notice(tx, streams, &JobCompleted { job, kind, result: Some(result) })
        }
        End::Failed(error) => {
            let text = serde_json::to_string(&error).expect("a failure is JSON");
            set_ended(tx, &streams.id, Status::Failed, (None, Some(&text)))?;
            notice(tx, streams, &JobFailed { job, kind, error })
        }
    }
}

/// Whether an event of that name is the last that a job itself puts on its stream.
pub(crate) fn is_end(name: &str) -> bool {
    [JobCompleted::NAME, JobFailed::NAME, JobCancelled::NAME].contains(&name)
}

/// The stream of an owner's job, while it is kept.
pub(crate) fn stream_of(conn: &Connection, owner: OwnerId, job: &str) -> rusqlite::Result<Option<StreamId>> {
    conn.prepare_cached("SELECT id FROM streams WHERE owner = ?1 AND name = ?2")?
        .query_row(params![owner, Stream::job(job).to_string()], |row| row.get(0))
        .optional()
}

fn lives(conn: &Connection, job: &str) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM jobs WHERE id = ?1 AND status IN ('queued', 'running')")?.exists([job])
}

fn set_ended(
    tx: &Txn<'_>,
    job: &str,
    status: Status,
    (result, error): (Option<&str>, Option<&str>),
) -> rusqlite::Result<()> {
    tx.conn
        .prepare_cached(
            "UPDATE jobs SET status = ?2, result = ?3, error = ?4, updated_ms = ?5, ended_ms = ?5 WHERE id = ?1",
        )?
        .execute(params![job, status.as_str(), result, error, tx.now_ms])?;
    Ok(())
}

/// A turn in a job's life stands on its own stream and, as a notice, on the user's.
fn notice<E: Event + Serialize>(
    tx: &mut Txn<'_>,
    streams: &JobStreams,
    event: &E,
) -> Result<(), StorageError> {
    let payload = Payload::new(event).expect("the catalogue's events are JSON");
    log::append(tx, streams.stream, E::NAME, payload.clone())?;
    log::append(tx, streams.user_stream, E::NAME, payload)?;
    Ok(())
}
