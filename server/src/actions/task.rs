use keepline_protocol::{
    ErrorCode,
    catalogue::{TaskCancel, TaskCancelled},
};

use super::{ActionError, Actions};
use crate::jobs;

/// Stops a job of the same owner.
pub(super) fn register(actions: Actions) -> Actions {
    actions.on(|context, TaskCancel { job }: TaskCancel| {
        match jobs::cancel(context.tx, context.known, &job)? {
            Some(cancelled) => Ok(TaskCancelled { cancelled }),
            // Somebody else's job is as unknown as one that never was.
            None => Err(ActionError::refuse(ErrorCode::NotFound, "no such job")),
        }
    })
}
