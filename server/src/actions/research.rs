use keepline_protocol::{
    ErrorCode,
    catalogue::{JobStarted, StartResearch},
};

use super::{ActionError, Actions};
use crate::jobs::{self, words};

/// Starts looking into a topic.
pub(super) fn register(actions: Actions) -> Actions {
    actions.on(|context, action: StartResearch| {
        if words(&action.topic).is_empty() {
            return Err(ActionError::refuse(ErrorCode::BadRequest, "the topic has no word to look for"));
        }
        let job = jobs::start(context.tx, context.known, jobs::RESEARCH, &action)?;
        Ok(JobStarted { job })
    })
}
