use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use super::{Refusal, bearer::Bearer, private};
use crate::{app::App, ids::Owner, jobs::JobRow, owners};

/// Everything of a job, for a client that wants to go on from there.
pub(super) async fn state(
    State(app): State<Arc<App>>,
    Bearer(owner): Bearer,
    Path(job): Path<String>,
) -> Result<impl IntoResponse, Refusal> {
    find(&app, &owner, job).await.map(|row| private(Value::Object(row.whole())))
}

/// How far a job is, without its results.
pub(super) async fn status(
    State(app): State<Arc<App>>,
    Bearer(owner): Bearer,
    Path(job): Path<String>,
) -> Result<impl IntoResponse, Refusal> {
    find(&app, &owner, job).await.map(|row| private(Value::Object(row.light())))
}

/// What the owner has here.
pub(super) async fn analytics(
    State(app): State<Arc<App>>,
    Bearer(owner): Bearer,
) -> Result<impl IntoResponse, Refusal> {
    let counts = app.hub.storage().read(move |conn| count(conn, &owner)).await?;
    Ok(private(counts))
}

/// Another user's job is as unknown as one that never was.
async fn find(app: &App, owner: &Owner, job: String) -> Result<JobRow, Refusal> {
    app.hub.job(owner, job).await?.ok_or(Refusal::NotFound)
}

fn count(conn: &Connection, owner: &Owner) -> rusqlite::Result<Value> {
    let Some(known) = owners::find(conn, owner)? else {
        return Ok(json!({ "user": owner.subject, "actions": 0, "jobs": {}, "streams": 0, "events": 0 }));
    };
    let actions: u64 = conn
        .prepare_cached("SELECT position FROM owners WHERE id = ?1")?
        .query_row(params![known.id], |row| row.get(0))?;
    let jobs = conn
        .prepare_cached(
            "SELECT status, count(*) FROM jobs WHERE owner = ?1 AND status <> 'removed' GROUP BY status",
        )?
        .query_map(params![known.id], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<BTreeMap<String, u64>>>()?;
    let (streams, events): (u64, u64) = conn
        .prepare_cached("SELECT count(*), coalesce(sum(head - trimmed), 0) FROM streams WHERE owner = ?1")?
        .query_row(params![known.id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(
        json!({ "user": owner.subject, "actions": actions, "jobs": jobs, "streams": streams, "events": events }),
    )
}
