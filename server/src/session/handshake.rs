use std::{collections::BTreeMap, sync::Arc, time::Duration};

use keepline_protocol::{
    ConnectAuth, ConnectCode, ConnectRefused, Connected as ConnectReply, Limits, PROTO, Payload,
    SessionReady, Stream, StreamStatus, Subscribe, limits, names, socket_io::ROOT,
};
use uuid::Uuid;

use super::Connected;
use crate::{
    app::App,
    clock::rfc3339,
    connection::Socket,
    hub::{Outlet, SubscribeError, Welcome, session_event},
    ids::StreamId,
    storage::StorageError,
};

/// When to come back after a refusal that may pass.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How a CONNECT went.
pub(super) enum Verdict {
    Connected(Box<Connected>),
    Refused(ConnectCode),
    /// The connection ended under it.
    Gone,
}

/// Why a CONNECT is refused.
struct Refusal {
    code: ConnectCode,
    retry_after: Option<Duration>,
}

impl From<ConnectCode> for Refusal {
    fn from(code: ConnectCode) -> Self {
        let retry_after =
            matches!(code, ConnectCode::RateLimited | ConnectCode::Unavailable).then_some(RETRY_AFTER);
        Self { code, retry_after }
    }
}

impl From<StorageError> for Refusal {
    fn from(error: StorageError) -> Self {
        tracing::warn!(%error, "cannot connect a client");
        ConnectCode::Unavailable.into()
    }
}

/// A client that was let in, before it knows.
struct Admitted {
    connected: Connected,
    ready: Option<SessionReady>,
    live: Vec<(StreamId, u64)>,
}

impl App {
    /// Answers a CONNECT.
    pub(super) async fn connect(&self, socket: &mut Socket, auth: Option<Payload>) -> Verdict {
        match self.admit(socket, auth).await {
            Ok(admitted) => self.let_in(socket, admitted).await,
            Err(refusal) => {
                let mut refused = ConnectRefused::new(refusal.code.clone());
                if let Some(data) = &mut refused.data {
                    data.retry_after_ms =
                        refusal.retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
                }
                let payload = Payload::new(&refused).expect("a refusal is JSON");
                match socket.refuse(ROOT, payload).await {
                    Ok(()) => Verdict::Refused(refusal.code),
                    Err(_) => Verdict::Gone,
                }
            }
        }
    }

    async fn admit(&self, socket: &Socket, auth: Option<Payload>) -> Result<Admitted, Refusal> {
        let auth: ConnectAuth = match auth.map(|auth| auth.decode::<Option<ConnectAuth>>()) {
            Some(Ok(auth)) => auth.unwrap_or_default(),
            Some(Err(_)) => return Err(ConnectCode::BadRequest.into()),
            None => ConnectAuth::default(),
        };
        if auth.proto.is_some_and(|proto| proto != PROTO) {
            return Err(ConnectCode::ProtoUnsupported.into());
        }
        if auth.resume.len() > limits::RESUME_STREAMS_MAX {
            return Err(ConnectCode::BadRequest.into());
        }
        if self.drain.is_cancelled() {
            return Err(ConnectCode::Unavailable.into());
        }
        let token = auth.token.as_ref().ok_or(ConnectCode::AuthTokenMissing)?;
        let now_ms = self.hub.now_ms();
        let verified = self.auth.verify(token, now_ms).map_err(ConnectCode::from)?;
        let known = Arc::new(self.hub.known(&verified.owner).await?);
        let seat = self.gate.sit(known.id, now_ms).ok_or(ConnectCode::RateLimited)?;
        let proto = auth.proto.is_some();
        let meta = proto || auth.meta == Some(true);
        let outlet = Arc::new(Outlet::new(socket.sender().clone(), meta, !proto));
        let connected = Connected { known, outlet, seat, expires_ms: verified.expires_ms, proto };
        self.hub.fanout().add_owner(connected.known.id, &connected.outlet);
        // From here on the outlet is listed, and has to be taken off the list where this does not end well.
        let welcomed =
            if proto { self.welcome(&connected, auth).await } else { self.welcome_stock(&connected).await };
        match welcomed {
            Ok((ready, live)) => Ok(Admitted { connected, ready, live }),
            Err(error) => {
                self.hub.fanout().remove(connected.known.id, &connected.outlet);
                Err(error.into())
            }
        }
    }

    /// What a Keepline client is told: how everything it remembers stands to what is here.
    async fn welcome(
        &self,
        connected: &Connected,
        auth: ConnectAuth,
    ) -> Result<(Option<SessionReady>, Vec<(StreamId, u64)>), StorageError> {
        let known = &connected.known;
        // Cursors and queue of another account mean nothing here, and say nothing either.
        let own = auth.account.as_ref() == Some(&known.owner.subject);
        let (ledger, resume) = if own { (auth.ledger, auth.resume) } else { (None, BTreeMap::new()) };
        if let Some(sdk) = &auth.sdk {
            tracing::debug!(?sdk, owner = %known.owner, "client");
        }
        let welcome = self.hub.welcome(known, &connected.outlet, ledger, resume).await?;
        for ready in welcome.streams.values().filter(|ready| ready.status == StreamStatus::Reset) {
            tracing::debug!(owner = %known.owner, reason = ?ready.reset.as_ref().map(|reset| reset.reason), "reset");
            self.metrics.reset();
        }
        let Welcome { ledger, streams, live } = welcome;
        let ready = SessionReady {
            proto: PROTO,
            session: String::new(),
            user: known.owner.subject.clone(),
            expires_at: rfc3339(connected.expires_ms),
            limits: Limits {
                action_bytes: limits::ACTION_BYTES_MAX as u64,
                event_bytes: limits::EVENT_BYTES_MAX as u64,
                streams: u32::try_from(limits::STREAMS_MAX).unwrap_or(u32::MAX),
                actions_per_second: self.gate.actions_per_second(),
            },
            ledger,
            streams,
        };
        Ok((Some(ready), live))
    }

    /// A stock client gets its user stream from here on without asking.
    async fn welcome_stock(
        &self,
        connected: &Connected,
    ) -> Result<(Option<SessionReady>, Vec<(StreamId, u64)>), StorageError> {
        let user = Subscribe { stream: Stream::User, epoch: None, after: None, tag: None, limit: None };
        match self.hub.page(&connected.known, &connected.outlet, user).await {
            Ok(page) => Ok((None, page.stream.map(|id| (id, page.events.next)).into_iter().collect())),
            // The user stream was made with its owner.
            Err(SubscribeError::NotFound) => Ok((None, Vec::new())),
            Err(SubscribeError::Storage(error)) => Err(error),
        }
    }

    async fn let_in(&self, socket: &mut Socket, admitted: Admitted) -> Verdict {
        let Admitted { connected, ready, live } = admitted;
        #[expect(clippy::disallowed_methods, reason = "a session's id; no engine")]
        let sid = Uuid::new_v4().simple().to_string();
        let reply = ConnectReply { sid: sid.clone(), proto: connected.proto.then_some(PROTO) };
        let mut sent = socket.accept(ROOT, Payload::new(&reply).expect("a reply is JSON")).await;
        if let (Ok(()), Some(mut ready)) = (sent, ready) {
            ready.session = sid;
            sent = socket.sender().send(session_event(names::SESSION_READY, &ready)).await;
        }
        if sent.is_err() {
            self.hub.fanout().remove(connected.known.id, &connected.outlet);
            return Verdict::Gone;
        }
        for (id, next) in live {
            connected.outlet.go_live(id, next);
        }
        Verdict::Connected(Box::new(connected))
    }
}
