//! From the engine's handshake to a line on which actions go out: CONNECT, `session:ready:v1`, and the comparison of
//! ledgers with a server that was rolled back.

use keepline_protocol::{
    AuthRefresh, ConnectAuth, ConnectCode, ConnectRefused, Connected, LedgerCheck, LedgerChecked, LedgerMark,
    LedgerStatus, PROTO, Payload, SessionAck, SessionReady, Token, names,
    socket_io::{Args, Kind, Packet},
};
use serde_json::{Map, Value};

use super::{
    Awaiting, Cx, Effect, Engine, META_ACCOUNT, META_KEEPLINE, TokenReason,
    session::{Phase, Wish},
    store_meta,
    timers::Timer,
};
use crate::{
    error::StoreError,
    status::{AuthTrouble, LineTrouble},
};

impl Engine {
    /// Asks for the namespace. To a plain server everything but `token` and the app's own keys means nothing.
    pub(super) fn join(&mut self) {
        let known = (!self.account.is_empty()).then(|| self.account.clone());
        let auth = ConnectAuth {
            token: self.session.token.clone(),
            proto: Some(PROTO),
            account: known,
            sdk: Some(self.options.sdk.clone()),
            ledger: self.ledger.clone(),
            resume: self.inbox.resume(),
            meta: None,
        };
        let mut fields: Map<String, Value> = self.options.auth.clone();
        if let Ok(Value::Object(own)) = serde_json::to_value(&auth) {
            fields.extend(own);
        }
        let payload = Payload::new(&fields).unwrap_or_else(|_| Payload::null());
        let packet = self.packet_of(Kind::Connect(Some(payload)));
        self.backlog.push(packet);
    }

    /// The namespace was granted.
    pub(super) fn joined(&mut self, cx: &mut Cx<'_, '_>, payload: Option<Payload>) -> Result<(), StoreError> {
        if !matches!(self.session.phase, Phase::Joining) {
            return Ok(());
        }
        let connected: Option<Connected> = payload.and_then(|payload| payload.decode().ok());
        match connected.and_then(|connected| connected.proto) {
            Some(PROTO) => {
                self.session.phase = Phase::Greeting;
                Ok(())
            }
            Some(_) => self.auth_required(cx, AuthTrouble::ProtoUnsupported),
            None if self.keepline_seen => self.lost(cx, LineTrouble::NotKeepline, None),
            None => {
                self.limits = None;
                self.inbox.ready_plain();
                self.outbox.line_up(cx, true)?;
                self.online(cx, Phase::Online { resumed: false, plain: true });
                Ok(())
            }
        }
    }

    /// The namespace was refused. Unknown codes are a plain server's way to refuse a token.
    pub(super) fn refused(&mut self, cx: &mut Cx<'_, '_>, payload: &Payload) -> Result<(), StoreError> {
        let refused: ConnectRefused =
            payload.decode().unwrap_or(ConnectRefused { message: String::new(), data: None });
        let retry_after = refused.data.as_ref().and_then(|data| data.retry_after_ms);
        match refused.code() {
            ConnectCode::RateLimited | ConnectCode::Unavailable => {
                let after = retry_after.map(std::time::Duration::from_millis);
                self.lost(cx, LineTrouble::Busy, after.map(|after| Wish { after, spread: after }))
            }
            ConnectCode::ProtoUnsupported => self.auth_required(cx, AuthTrouble::ProtoUnsupported),
            _ if self.session.token.is_none() => self.auth_required(cx, AuthTrouble::TokenMissing),
            code => self.token_refused(cx, AuthTrouble::TokenRefused { code: code.as_str().to_owned() }),
        }
    }

