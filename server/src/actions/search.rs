use keepline_protocol::{
    ErrorCode,
    catalogue::{JobStarted, StartSearch},
};

use super::{ActionError, Actions};
use crate::jobs::{self, words};

/// Starts a search of the documents.
pub(super) fn register(actions: Actions) -> Actions {
    actions.on(|context, action: StartSearch| {
        if words(&action.query).is_empty() {
            return Err(ActionError::refuse(ErrorCode::BadRequest, "the query has no word to look for"));
        }
        if action.limit == Some(0) {
            return Err(ActionError::refuse(ErrorCode::BadRequest, "a limit is at least 1"));
        }
        let job = jobs::start(context.tx, context.known, jobs::SEARCH, &action)?;
        Ok(JobStarted { job })
    })
}
