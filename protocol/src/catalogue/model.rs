use serde::{Deserialize, Serialize};

use super::JobStarted;
use crate::{Action, Event};

/// Asks a language model; its answer streams in pieces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PromptModel {
    /// What to ask.
    pub prompt: String,
    /// Which model; the server's default without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How long the answer may be, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
}

impl Action for PromptModel {
    const NAME: &'static str = "model:prompt:v1";
    type Reply = JobStarted;
}

/// One piece of a model's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ModelChunk {
    /// The job it belongs to.
    pub job: String,
    /// Its number among the pieces, from 0.
    pub index: u64,
    /// The text to append.
    pub text: String,
}

impl Event for ModelChunk {
    const NAME: &'static str = "model:chunk:v1";
}
