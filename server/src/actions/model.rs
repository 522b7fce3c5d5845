use keepline_protocol::{
    ErrorCode,
    catalogue::{JobStarted, PromptModel},
};

use super::{ActionError, Actions};
use crate::jobs;

/// Starts an answer to a prompt.
pub(super) fn register(actions: Actions) -> Actions {
    actions.on(|context, action: PromptModel| {
        if action.prompt.trim().is_empty() {
            return Err(ActionError::refuse(ErrorCode::BadRequest, "the prompt is empty"));
        }
        let job = jobs::start(context.tx, context.known, jobs::MODEL, &action)?;
        Ok(JobStarted { job })
    })
}
