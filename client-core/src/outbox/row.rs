//! The table `actions`, as rows. Every statement that reads or writes it for sending and settling is here.

use bytes::Bytes;
use keepline_protocol::{ActionId, ErrorCode, LedgerMark, Payload, Tag};
use rusqlite::{Row as SqlRow, params, types::Type};
use uuid::Uuid;

use super::{
    entry::{AckMode, ActionState, Body},
    list::unsettled,
};
use crate::{
    error::StoreError,
    outcome::{Outcome, Rejection, Reply},
    store::Tx,
};

/// What sending and settling need of a row.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) seq: i64,
    pub(super) id: ActionId,
    pub(super) lane: String,
    pub(super) name: String,
    pub(super) body: Body,
    pub(super) ack: AckMode,
    pub(super) submitted_ticks_ms: i64,
    pub(super) mark: LedgerMark,
    pub(super) state: ActionState,
    pub(super) void_reason: Option<VoidReason>,
    pub(super) voided: bool,
    pub(super) attempts: u32,
    pub(super) retries: u32,
    pub(super) position: Option<u64>,
    pub(super) tag: Option<Tag>,
    pub(super) error: Option<Rejection>,
}

/// Which row: its number here, and its id on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowKey {
    pub(super) seq: i64,
    pub(super) id: ActionId,
}

/// Why a row is being voided, which says what it becomes once the void is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum VoidReason {
    /// `cancel` or `discard`: settled as cancelled.
    Cancel,
    /// The lane moves on without it: parked.
    Skip,
    /// The server refused it from outside the ledger: settled with that error.
    Settle,
}

/// A place in the ledger, with what the answer said about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) position: u64,
    pub(crate) tag: Tag,
}

pub(super) const COLUMNS: &str = "seq, id, lane, name, kind, payload, ack, submitted_ticks_ms, mark_position, \
    mark_tag, state, void_reason, voided, attempts, retries, position, tag, error_code, error_text";

impl Row {
    /// The row of this id, or of the id that `submit` gave before a retry changed it.
    pub(super) fn find(tx: &Tx<'_>, id: ActionId) -> Result<Option<Self>, StoreError> {
        let by_id = format!("SELECT {COLUMNS} FROM actions WHERE id = ?1");
        if let Some(row) = tx.first(&by_id, [id.uuid().as_bytes()], Self::read)? {
            return row.with_attachments(tx).map(Some);
        }
        let by_origin = format!("SELECT {COLUMNS} FROM actions WHERE origin = ?1");
        let row = tx.first(&by_origin, [id.uuid().as_bytes()], Self::read)?;
        row.map(|row| row.with_attachments(tx)).transpose()
    }

    pub(super) fn load(tx: &Tx<'_>, seq: i64) -> Result<Option<Self>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM actions WHERE seq = ?1");
        let row = tx.first(&sql, [seq], Self::read)?;
        row.map(|row| row.with_attachments(tx)).transpose()
    }

