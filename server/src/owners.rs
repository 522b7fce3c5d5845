use keepline_protocol::{Stream, Tag};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    ids::{Owner, OwnerId, StreamId},
    log,
    storage::{StorageError, Txn},
};

/// An owner who has been here: the rows that are needed with each action.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) owner: Owner,
    pub(crate) id: OwnerId,
    pub(crate) user_stream: StreamId,
}

/// Looks an owner up.
pub(crate) fn find(conn: &Connection, owner: &Owner) -> rusqlite::Result<Option<Known>> {
    conn.prepare_cached(
        "SELECT owners.id, streams.id FROM owners JOIN streams ON streams.owner = owners.id \
         WHERE tenant = ?1 AND subject = ?2 AND streams.name = ?3",
    )?
    .query_row(params![owner.tenant, owner.subject, Stream::User.to_string()], |row| {
        Ok(Known { owner: owner.clone(), id: row.get(0)?, user_stream: row.get(1)? })
    })
    .optional()
}

/// Makes an owner with an empty ledger and an empty user stream, unless somebody else just did.
pub(crate) fn find_or_create(tx: &mut Txn<'_>, owner: &Owner) -> Result<Known, StorageError> {
    if let Some(known) = find(tx.conn, owner)? {
        return Ok(known);
    }
    tx.conn
        .prepare_cached(
            "INSERT INTO owners (tenant, subject, position, tag, floor, replies_floor, created_ms) \
             VALUES (?1, ?2, 0, ?3, 0, 0, ?4)",
        )?
        .execute(params![owner.tenant, owner.subject, Tag::START.to_bytes(), tx.now_ms])?;
    let id = OwnerId(tx.conn.last_insert_rowid());
    let user_stream = log::create(tx, id, &Stream::User)?;
    Ok(Known { owner: owner.clone(), id, user_stream })
}
