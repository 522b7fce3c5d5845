//! What clients can ask: the catalogue's actions and an app's own, by the same means.

mod apply;
mod context;
mod error;
mod model;
mod research;
mod search;
mod task;
mod test;

use std::{
    collections::HashMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

pub(crate) use apply::{Application, Asked, Desk, ack_frames};
pub use context::ActionContext;
pub use error::ActionError;
use keepline_protocol::{Action, ErrorCode, Payload};
use serde::{Serialize, de::DeserializeOwned};

use crate::ids::Owner;

type Apply = dyn Fn(&mut ActionContext<'_, '_>, &Payload) -> Result<Payload, ActionError> + Send + Sync;
type Answer = dyn Fn(&Owner, &Payload) -> Result<Payload, ActionError> + Send + Sync;

#[derive(Clone)]
enum Handler {
    /// Runs in the action's transaction.
    Apply(Arc<Apply>),
    /// Touches nothing, and needs no transaction.
    Answer(Arc<Answer>),
}

/// The handlers by the name of their action.
///
/// A handler runs inside the action's transaction, on the storage's thread: whatever it does through its
/// [`ActionContext`] is committed together with the action's outcome, exactly once. It must not block: all
/// actions of all users wait for it. Work that takes time belongs into a task of the app, started from a stream
/// the app watches or from the handler with the action's id as its key.
#[derive(Clone, Default)]
pub struct Actions {
    handlers: HashMap<Arc<str>, Handler>,
}

impl Actions {
    /// No handlers beside the catalogue's.
    pub fn new() -> Self {
        Self::default()
    }

    /// Handles an action of the app. A payload of another shape is refused with `BAD_REQUEST` before the handler
    /// is called. A later handler of the same name takes the place of an earlier one, the catalogue's too.
    #[must_use]
    pub fn on<A, H>(self, handler: H) -> Self
    where
        A: Action + DeserializeOwned,
        A::Reply: Serialize,
        H: Fn(&mut ActionContext<'_, '_>, A) -> Result<A::Reply, ActionError> + Send + Sync + 'static,
    {
        self.on_raw(A::NAME, move |context, payload| {
            let action = read(payload)?;
            reply(&handler(context, action)?)
        })
    }

    /// Handles an action by its name, with the payload as it came.
    #[must_use]
    pub fn on_raw<H>(mut self, name: &str, handler: H) -> Self
    where
        H: Fn(&mut ActionContext<'_, '_>, &Payload) -> Result<Payload, ActionError> + Send + Sync + 'static,
    {
        self.handlers.insert(name.into(), Handler::Apply(Arc::new(handler)));
        self
    }

    /// Answers an action of the app that changes nothing: an echo, a look-up in the app's own memory.
    ///
    /// Sent without an id, as an online call or by a stock client, it is answered in its connection's task: without a
    /// transaction, and without waiting for anybody else's actions or for those before it. Sent with an id it goes
    /// through the ledger like every other. It must not block. Otherwise as [`on`](Self::on).
    #[must_use]
    pub fn answer<A, H>(mut self, handler: H) -> Self
    where
        A: Action + DeserializeOwned,
        A::Reply: Serialize,
        H: Fn(&Owner, A) -> Result<A::Reply, ActionError> + Send + Sync + 'static,
    {
        let answer = move |owner: &Owner, payload: &Payload| reply(&handler(owner, read(payload)?)?);
        self.handlers.insert(A::NAME.into(), Handler::Answer(Arc::new(answer)));
        self
    }

    /// The catalogue, what `--dev` adds, and above both the app's own.
    pub(crate) fn complete(own: Self, dev: bool) -> Self {
        let mut all = search::register(Self::new());
        all = research::register(all);
        all = model::register(all);
        all = task::register(all);
        if dev {
            all = test::register(all);
        }
        all.handlers.extend(own.handlers);
        all
    }

    fn handle(
        &self,
        name: &str,
        context: &mut ActionContext<'_, '_>,
        payload: &Payload,
    ) -> Result<Payload, ActionError> {
        // A handler that panics must not take the writer with it. What it did is rolled back like any failure's.
        caught(name, || match self.handlers.get(name) {
            Some(Handler::Apply(apply)) => apply(context, payload),
            Some(Handler::Answer(answer)) => answer(context.owner(), payload),
            None => Err(ActionError::refuse(ErrorCode::UnknownAction, "no such action")),
        })
    }

    /// The answer to an action that needs no transaction; `None` where it does.
    pub(crate) fn answer_at_once(
        &self,
        name: &str,
        owner: &Owner,
        payload: &Payload,
    ) -> Option<Result<Payload, ActionError>> {
        match self.handlers.get(name)? {
            Handler::Apply(_) => None,
            Handler::Answer(answer) => Some(caught(name, || answer(owner, payload))),
        }
    }
}

fn read<A: DeserializeOwned>(payload: &Payload) -> Result<A, ActionError> {
    payload.decode().map_err(|_| ActionError::refuse(ErrorCode::BadRequest, "the payload has another shape"))
}

fn reply<R: Serialize>(reply: &R) -> Result<Payload, ActionError> {
    Payload::new(reply).map_err(|_| ActionError::refuse(ErrorCode::Internal, "the reply cannot be JSON"))
}

fn caught(name: &str, handle: impl FnOnce() -> Result<Payload, ActionError>) -> Result<Payload, ActionError> {
    catch_unwind(AssertUnwindSafe(handle)).unwrap_or_else(|_| {
        tracing::error!(action = ?name, "a handler panicked");
        Err(ActionError::later(ErrorCode::Internal, "the server failed"))
    })
}

impl fmt::Debug for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.handlers.keys()).finish()
    }
}
