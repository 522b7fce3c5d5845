use std::{fmt, marker::PhantomData, pin::Pin, time::Duration};

use bytes::Bytes;
use keepline_protocol::{
    ActionId, Payload,
    limits::{ATTACHMENTS_MAX, NAME_BYTES_MAX},
    names,
    socket_io::Args,
};
use serde::{Serialize, Serializer, ser::SerializeStruct};
use tokio::sync::oneshot;

use crate::{
    client::{Handle, WeakHandle},
    command::Command,
    driver::Errand,
    error::{CallError, OutcomeError, SubmitError},
    limits::{COALESCE_BYTES_MAX, LABEL_BYTES_MAX, LANE_BYTES_MAX, TTL_MAX},
    outbox::{AckMode, Body, NewAction},
    outcome::{FromReply, Outcome, Reply},
};

/// An action on its way into the queue: set options, then await it.
///
/// Awaiting it gives a [`Submission`] once the action is durable, or a [`SubmitError`] where nothing was kept.
#[must_use = "nothing is submitted before it is awaited"]
pub struct Submit<R> {
    client: Handle,
    action: Result<Box<NewAction>, SubmitError>,
    reply: PhantomData<fn() -> R>,
}

impl<R> Submit<R> {
    pub(crate) fn typed(
        client: Handle,
        name: impl Into<String>,
        payload: Result<Payload, SubmitError>,
    ) -> Self {
        Self::new(client, name.into(), payload.map(Body::Payload))
    }

    pub(crate) fn raw(client: Handle, name: impl Into<String>, args: Result<Args, SubmitError>) -> Self {
        let body = args.and_then(|args| {
            let array = Payload::parse(args.to_json()).map_err(|_| SubmitError::NotJson)?;
            Ok(Body::Raw { args: array, attachments: args.attachments().to_vec() })
        });
        Self::new(client, name.into(), body)
    }

    fn new(client: Handle, name: String, body: Result<Body, SubmitError>) -> Self {
        let action = body.map(|body| {
            Box::new(NewAction {
                id: ActionId::random(),
                name,
                body,
                lane: None,
                label: None,
                coalesce: None,
                ttl: None,
                ack: AckMode::Required,
            })
        });
        Self { client, action, reply: PhantomData }
    }

    /// The lane: actions of one lane reach the server in order, lanes are independent of each other. Without it the
    /// action goes into the default lane.
    pub fn lane(self, lane: impl Into<String>) -> Self {
        let lane = lane.into();
        self.with(|action| action.lane = Some(lane))
    }

    /// How long it may wait without having been sent; the config's otherwise.
    pub fn ttl(self, ttl: Duration) -> Self {
        self.with(|action| action.ttl = Some(ttl))
    }

    /// A string of the app's own, shown in lists of the queue; at most 256 bytes.
    pub fn label(self, label: impl Into<String>) -> Self {
        let label = label.into();
        self.with(|action| action.label = Some(label))
    }

    /// It replaces an earlier action with the same key in its lane that was never sent, which settles as `Cancelled`.
    pub fn coalesce(self, key: impl Into<String>) -> Self {
        let key = key.into();
        self.with(|action| action.coalesce = Some(key))
    }

    /// An id of the caller's own. Submitting the same action under the same id again is safe: it is queued once.
    pub fn id(self, id: ActionId) -> Self {
        self.with(|action| action.id = id)
    }

    /// Whether an existing server is asked for an acknowledgement.
    pub fn ack(self, ack: AckMode) -> Self {
        self.with(|action| action.ack = ack)
    }

    fn with(mut self, set: impl FnOnce(&mut NewAction)) -> Self {
        if let Ok(action) = &mut self.action {
            set(action);
        }
        self
    }

    async fn run(self) -> Result<Submission<R>, SubmitError> {
        let action = self.action?;
        check(&action, self.client.shared.action_bytes_max)?;
        let id = self.client.command(|answer| Command::Submit { action, answer }).await?;
        Ok(Submission::new(id, self.client.downgrade()))
    }
}

impl<R: 'static> IntoFuture for Submit<R> {
    type Output = Result<Submission<R>, SubmitError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<R> fmt::Debug for Submit<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submit").finish_non_exhaustive()
    }
}

/// An action in the queue. `R` is the type of its reply.
///
/// It may be dropped and found again by [`Client::submission`](crate::Client::submission), also after a restart.
pub struct Submission<R = Reply> {
    id: ActionId,
    client: WeakHandle,
    reply: PhantomData<fn() -> R>,
}

impl<R> Submission<R> {
    pub(crate) fn new(id: ActionId, client: WeakHandle) -> Self {
        Self { id, client, reply: PhantomData }
    }

    /// The action's id.
    pub fn id(&self) -> ActionId {
        self.id
    }

