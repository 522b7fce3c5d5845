use serde::{Deserialize, Serialize};

use super::JobStarted;
use crate::{Action, Event};

/// Looks into a topic with several searches and reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StartResearch {
    /// What to look into.
    pub topic: String,
    /// How many rounds of questions; the server's default without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth: Option<u32>,
}

impl Action for StartResearch {
    const NAME: &'static str = "research:start:v1";
    type Reply = JobStarted;
}

/// One question answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResearchFinding {
    /// The job it belongs to.
    pub job: String,
    /// Its number among the findings, from 0.
    pub index: u64,
    /// The question asked.
    pub question: String,
    /// What was found.
    pub text: String,
    /// The documents it stands on.
    pub sources: Vec<String>,
}

impl Event for ResearchFinding {
    const NAME: &'static str = "research:finding:v1";
}
