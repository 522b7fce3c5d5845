use serde::{Deserialize, Serialize};

use crate::{Action, Event, Payload};

/// Stops a job that still runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TaskCancel {
    /// The job's id.
    pub job: String,
}

impl Action for TaskCancel {
    const NAME: &'static str = "task:cancel:v1";
    type Reply = TaskCancelled;
}

/// The answer to [`TaskCancel`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TaskCancelled {
    /// Whether it was stopped by this; false where it had ended before.
    pub cancelled: bool,
}

/// A job was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobCreated {
    /// The job's id.
    pub job: String,
    /// What it does: `search`, `research`, `model`, `test`.
    pub kind: String,
}

impl Event for JobCreated {
    const NAME: &'static str = "job:created:v1";
}

/// A job ended well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobCompleted {
    /// The job's id.
    pub job: String,
    /// What it did.
    pub kind: String,
    /// What came of it, in the shape of its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Payload>,
}

impl Event for JobCompleted {
    const NAME: &'static str = "job:completed:v1";
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobFailure {
    /// A stable code.
    pub code: String,
    /// For people.
    #[serde(default)]
    pub message: String,
}

/// A job ended badly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobFailed {
    /// The job's id.
    pub job: String,
    /// What it did.
    pub kind: String,
    /// Why.
    pub error: JobFailure,
}

impl Event for JobFailed {
    const NAME: &'static str = "job:failed:v1";
}

/// A job was stopped before its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobCancelled {
    /// The job's id.
    pub job: String,
    /// What it did.
    pub kind: String,
}

impl Event for JobCancelled {
    const NAME: &'static str = "job:cancelled:v1";
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobProgress {
    /// The job's id.
    pub job: String,
    /// Steps done.
    pub done: u64,
    /// Steps in all.
    pub total: u64,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Event for JobProgress {
    const NAME: &'static str = "job:progress:v1";
}
