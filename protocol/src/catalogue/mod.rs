//! The actions and events that Keepline's reference server knows.

mod job;
mod model;
mod research;
mod search;
mod test;

pub use job::{
    JobCancelled, JobCompleted, JobCreated, JobFailed, JobFailure, JobProgress, TaskCancel, TaskCancelled,
};
pub use model::{ModelChunk, PromptModel};
pub use research::{ResearchFinding, StartResearch};
pub use search::{SearchResult, StartSearch};
pub use test::{Emitted, TestEcho, TestEmit, TestFail, TestJob, TestRecord, TestRecorded, TestTick};

use serde::{Deserialize, Serialize};

/// The answer to every action that starts a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobStarted {
    /// The job's id; its events are on the stream `job:<id>`.
    pub job: String,
}
