use std::collections::HashSet;

use keepline_protocol::{
    Event, Payload,
    catalogue::{JobProgress, SearchResult, StartSearch},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    corpus::{Found, Passage},
    worker::{Job, Stopped},
};

pub(crate) const KIND: &str = "search";

/// How many results a search gives where nothing is said, and at most.
pub(crate) const LIMIT_DEFAULT: u32 = 20;
pub(crate) const LIMIT_MAX: u32 = 200;

/// How many results go into one step: few, so that the first ones are seen while the rest is on its way.
const BATCH: usize = 8;

/// How large the results may grow together, in bytes. They are the snapshot of a reset, which has to fit into a
/// packet; a search that would pass it ends there and says so.
const RESULTS_BYTES_MAX: usize = 96 * 1024;

#[derive(Default, Serialize, Deserialize)]
struct State {
    results: Vec<SearchResult>,
}

/// Looks the words up and gives one result after another.
pub(super) async fn run(job: &Job) -> Result<Payload, Stopped> {
    let StartSearch { query, limit } = job.params()?;
    let limit = limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX);
    let found = find(job, query, limit).await?;
    let mut state: State = job.state();
    // After a restart the documents may have changed: what was given stays given, and is not given again.
    let given: HashSet<&str> = state.results.iter().map(|result| result.source.as_str()).collect();
    let room = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(state.results.len());
    let new: Vec<Found> =
        found.into_iter().filter(|found| !given.contains(found.passage.source.as_str())).take(room).collect();
    let total = (state.results.len() + new.len()) as u64;
    let mut bytes: usize = state.results.iter().map(size).sum();
    let mut truncated = false;
    let mut new = new.into_iter().peekable();
    while new.peek().is_some() && !truncated {
        let mut events = Vec::new();
        for found in new.by_ref().take(BATCH) {
            let result = result(job, state.results.len() as u64, found);
            bytes += size(&result);
            if bytes > RESULTS_BYTES_MAX {
                truncated = true;
                break;
            }
            events.push((SearchResult::NAME, Payload::new(&result).expect("a result is JSON")));
            state.results.push(result);
        }
        let done = state.results.len() as u64;
        events.push((JobProgress::NAME, progress(job, done, total)));
        job.step(events, &state, (done, total)).await?;
    }
    let total = state.results.len();
    let result =
        if truncated { json!({ "total": total, "truncated": true }) } else { json!({ "total": total }) };
    Ok(Payload::new(&result).expect("an object"))
}

/// The documents that match, best first.
pub(super) async fn find(job: &Job, query: String, limit: u32) -> Result<Vec<Found>, Stopped> {
    job.aside(move |corpus| corpus.search(&query, limit)).await?.map_err(|error| {
        tracing::error!(%error, "the index cannot be searched");
        Stopped::failed("UNAVAILABLE", "the documents cannot be searched")
    })
}

pub(super) fn progress(job: &Job, done: u64, total: u64) -> Payload {
    let progress = JobProgress { job: job.id().to_owned(), done, total, note: None };
    Payload::new(&progress).expect("progress is JSON")
}

fn result(job: &Job, index: u64, Found { passage, score }: Found) -> SearchResult {
    let Passage { title, text, source } = passage;
    SearchResult { job: job.id().to_owned(), index, title, snippet: text, source, score }
}

fn size(result: &SearchResult) -> usize {
    serde_json::to_string(result).map_or(0, |text| text.len())
}