    /// The next rows of a lane after `after` that have no outcome.
    pub(super) fn page(
        tx: &Tx<'_>,
        account: &str,
        lane: &str,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Self>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM actions WHERE account = ?1 AND lane = ?2 AND seq > ?3 AND state < 4 \
             ORDER BY seq LIMIT ?4"
        );
        let rows = tx.all(&sql, params![account, lane, after, limit as i64], Self::read)?;
        rows.into_iter().map(|row| row.with_attachments(tx)).collect()
    }

    /// The first row of a lane that still has to get its outcome from the server.
    pub(super) fn head(tx: &Tx<'_>, account: &str, lane: &str) -> Result<Option<Self>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM actions WHERE account = ?1 AND lane = ?2 AND state < 4 \
             AND NOT (state = 3 AND voided) ORDER BY seq LIMIT 1"
        );
        tx.first(&sql, [account, lane], Self::read)
    }

    pub(super) fn read(row: &SqlRow<'_>) -> rusqlite::Result<Self> {
        let payload = read_payload(row, 5)?;
        Ok(Self {
            seq: row.get(0)?,
            id: read_id(row, 1)?,
            lane: row.get(2)?,
            name: row.get(3)?,
            body: match row.get(4)? {
                0 => Body::Payload(payload),
                _ => Body::Raw { args: payload, attachments: Vec::new() },
            },
            ack: if row.get::<_, i64>(6)? == 0 { AckMode::Required } else { AckMode::None },
            submitted_ticks_ms: row.get(7)?,
            mark: LedgerMark { position: row.get(8)?, tag: read_tag(row, 9)?.unwrap_or_default() },
            state: read_state(row, 10)?,
            void_reason: row.get::<_, Option<i64>>(11)?.map(|number| match number {
                0 => VoidReason::Cancel,
                1 => VoidReason::Skip,
                _ => VoidReason::Settle,
            }),
            voided: row.get(12)?,
            attempts: row.get(13)?,
            retries: row.get(14)?,
            position: row.get(15)?,
            tag: read_tag(row, 16)?,
            error: read_error(row, 17)?,
        })
    }

    fn with_attachments(mut self, tx: &Tx<'_>) -> Result<Self, StoreError> {
        if let Body::Raw { attachments, .. } = &mut self.body {
            *attachments = read_attachments(tx, self.seq, false)?;
        }
        Ok(self)
    }

    pub(super) fn key(&self) -> RowKey {
        RowKey { seq: self.seq, id: self.id }
    }

    pub(super) fn mark_sent(&mut self, tx: &Tx<'_>) -> Result<(), StoreError> {
        self.state = ActionState::Sent;
        tx.execute("UPDATE actions SET state = 1 WHERE seq = ?1", [self.seq]).map(drop)
    }

    pub(super) fn mark_voiding(
        &mut self,
        tx: &Tx<'_>,
        reason: VoidReason,
        error: Option<&Rejection>,
    ) -> Result<(), StoreError> {
        self.state = ActionState::Voiding;
        self.void_reason = Some(reason);
        let error = error.or(self.error.as_ref());
        let text = affordable_text(tx, error)?;
        tx.execute(
            "UPDATE actions SET state = 2, void_reason = ?2, error_code = ?3, error_text = ?4, outcome = NULL, \
             settled_wall_ms = NULL, taken = 0 WHERE seq = ?1",
            params![self.seq, reason as i64, error.map(|e| e.code.as_str()), text],
        )
        .map(drop)
    }

    /// Parks the row. With a place, the ledger holds a void for its id.
    pub(super) fn mark_parked(&mut self, tx: &Tx<'_>, void: Option<Place>) -> Result<(), StoreError> {
        self.state = ActionState::Parked;
        self.voided = void.is_some();
        tx.execute(
            "UPDATE actions SET state = 3, void_reason = NULL, voided = ?2, position = ?3, tag = ?4 WHERE seq = ?1",
            params![
                self.seq,
                self.voided,
                void.map(|place| place.position),
                void.map(|place| place.tag.to_bytes())
            ],
        )
        .map(drop)
    }

    /// The ledger holds a void for this id, and the row is about to be settled by it.
    pub(super) fn note_void(&mut self, tx: &Tx<'_>) -> Result<(), StoreError> {
        self.voided = true;
        tx.execute("UPDATE actions SET voided = 1 WHERE seq = ?1", [self.seq]).map(drop)
    }

    /// The ledger has lost the void.
    pub(super) fn forget_void(&mut self, tx: &Tx<'_>) -> Result<(), StoreError> {
        (self.voided, self.position, self.tag) = (false, None, None);
        tx.execute("UPDATE actions SET voided = 0, position = NULL, tag = NULL WHERE seq = ?1", [self.seq])
            .map(drop)
    }

    pub(super) fn count_attempt(&mut self, tx: &Tx<'_>, error: Option<&Rejection>) -> Result<(), StoreError> {
        self.attempts += 1;
        let text = affordable_text(tx, error)?;
        tx.execute(
            "UPDATE actions SET attempts = ?2, error_code = coalesce(?3, error_code), \
             error_text = coalesce(?4, error_text) WHERE seq = ?1",
            params![self.seq, self.attempts, error.map(|e| e.code.as_str()), text],
        )
        .map(drop)
    }

    /// Queues a parked row again. A voided one takes the next id, with the void's place as its mark.
    pub(super) fn mark_retried(&mut self, tx: &Tx<'_>) -> Result<(), StoreError> {
        self.state = ActionState::Sent;
        self.attempts = 0;
        if !self.voided {
            return tx
                .execute("UPDATE actions SET state = 1, attempts = 0 WHERE seq = ?1", [self.seq])
                .map(drop);
        }
        let old = self.id;
        self.retries += 1;
        self.id = old.retry(self.retries);
        self.mark = LedgerMark { position: self.position.unwrap_or(0), tag: self.tag.unwrap_or_default() };
        self.voided = false;
        // Never "queued" again: a copy of the database may have sent the same new id already.
        tx.execute(
            "UPDATE actions SET state = 1, attempts = 0, voided = 0, id = ?2, origin = coalesce(origin, ?3), \
             retries = ?4, mark_position = ?5, mark_tag = ?6, position = NULL, tag = NULL WHERE seq = ?1",
            params![
                self.seq,
                self.id.uuid().as_bytes(),
                old.uuid().as_bytes(),
                self.retries,
                self.mark.position,
                self.mark.tag.to_bytes()
            ],
        )
        .map(drop)
    }
}

