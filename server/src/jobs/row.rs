use std::str::FromStr;

use keepline_protocol::Payload;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Map, Value, json};

use crate::{
    clock::rfc3339,
    ids::{OwnerId, StreamId},
};

/// How many live jobs the snapshot of a user stream names.
const LISTED_MAX: u32 = 100;

/// Where a job is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Queued,
    Running,
    Completed,
    Failed,
    Cancelled,
    /// Only a tombstone is left, by which a client learns that the stream is gone and was not always missing.
    Removed,
}

impl Status {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Removed => "removed",
        }
    }

    pub(crate) fn live(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }
}

impl FromStr for Status {
    type Err = rusqlite::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Queued, Self::Running, Self::Completed, Self::Failed, Self::Cancelled, Self::Removed]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(rusqlite::Error::InvalidQuery)
    }
}

/// A job as it was committed last.
#[derive(Debug, Clone)]
pub(crate) struct JobRow {
    pub(crate) id: String,
    pub(crate) stream: StreamId,
    pub(crate) kind: String,
    pub(crate) status: Status,
    pub(crate) params: String,
    pub(crate) state: String,
    pub(crate) done: u64,
    pub(crate) total: u64,
    pub(crate) result: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
    pub(crate) ended_ms: Option<i64>,
}

pub(super) const COLUMNS: &str =
    "id, stream, kind, status, params, state, done, total, result, error, created_ms, updated_ms, ended_ms";

impl JobRow {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            stream: row.get(1)?,
            kind: row.get(2)?,
            status: row.get_ref(3)?.as_str()?.parse()?,
            params: row.get(4)?,
            state: row.get(5)?,
            done: row.get(6)?,
            total: row.get(7)?,
            result: row.get(8)?,
            error: row.get(9)?,
            created_ms: row.get(10)?,
            updated_ms: row.get(11)?,
            ended_ms: row.get(12)?,
        })
    }

    /// What is asked for often: no results.
    pub(crate) fn light(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("job".into(), self.id.clone().into());
        fields.insert("kind".into(), self.kind.clone().into());
        fields.insert("status".into(), self.status.as_str().into());
        fields.insert("progress".into(), json!({ "done": self.done, "total": self.total }));
        fields.insert("created_at".into(), rfc3339(self.created_ms).into());
        fields.insert("updated_at".into(), rfc3339(self.updated_ms).into());
        if let Some(ended) = self.ended_ms {
            fields.insert("ended_at".into(), rfc3339(ended).into());
        }
        fields
    }

    /// Everything that the events of the job's stream add up to: the snapshot of a reset, and the state over HTTP.
    pub(crate) fn whole(&self) -> Map<String, Value> {
        let mut fields = self.light();
        // What we wrote ourselves is an object; damage there would only lose this part.
        if let Ok(Value::Object(state)) = serde_json::from_str(&self.state) {
            // What begins with an underscore is the worker's own: plans, and text that was not given out yet.
            fields.extend(state.into_iter().filter(|(name, _)| !name.starts_with('_')));
        }
        for (name, text) in [("result", &self.result), ("error", &self.error)] {
            if let Some(value) = text.as_deref().and_then(|text| serde_json::from_str(text).ok()) {
                fields.insert(name.into(), value);
            }
        }
        fields
    }
}

/// An owner's job that is more than a tombstone.
pub(crate) fn find(conn: &Connection, owner: OwnerId, job: &str) -> rusqlite::Result<Option<JobRow>> {
    conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM jobs WHERE id = ?1 AND owner = ?2 AND status <> 'removed'"
    ))?
    .query_row(params![job, owner], JobRow::read)
    .optional()
}

/// Whether the owner had a job of that id, be it gone.
pub(crate) fn existed(conn: &Connection, owner: OwnerId, job: &str) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM jobs WHERE id = ?1 AND owner = ?2")?.exists(params![job, owner])
}

/// What the events of the owner's user stream are about: the jobs that live.
pub(crate) fn live_summary(conn: &Connection, owner: OwnerId) -> rusqlite::Result<Payload> {
    let mut select = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM jobs WHERE owner = ?1 AND status IN ('queued', 'running') \
         ORDER BY created_ms, id LIMIT ?2"
    ))?;
    let rows = select.query_map(params![owner, LISTED_MAX], JobRow::read)?;
    let jobs =
        rows.map(|row| row.map(|row| Value::Object(row.light()))).collect::<rusqlite::Result<Vec<_>>>()?;
    Payload::new(&json!({ "jobs": jobs })).map_err(|_| rusqlite::Error::InvalidQuery)
}

/// The snapshot of a job's stream.
pub(crate) fn snapshot(conn: &Connection, owner: OwnerId, job: &str) -> rusqlite::Result<Option<Payload>> {
    let Some(row) = find(conn, owner, job)? else { return Ok(None) };
    Payload::new(&Value::Object(row.whole())).map(Some).map_err(|_| rusqlite::Error::InvalidQuery)
}
