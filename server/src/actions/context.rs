use std::sync::Arc;

use keepline_protocol::{
    ActionId, ErrorCode, Event, Payload, Stream,
    limits::{EVENT_BYTES_MAX, NAME_BYTES_MAX},
};
use serde::Serialize;

use super::ActionError;
use crate::{
    hub::{EncodedOnce, Ephemeral},
    ids::{Owner, StreamId},
    jobs, log,
    owners::Known,
    storage::{News, Txn},
};

/// What a handler may touch: everything in it is one transaction with the action's outcome.
///
/// What is appended here stands if and only if the action was applied, and it was applied once, however often it
/// arrived. That does **not** hold for anything outside: mail, HTTP calls, other databases. A crash between such an
/// effect and the commit lets the action come again, so **effects outside happen at least once**. Pass
/// [`action_id`](Self::action_id) on as their idempotency key.
pub struct ActionContext<'c, 't> {
    pub(super) tx: &'c mut Txn<'t>,
    pub(super) known: &'c Known,
    pub(super) action: Option<ActionId>,
}

impl ActionContext<'_, '_> {
    /// Who sent the action.
    pub fn owner(&self) -> &Owner {
        &self.known.owner
    }

    /// The action's id: the idempotency key for every effect outside this server. `None` from a stock client that
    /// sent none, whose actions arrive at most once and are remembered by nobody.
    pub fn action_id(&self) -> Option<ActionId> {
        self.action
    }

    /// Appends an event to one of the owner's streams and gives its offset.
    ///
    /// # Errors
    /// `NOT_FOUND` for a job that is not the owner's or is no more, `TOO_LARGE` for an event beyond
    /// [`EVENT_BYTES_MAX`], `BAD_REQUEST` for one that cannot be JSON.
    pub fn append<E: Event + Serialize>(&mut self, stream: &Stream, event: &E) -> Result<u64, ActionError> {
        let payload = Payload::new(event)
            .map_err(|_| ActionError::refuse(ErrorCode::BadRequest, "the event cannot be JSON"))?;
        self.append_raw(stream, E::NAME, payload)
    }

    /// Appends an event whose name is only known now. Otherwise as [`append`](Self::append).
    ///
    /// # Errors
    /// As [`append`](Self::append); also `BAD_REQUEST` for a name that is empty or longer than [`NAME_BYTES_MAX`].
    pub fn append_raw(&mut self, stream: &Stream, name: &str, payload: Payload) -> Result<u64, ActionError> {
        check(name, &payload)?;
        let id = self.stream(stream)?;
        Ok(log::append(self.tx, id, name, payload)?)
    }

    /// Tells the owner's connected clients something that no log keeps. It may be lost, it has no offset, and it
    /// goes out once the action is committed.
    ///
    /// # Errors
    /// As for [`append_raw`](Self::append_raw).
    pub fn emit_ephemeral(&mut self, name: &str, payload: Payload) -> Result<(), ActionError> {
        check(name, &payload)?;
        let event =
            Ephemeral { name: name.into(), payload, at_ms: self.tx.now_ms, frames: EncodedOnce::default() };
        self.tx.announce(News::Ephemeral(self.known.id, Arc::new(event)));
        Ok(())
    }

    fn stream(&self, stream: &Stream) -> Result<StreamId, ActionError> {
        match stream {
            Stream::User => Ok(self.known.user_stream),
            Stream::Job(job) => jobs::stream_of(self.tx.conn, self.known.id, job)?
                .ok_or_else(|| ActionError::refuse(ErrorCode::NotFound, "no such job")),
        }
    }
}

fn check(name: &str, payload: &Payload) -> Result<(), ActionError> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(ActionError::refuse(ErrorCode::BadRequest, "an event's name has 1 to 128 bytes"));
    }
    if payload.len() > EVENT_BYTES_MAX {
        return Err(ActionError::refuse(ErrorCode::TooLarge, "the event is too large"));
    }
    Ok(())
}