/// Stores the outcome. Where the disk is full, it is stored without its reply rather than not at all.
pub(super) fn store_outcome(
    tx: &Tx<'_>,
    seq: i64,
    wall_ms: i64,
    outcome: &Outcome,
    place: Option<Place>,
) -> Result<(), StoreError> {
    if let Outcome::Accepted(Reply { payload: Some(payload), attachments }) = outcome {
        store_reply(tx, seq, payload, attachments)?;
    }
    let error = if let Outcome::Rejected(rejection) = outcome { Some(rejection) } else { None };
    let text = affordable_text(tx, error)?;
    tx.execute(
        "UPDATE actions SET state = 4, void_reason = NULL, outcome = ?2, position = ?3, tag = ?4, \
         settled_wall_ms = ?5, error_code = coalesce(?6, error_code), error_text = coalesce(?7, error_text) \
         WHERE seq = ?1",
        params![
            seq,
            outcome_number(outcome),
            place.map(|place| place.position),
            place.map(|place| place.tag.to_bytes()),
            wall_ms,
            error.map(|error| error.code.as_str()),
            text
        ],
    )
    .map(drop)
}

/// A reply that would take the room of others' outcomes is left out.
fn store_reply(tx: &Tx<'_>, seq: i64, payload: &Payload, attachments: &[Bytes]) -> Result<(), StoreError> {
    let store = || -> Result<(), StoreError> {
        tx.execute("UPDATE actions SET reply = ?2 WHERE seq = ?1", params![seq, payload.as_str()])?;
        insert_attachments(tx, seq, true, attachments)
    };
    let bytes = payload.len() + attachments.iter().map(Bytes::len).sum::<usize>();
    if bytes <= SMALL_BYTES && attachments.is_empty() {
        return store();
    }
    if !tx.has_room_for_extra(bytes as u64, unsettled(tx)?)? {
        return Ok(());
    }
    // The disk itself may be full before the quota is.
    match tx.savepoint(store)? {
        Ok(()) | Err(StoreError::Full) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The text beside an error's code, cut to a length that a screen can show; none where there is no room for it.
fn affordable_text<'a>(tx: &Tx<'_>, error: Option<&'a Rejection>) -> Result<Option<&'a str>, StoreError> {
    let Some(Rejection { text, .. }) = error else { return Ok(None) };
    let text = &text[..text.floor_char_boundary(ERROR_TEXT_BYTES_MAX)];
    let has_room = text.len() <= SMALL_BYTES || tx.has_room_for_extra(text.len() as u64, unsettled(tx)?)?;
    Ok(Some(if has_room { text } else { "" }))
}

/// The stored outcome of a settled row.
pub(super) fn read_outcome(tx: &Tx<'_>, seq: i64) -> Result<Option<Outcome>, StoreError> {
    type Stored = (Option<i64>, Option<Payload>, Option<Rejection>);
    let stored: Option<Stored> = tx.first(
        "SELECT outcome, reply, error_code, error_text FROM actions WHERE seq = ?1 AND state = 4",
        [seq],
        |row| {
            let reply = row.get::<_, Option<String>>(1)?.and_then(|text| Payload::parse(text).ok());
            Ok((row.get(0)?, reply, read_error(row, 2)?))
        },
    )?;
    let Some((Some(number), payload, error)) = stored else { return Ok(None) };
    Ok(Some(match number {
        0 => Outcome::Accepted(Reply { payload, attachments: read_attachments(tx, seq, true)? }),
        1 => Outcome::Rejected(error.unwrap_or(Rejection { code: ErrorCode::Internal, text: String::new() })),
        2 => Outcome::Expired,
        3 => Outcome::Cancelled,
        5 => Outcome::Sent,
        _ => Outcome::Indeterminate,
    }))
}

fn outcome_number(outcome: &Outcome) -> i64 {
    match outcome {
        Outcome::Accepted(_) => 0,
        Outcome::Rejected(_) => 1,
        Outcome::Expired => 2,
        Outcome::Cancelled => 3,
        Outcome::Indeterminate => 4,
        Outcome::Sent => 5,
    }
}

pub(super) fn insert_attachments(
    tx: &Tx<'_>,
    seq: i64,
    reply: bool,
    attachments: &[Bytes],
) -> Result<(), StoreError> {
    for (num, bytes) in (0i64..).zip(attachments) {
        tx.execute(
            "INSERT INTO attachments (seq, reply, num, bytes) VALUES (?1, ?2, ?3, ?4)",
            params![seq, reply, num, bytes.as_ref()],
        )?;
    }
    Ok(())
}

pub(super) fn read_attachments(tx: &Tx<'_>, seq: i64, reply: bool) -> Result<Vec<Bytes>, StoreError> {
    tx.all(
        "SELECT bytes FROM attachments WHERE seq = ?1 AND reply = ?2 ORDER BY num",
        params![seq, reply],
        |row| row.get::<_, Vec<u8>>(0).map(Bytes::from),
    )
}

pub(super) fn read_id(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<ActionId> {
    row.get::<_, [u8; 16]>(column).map(|bytes| Uuid::from_bytes(bytes).into())
}

pub(super) fn read_tag(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<Option<Tag>> {
    Ok(row.get::<_, Option<[u8; 8]>>(column)?.map(Tag::from_bytes))
}

pub(super) fn read_payload(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<Payload> {
    let text: String = row.get(column)?;
    Payload::parse(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into()))
}

pub(super) fn read_error(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<Option<Rejection>> {
    let Some(code) = row.get::<_, Option<String>>(column)? else { return Ok(None) };
    let text = row.get::<_, Option<String>>(column + 1)?.unwrap_or_default();
    Ok(Some(Rejection { code: code.into(), text }))
}

pub(super) fn read_state(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<ActionState> {
    Ok(match row.get::<_, i64>(column)? {
        0 => ActionState::Queued,
        1 => ActionState::Sent,
        2 => ActionState::Voiding,
        3 => ActionState::Parked,
        _ => ActionState::Settled,
    })
}

/// What fits into the share that each row has for its outcome, and needs no question whether there is room.
const SMALL_BYTES: usize = 64;

/// Longer texts of a server are cut.
const ERROR_TEXT_BYTES_MAX: usize = 1_024;
