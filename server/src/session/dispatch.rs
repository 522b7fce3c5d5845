use std::time::Duration;

use bytes::Bytes;
use keepline_protocol::{
    ActionAck, ActionMeta, AuthRefresh, AuthRefreshed, ErrorBody, ErrorCode, LedgerCheck, LedgerChecked,
    Payload, SessionAck, VoidRequest, limits, names,
    socket_io::{Args, EventArgs},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{Flow, Session};
use crate::{
    actions::{Application, Asked, ack_frames},
    clock::rfc3339,
    connection::Frames,
    ledger::Claim,
    storage::StorageError,
};

impl Session {
    /// One event of the client: something of the session itself, or an action.
    pub(super) async fn dispatch(&mut self, ack: Option<u64>, args: Args) -> Flow {
        // The decoder has looked at it already.
        let Ok(EventArgs { name, args, attachments }) = args.into_event() else { return Flow::Over };
        let mut items = args.into_iter();
        let payload = items.next().unwrap_or_else(Payload::null);
        if let Err(wait) = self.seat.act(self.app.hub.now_ms()) {
            self.app.metrics.rate_limited();
            return self.answer(ack, &ActionAck::refused(rate_limited(wait))).await;
        }
        match name.as_str() {
            names::STREAM_SUBSCRIBE => self.subscribe(ack, &payload).await,
            names::STREAM_UNSUBSCRIBE => self.unsubscribe(ack, &payload).await,
            names::AUTH_REFRESH => {
                let answer = self.refresh(&payload);
                self.answer(ack, &answer).await
            }
            names::LEDGER_CHECK => {
                let answer = self.check_ledger(&payload).await;
                self.answer(ack, &answer).await
            }
            names::ACTION_VOID => match decode::<VoidRequest>(&payload) {
                Ok(VoidRequest { id, prev, mark }) => {
                    self.apply(ack, Asked::Void(Claim { id, prev, mark })).await
                }
                Err(error) => self.answer(ack, &ActionAck::refused(error)).await,
            },
            _ => match self.read_action(name, payload, items.next().as_ref(), &attachments) {
                Ok(asked) => self.apply(ack, asked).await,
                Err(error) => self.answer(ack, &ActionAck::refused(error)).await,
            },
        }
    }

    /// Everything that can be said against an action before the ledger is asked. None of it is an outcome.
    fn read_action(
        &self,
        name: String,
        payload: Payload,
        meta: Option<&Payload>,
        attachments: &[Bytes],
    ) -> Result<Asked, ErrorBody> {
        if name.is_empty() || name.len() > limits::NAME_BYTES_MAX {
            return Err(ErrorBody::new(ErrorCode::BadRequest, "an action's name has 1 to 128 bytes"));
        }
        if payload.len() > limits::ACTION_BYTES_MAX {
            return Err(ErrorBody::new(ErrorCode::TooLarge, "the payload is too large"));
        }
        if !attachments.is_empty() {
            return Err(ErrorBody::new(ErrorCode::BadRequest, "actions have no attachments here"));
        }
        let claim = match meta {
            None => None,
            // A stock client's second argument is its own affair unless it is an object with an id.
            Some(meta) if !self.proto && !names_an_id(meta) => None,
            Some(meta) => {
                let ActionMeta { id, prev, mark, .. } = decode(meta)?;
                Some(Claim { id, prev, mark })
            }
        };
        Ok(Asked::Action { name, payload, claim })
    }

    async fn apply(&self, ack: Option<u64>, asked: Asked) -> Flow {
        if let Some(answer) = self.desk.answer_at_once(&asked) {
            return self.answer(ack, &answer).await;
        }
        let application = Application::new(&self.desk, asked, ack);
        match self.app.hub.storage().submit(Box::new(application)).await {
            Ok(()) => Flow::On,
            // The storage is closed: the server is at its very end, and the client comes back to the next one.
            Err(_) => Flow::Over,
        }
    }

    fn refresh(&mut self, payload: &Payload) -> SessionAck<AuthRefreshed> {
        let AuthRefresh { token } = match decode(payload) {
            Ok(refresh) => refresh,
            Err(error) => return SessionAck::Refused(error),
        };
        let now_ms = self.app.hub.now_ms();
        match self.app.auth.verify(&token, now_ms) {
            Ok(verified) if verified.owner == self.known.owner => {
                self.clockwork.refresh(verified.expires_ms, now_ms);
                SessionAck::Ok(AuthRefreshed { expires_at: rfc3339(verified.expires_ms) })
            }
            Ok(_) => SessionAck::Refused(ErrorBody::new(ErrorCode::Forbidden, "another subject's token")),
            Err(error) => {
                let code = keepline_protocol::ConnectCode::from(error);
                SessionAck::Refused(ErrorBody::new(code.as_str().into(), "the token is not good"))
            }
        }
    }

    async fn check_ledger(&self, payload: &Payload) -> SessionAck<LedgerChecked> {
        let LedgerCheck { cursors } = match decode(payload) {
            Ok(check) => check,
            Err(error) => return SessionAck::Refused(error),
        };
        if cursors.len() > limits::LEDGER_CURSORS_MAX {
            return SessionAck::Refused(ErrorBody::new(ErrorCode::TooLarge, "too many cursors"));
        }
        match self.app.hub.confirmed(self.known.id, cursors).await {
            Ok(confirmed) => SessionAck::Ok(LedgerChecked { confirmed }),
            Err(error) => SessionAck::Refused(unavailable(&error)),
        }
    }

    /// Answers at once, in the order of this task.
    pub(super) async fn answer<T: Serialize>(&self, ack: Option<u64>, answer: &T) -> Flow {
        match ack {
            Some(id) => self.send(ack_frames(id, answer)).await,
            None => Flow::On,
        }
    }

    pub(super) async fn send(&self, frames: Frames) -> Flow {
        match self.outlet.link().send(frames).await {
            Ok(()) => Flow::On,
            Err(_) => Flow::Over,
        }
    }
}

/// Reads what a client sent.
pub(super) fn decode<T: DeserializeOwned>(payload: &Payload) -> Result<T, ErrorBody> {
    payload
        .decode()
        .map_err(|_| ErrorBody::new(ErrorCode::BadRequest, "the payload or the meta has another shape"))
}

pub(super) fn unavailable(error: &StorageError) -> ErrorBody {
    tracing::warn!(%error, "cannot answer");
    ErrorBody::new(ErrorCode::Unavailable, "try again")
}

fn rate_limited(wait: Duration) -> ErrorBody {
    let mut error = ErrorBody::new(ErrorCode::RateLimited, "too many at once");
    error.retry_after_ms = Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1));
    error
}

fn names_an_id(meta: &Payload) -> bool {
    #[derive(serde::Deserialize)]
    struct Named {
        #[expect(dead_code, reason = "only its presence counts")]
        id: serde::de::IgnoredAny,
    }
    meta.decode::<Named>().is_ok()
}