    /// `session:ready:v1`: whose line this is, and how the server's history stands to ours.
    pub(super) fn greeted(&mut self, cx: &mut Cx<'_, '_>, ready: SessionReady) -> Result<(), StoreError> {
        if !matches!(self.session.phase, Phase::Greeting) {
            return Ok(());
        }
        if self.account.is_empty() {
            self.learn_account(cx, &ready.user)?;
        } else if self.account != ready.user {
            return self.auth_required(cx, AuthTrouble::AccountMismatch);
        }
        if !self.keepline_seen {
            store_meta(cx.tx, META_KEEPLINE, "1")?;
            self.keepline_seen = true;
        }
        self.limits = Some(ready.limits.clone());
        match (ready.ledger.status, self.ledger.clone()) {
            // A server that cannot tell is met like one that was rolled back: taking its cursor without the comparison
            // would leave marks of a history that may be gone (docs/decisions/0001).
            (LedgerStatus::RolledBack | LedgerStatus::Unverifiable, Some(known)) => {
                let mut cursors = self.outbox.known_places(cx, &known.epoch)?;
                if known.epoch != ready.ledger.epoch {
                    cursors.clear();
                }
                if cursors.is_empty() {
                    return self.compared(cx, ready, None);
                }
                self.session.phase = Phase::Comparing(Box::new(ready));
                self.ask_session(Awaiting::Check, names::LEDGER_CHECK, &LedgerCheck { cursors });
                Ok(())
            }
            _ => self.session_up(cx, ready),
        }
    }

    /// The server's answer to which places it still knows.
    pub(super) fn checked(
        &mut self,
        cx: &mut Cx<'_, '_>,
        answer: SessionAck<LedgerChecked>,
    ) -> Result<(), StoreError> {
        let Phase::Comparing(ready) = std::mem::take(&mut self.session.phase) else { return Ok(()) };
        match answer {
            SessionAck::Ok(checked) => {
                let last = checked.confirmed.into_iter().max_by_key(|cursor| cursor.position);
                let last = last.map(|cursor| LedgerMark { position: cursor.position, tag: cursor.tag });
                self.compared(cx, *ready, last)
            }
            SessionAck::Refused(_) => {
                // Without the comparison nothing may be sent.
                self.session.phase = Phase::Comparing(ready);
                self.lost(cx, LineTrouble::Busy, None)
            }
        }
    }

    fn compared(
        &mut self,
        cx: &mut Cx<'_, '_>,
        ready: SessionReady,
        confirmed: Option<LedgerMark>,
    ) -> Result<(), StoreError> {
        tracing::warn!(
            confirmed = confirmed.map(|mark| mark.position),
            "the server does not have our whole history"
        );
        self.outbox.roll_back(cx, confirmed)?;
        self.session_up(cx, ready)
    }

    fn session_up(&mut self, cx: &mut Cx<'_, '_>, ready: SessionReady) -> Result<(), StoreError> {
        self.know_ledger(cx, &ready.ledger)?;
        let resumed = self.inbox.ready(cx, &ready)?;
        self.outbox.line_up(cx, false)?;
        self.online(cx, Phase::Online { resumed, plain: false });
        Ok(())
    }

    fn online(&mut self, cx: &mut Cx<'_, '_>, phase: Phase) {
        self.session.phase = phase;
        self.session.token_forced = false;
        self.session.progress_before = self.progress();
        self.timers.clear(Timer::ConnectTimeout);
        self.timers.set(Timer::BackoffReset, cx.now.at + GOOD_AFTER);
    }

    fn learn_account(&mut self, cx: &mut Cx<'_, '_>, user: &str) -> Result<(), StoreError> {
        user.clone_into(&mut self.account);
        store_meta(cx.tx, META_ACCOUNT, user)?;
        self.outbox.claim(cx, user)?;
        self.inbox.switch_account(cx, user)?;
        self.load_ledger(cx.tx)
    }

    /// `auth:expiring:v1`: a new token is asked for while the line stays up.
    pub(super) fn expiring(&mut self, cx: &mut Cx<'_, '_>) {
        cx.effects.push_back(Effect::FetchToken(TokenReason::Expiring));
    }

    pub(super) fn refresh(&mut self, token: Token) {
        self.ask_session(Awaiting::Refresh, names::AUTH_REFRESH, &AuthRefresh { token });
    }

    /// An action of the session's own: no meta, not in the ledger.
    pub(super) fn ask_session<T: serde::Serialize>(&mut self, awaiting: Awaiting, name: &str, payload: &T) {
        let args = Args::event(name).value(payload).expect("a session action is JSON").build();
        let id = self.await_ack(awaiting);
        let packet = self.event_packet(Some(id), args);
        self.backlog.push(packet);
    }

    pub(super) fn packet_of(&self, kind: Kind) -> Packet {
        if self.options.namespace == "/" {
            return Packet::root(kind);
        }
        Packet { namespace: self.options.namespace.clone().into(), kind }
    }
}

/// How long a line has to last before the next loss begins with the shortest delay.
const GOOD_AFTER: std::time::Duration = std::time::Duration::from_secs(10);