    /// Waits for the outcome, with the reply as it came. It may be asked for again and again, and dropping the future
    /// loses nothing. Across a suspension it waits on.
    ///
    /// # Errors
    /// `NotFound`, or `Closed` once the client is shut down.
    pub async fn outcome_raw(&self) -> Result<Outcome, OutcomeError> {
        let (answer, answered) = oneshot::channel();
        self.client.tell(Errand::Await { id: self.id, answer }).await;
        answered.await.unwrap_or(Err(OutcomeError::Closed))
    }
}

impl<R: FromReply> Submission<R> {
    /// Waits for the outcome, with the reply in the action's type, or as it came where the type is [`Reply`].
    ///
    /// # Errors
    /// As for [`outcome_raw`](Self::outcome_raw), and `BadReply` where the server accepted the action and the reply
    /// does not fit; the raw outcome has it.
    pub async fn outcome(&self) -> Result<Outcome<R>, OutcomeError> {
        let outcome = self.outcome_raw().await?;
        outcome.try_map(R::from_reply).map_err(|_| OutcomeError::BadReply)
    }
}

impl Submission<Reply> {
    /// The same submission with a type for its reply.
    pub fn typed<R>(self) -> Submission<R> {
        Submission::new(self.id, self.client)
    }
}

impl<R> Clone for Submission<R> {
    fn clone(&self) -> Self {
        Self::new(self.id, self.client.clone())
    }
}

impl<R> fmt::Debug for Submission<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submission").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Marks the place of a binary attachment among the arguments of a raw action: its number in the list of attachments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Attachment(pub usize);

impl Serialize for Attachment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut placeholder = serializer.serialize_struct("Attachment", 2)?;
        placeholder.serialize_field("_placeholder", &true)?;
        placeholder.serialize_field("num", &self.0)?;
        placeholder.end()
    }
}

/// A value that cannot be JSON, in the words of each caller.
pub(crate) trait NotJson {
    const NOT_JSON: Self;
}

impl NotJson for SubmitError {
    const NOT_JSON: Self = Self::NotJson;
}

impl NotJson for CallError {
    const NOT_JSON: Self = Self::NotJson;
}

pub(crate) fn payload_of<T: Serialize + ?Sized, E: NotJson>(value: &T) -> Result<Payload, E> {
    Payload::new(value).map_err(|_| E::NOT_JSON)
}

/// An array of arguments with its attachments, each of which has its place.
pub(crate) fn raw_args<E: NotJson>(args: &impl Serialize, attachments: Vec<Bytes>) -> Result<Args, E> {
    let array: Payload = payload_of(args)?;
    let count = attachments.len();
    let args = Args::parse(array.as_str(), attachments).map_err(|_| E::NOT_JSON)?;
    if count > ATTACHMENTS_MAX || !every_attachment_has_a_place(array.as_str(), count) {
        return Err(E::NOT_JSON);
    }
    Ok(args)
}

/// Each number from 0 once: a missing place would leave the other end with a different value, a wrong number would
/// make it close the connection.
fn every_attachment_has_a_place(json: &str, count: usize) -> bool {
    fn collect(value: &serde_json::Value, places: &mut Vec<Option<u64>>) {
        match value {
            serde_json::Value::Object(fields) if fields.get("_placeholder") == Some(&true.into()) => {
                places.push(fields.get("num").and_then(serde_json::Value::as_u64));
            }
            serde_json::Value::Object(fields) => fields.values().for_each(|value| collect(value, places)),
            serde_json::Value::Array(items) => items.iter().for_each(|value| collect(value, places)),
            _ => {}
        }
    }
    let Ok(value) = serde_json::from_str(json) else { return false };
    let mut places = Vec::new();
    collect(&value, &mut places);
    places.sort_unstable();
    places.iter().copied().eq((0..count as u64).map(Some))
}

/// Names that mean something to the protocol itself, here or at an existing server.
pub(crate) fn check_name(name: &str) -> Result<(), SubmitError> {
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len()) && !SESSION_NAMES.contains(&name);
    let fits = fits && !names::RESERVED.contains(&name);
    if fits { Ok(()) } else { Err(SubmitError::BadField { field: "name" }) }
}

