//! What clients can ask: the catalogue's actions and an app's own, by the same means.

mod apply;
mod context;
mod error;
mod model;
mod research;
mod search;
mod task;
mod test;

use std::{collections::HashMap, fmt, sync::Arc};

pub(crate) use apply::{Application, Asked, Desk, ack_frames};
pub use context::ActionContext;
pub use error::ActionError;
use keepline_protocol::{Action, ErrorCode, Payload};
use serde::{Serialize, de::DeserializeOwned};

type Handler = dyn Fn(&mut ActionContext<'_, '_>, &Payload) -> Result<Payload, ActionError> + Send + Sync;

/// The handlers by the name of their action.
///
/// A handler runs inside the action's transaction, on the storage's thread: whatever it does through its
/// [`ActionContext`] is committed together with the action's outcome, exactly once. It must not block: all
/// actions of all users wait for it. Work that takes time belongs into a task of the app, started from a stream
/// the app watches or from the handler with the action's id as its key.
#[derive(Clone, Default)]
pub struct Actions {
    handlers: HashMap<Arc<str>, Arc<Handler>>,
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
            let action = payload
                .decode()
                .map_err(|_| ActionError::refuse(ErrorCode::BadRequest, "the payload has another shape"))?;
            let reply = handler(context, action)?;
            Payload::new(&reply)
                .map_err(|_| ActionError::refuse(ErrorCode::Internal, "the reply cannot be JSON"))
        })
    }

    /// Handles an action by its name, with the payload as it came.
    #[must_use]
    pub fn on_raw<H>(mut self, name: &str, handler: H) -> Self
    where
        H: Fn(&mut ActionContext<'_, '_>, &Payload) -> Result<Payload, ActionError> + Send + Sync + 'static,
    {
        self.handlers.insert(name.into(), Arc::new(handler));
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
        match self.handlers.get(name) {
            Some(handler) => handler(context, payload),
            None => Err(ActionError::refuse(ErrorCode::UnknownAction, "no such action")),
        }
    }
}

impl fmt::Debug for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.handlers.keys()).finish()
    }
}
