use keepline_protocol::{
    Event, Payload,
    catalogue::{ModelChunk, PromptModel},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    search,
    worker::{Job, Stopped},
};

pub(crate) const KIND: &str = "model";

/// How many tokens an answer has where nothing is said, and at most. A token is taken as four characters, the usual
/// estimate.
const TOKENS_DEFAULT: u32 = 512;
const TOKENS_MAX: u32 = 4_096;
const CHARS_OF_A_TOKEN: usize = 4;

/// How many passages an answer is made of.
const PASSAGES: u32 = 5;

/// How many characters one piece of the answer has.
const CHUNK_CHARS: usize = 64;

#[derive(Default, Serialize, Deserialize)]
struct State {
    /// The answer so far.
    text: String,
    chunks: u64,
    /// The whole answer, made once: a restart must go on in the same text.
    #[serde(rename = "_answer", default, skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
}

/// Answers from the documents, word by word out of them, and says so. It stands where a model will be asked.
pub(super) async fn run(job: &Job) -> Result<Payload, Stopped> {
    let PromptModel { prompt, max_tokens, .. } = job.params()?;
    let mut state: State = job.state();
    let answer = match &state.answer {
        Some(answer) => answer.clone(),
        None => extract(job, prompt, max_tokens).await?,
    };
    state.answer = Some(answer.clone());
    let total = answer.chars().count().div_ceil(CHUNK_CHARS) as u64;
    while state.chunks < total {
        let start = usize::try_from(state.chunks).unwrap_or(usize::MAX).saturating_mul(CHUNK_CHARS);
        let text: String = answer.chars().skip(start).take(CHUNK_CHARS).collect();
        state.text.push_str(&text);
        let chunk = ModelChunk { job: job.id().to_owned(), index: state.chunks, text };
        state.chunks += 1;
        let event = (ModelChunk::NAME, Payload::new(&chunk).expect("a chunk is JSON"));
        job.step(vec![event], &state, (state.chunks, total)).await?;
    }
    Ok(Payload::new(&json!({ "text": answer, "model": "extractive" })).expect("an object"))
}

async fn extract(job: &Job, prompt: String, max_tokens: Option<u32>) -> Result<String, Stopped> {
    let tokens = max_tokens.unwrap_or(TOKENS_DEFAULT).clamp(1, TOKENS_MAX);
    let chars = usize::try_from(tokens).unwrap_or(usize::MAX).saturating_mul(CHARS_OF_A_TOKEN);
    let found = search::find(job, prompt, PASSAGES).await?;
    let mut answer = String::from("No language model is connected; these passages of the documents match.\n");
    if found.is_empty() {
        answer.push_str("None does.\n");
    }
    for found in found {
        answer.push_str(&format!(
            "\n{} ({}): {}\n",
            found.passage.title, found.passage.source, found.passage.text
        ));
    }
    Ok(answer.chars().take(chars).collect())
}