fn check(action: &NewAction, bytes_max: u64) -> Result<(), SubmitError> {
    check_name(&action.name)?;
    let bytes = action.body.bytes();
    if bytes > bytes_max {
        return Err(SubmitError::TooLarge { bytes, limit: bytes_max });
    }
    let fields = [
        ("lane", &action.lane, 1, LANE_BYTES_MAX),
        ("label", &action.label, 0, LABEL_BYTES_MAX),
        ("coalesce", &action.coalesce, 1, COALESCE_BYTES_MAX),
    ];
    for (field, value, min, max) in fields {
        if value.as_ref().is_some_and(|value| !(min..=max).contains(&value.len())) {
            return Err(SubmitError::BadField { field });
        }
    }
    if action.ttl.is_some_and(|ttl| ttl.is_zero() || ttl > TTL_MAX) {
        return Err(SubmitError::BadField { field: "ttl" });
    }
    // A name that is stored must be one that every server may store too.
    if !names::is_allowed(&action.name) {
        return Err(SubmitError::BadField { field: "name" });
    }
    Ok(())
}

/// The session's own, beside those of Socket.IO.
const SESSION_NAMES: [&str; 9] = [
    names::SESSION_READY,
    names::AUTH_EXPIRING,
    names::AUTH_EXPIRED,
    names::AUTH_REFRESH,
    names::SERVER_DRAINING,
    names::STREAM_SUBSCRIBE,
    names::STREAM_UNSUBSCRIBE,
    names::LEDGER_CHECK,
    names::ACTION_VOID,
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn action(bytes: usize) -> NewAction {
        NewAction {
            id: ActionId::random(),
            name: "a:v1".to_owned(),
            body: Body::Payload(Payload::new(&"x".repeat(bytes - 2)).unwrap()),
            lane: None,
            label: None,
            coalesce: None,
            ttl: None,
            ack: AckMode::Required,
        }
    }

    #[test]
    fn sizes_have_an_edge() {
        assert_eq!(check(&action(100), 100), Ok(()));
        assert_eq!(check(&action(101), 100), Err(SubmitError::TooLarge { bytes: 101, limit: 100 }));
        let args = Payload::parse("[1]").unwrap();
        let raw = |bytes: usize| NewAction {
            body: Body::Raw { args: args.clone(), attachments: vec![vec![0; bytes].into()] },
            ..action(10)
        };
        assert_eq!(check(&raw(97), 100), Ok(()));
        assert!(matches!(check(&raw(98), 100), Err(SubmitError::TooLarge { bytes: 101, .. })));
    }

    #[test]
    fn fields_have_an_edge() {
        type Set = fn(&mut NewAction, String);
        let cases: [(&str, Set, usize); 4] = [
            ("name", |action, text| action.name = text, NAME_BYTES_MAX),
            ("lane", |action, text| action.lane = Some(text), LANE_BYTES_MAX),
            ("label", |action, text| action.label = Some(text), LABEL_BYTES_MAX),
            ("coalesce", |action, text| action.coalesce = Some(text), COALESCE_BYTES_MAX),
        ];
        for (field, set, max) in cases {
            let with = |text: String| {
                let mut action = action(10);
                set(&mut action, text);
                check(&action, 100)
            };
            assert_eq!(with("x".repeat(max)), Ok(()), "{field}");
            assert_eq!(with("x".repeat(max + 1)), Err(SubmitError::BadField { field }), "{field}");
            let empty = with(String::new());
            assert_eq!(empty.is_ok(), field == "label", "{field}");
        }
        for ttl in [Duration::ZERO, TTL_MAX + Duration::from_secs(1)] {
            let refused = check(&NewAction { ttl: Some(ttl), ..action(10) }, 100);
            assert_eq!(refused, Err(SubmitError::BadField { field: "ttl" }));
        }
    }

    #[test]
    fn the_protocols_own_names_are_refused() {
        for name in SESSION_NAMES.into_iter().chain(names::RESERVED) {
            assert_eq!(check_name(name), Err(SubmitError::BadField { field: "name" }), "{name}");
        }
    }

    #[test]
    fn raw_arguments_are_an_array_whose_attachments_have_their_places() {
        let args = |args: serde_json::Value, count: usize| -> Result<Args, SubmitError> {
            raw_args(&args, vec![Bytes::from_static(b"x"); count])
        };
        assert!(args(json!(["room", {"text": "a"}]), 0).is_ok());
        assert!(args(json!([Attachment(0)]), 1).is_ok());
        assert!(args(json!([{"deep": [Attachment(1)]}, Attachment(0)]), 2).is_ok());
        for (value, count) in [
            (json!({"a": 1}), 0),
            (json!("text"), 0),
            (json!([]), 1),
            (json!([Attachment(0)]), 0),
            (json!([Attachment(1)]), 1),
            (json!([Attachment(0), Attachment(0)]), 2),
            (json!([{"_placeholder": true}]), 1),
        ] {
            assert_eq!(args(value.clone(), count), Err(SubmitError::NotJson), "{value}");
        }
        let eleven: Vec<_> = (0..=ATTACHMENTS_MAX).map(Attachment).collect();
        assert_eq!(args(json!(eleven), ATTACHMENTS_MAX + 1), Err(SubmitError::NotJson));
    }
}
