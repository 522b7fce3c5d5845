use serde::{Deserialize, Serialize};

use super::JobStarted;
use crate::{Action, Event};

/// Searches the server's documents; results stream in as they are found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StartSearch {
    /// Words to look for.
    pub query: String,
    /// How many results at most; the server's default without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

impl Action for StartSearch {
    const NAME: &'static str = "search:start:v1";
    type Reply = JobStarted;
}

/// One document found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SearchResult {
    /// The job it belongs to.
    pub job: String,
    /// Its number among the results, from 0.
    pub index: u64,
    /// The document's title.
    pub title: String,
    /// Text around what was found.
    pub snippet: String,
    /// Where the document lies, relative to the searched folder.
    pub source: String,
    /// The higher, the better the match.
    pub score: f64,
}

impl Event for SearchResult {
    const NAME: &'static str = "search:result:v1";
}
