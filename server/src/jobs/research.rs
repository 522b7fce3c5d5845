use std::collections::{BTreeMap, BTreeSet};

use keepline_protocol::{
    Event, Payload,
    catalogue::{JobProgress, ResearchFinding, StartResearch},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    corpus::{Found, words},
    search,
    worker::{Job, Stopped},
};

pub(crate) const KIND: &str = "research";

/// How many rounds of questions: one where nothing is said, and at most.
pub(crate) const DEPTH_DEFAULT: u32 = 2;
pub(crate) const DEPTH_MAX: u32 = 4;

/// How many questions one round asks.
const QUESTIONS: usize = 3;

/// How many documents answer one question.
const SOURCES: u32 = 4;

/// How long a finding's text may be, in characters: its passages put together.
const FINDING_CHARS_MAX: usize = 1_200;

#[derive(Default, Serialize, Deserialize)]
struct State {
    findings: Vec<ResearchFinding>,
    /// What is still to be asked in this round, and what was asked.
    #[serde(rename = "_open")]
    open: Vec<String>,
    #[serde(rename = "_asked")]
    asked: BTreeSet<String>,
    #[serde(rename = "_round")]
    round: u32,
    /// Words of this round's findings that the questions had not: what the next round asks about.
    #[serde(rename = "_lead")]
    lead: BTreeMap<String, u32>,
}

/// Asks the topic, then about what stood beside it in what was found, and reports.
///
/// Every question is a search of the documents; each step holds what is open, so that a restart goes on with the
/// next question.
pub(super) async fn run(job: &Job) -> Result<Payload, Stopped> {
    let StartResearch { topic, depth } = job.params()?;
    let depth = depth.unwrap_or(DEPTH_DEFAULT).clamp(1, DEPTH_MAX);
    let mut state: State = job.state();
    if state.round == 0 {
        state.round = 1;
        state.open = vec![topic.clone()];
    }
    loop {
        while !state.open.is_empty() {
            ask(job, &topic, depth, &mut state).await?;
        }
        if state.round >= depth || !state.next_round(&topic) {
            return Ok(report(&topic, &state));
        }
    }
}

async fn ask(job: &Job, topic: &str, depth: u32, state: &mut State) -> Result<(), Stopped> {
    let question = state.open.remove(0);
    let found = search::find(job, question.clone(), SOURCES).await?;
    state.asked.insert(question.clone());
    state.note_leads(topic, &found);
    let mut events = Vec::new();
    if !found.is_empty() {
        let finding = ResearchFinding {
            job: job.id().to_owned(),
            index: state.findings.len() as u64,
            question,
            text: text(&found),
            sources: found.into_iter().map(|found| found.passage.source).collect(),
        };
        events.push((ResearchFinding::NAME, Payload::new(&finding).expect("a finding is JSON")));
        state.findings.push(finding);
    }
    let done = state.asked.len() as u64;
    let total = done + state.open.len() as u64 + u64::from(depth - state.round) * QUESTIONS as u64;
    events.push((JobProgress::NAME, search::progress(job, done, total)));
    job.step(events, state, (done, total)).await
}

impl State {
    fn note_leads(&mut self, topic: &str, found: &[Found]) {
        let known: BTreeSet<String> = words(topic).into_iter().map(|word| word.to_lowercase()).collect();
        for found in found {
            for word in words(&found.passage.text) {
                let word = word.to_lowercase();
                // Short words are grammar more often than matter.
                if word.chars().count() > 5 && !known.contains(&word) {
                    *self.lead.entry(word).or_default() += 1;
                }
            }
        }
    }

    /// Opens the next round; `false` where nothing is left to ask.
    fn next_round(&mut self, topic: &str) -> bool {
        let mut leads: Vec<(String, u32)> = std::mem::take(&mut self.lead).into_iter().collect();
        leads.sort_by(|one, two| two.1.cmp(&one.1).then_with(|| one.0.cmp(&two.0)));
        self.open = leads
            .into_iter()
            .map(|(word, _)| format!("{topic} {word}"))
            .filter(|question| !self.asked.contains(question))
            .take(QUESTIONS)
            .collect();
        self.round += 1;
        !self.open.is_empty()
    }
}

fn text(found: &[Found]) -> String {
    let passages: Vec<&str> = found.iter().map(|found| found.passage.text.as_str()).collect();
    passages.join("\n").chars().take(FINDING_CHARS_MAX).collect()
}

fn report(topic: &str, state: &State) -> Payload {
    let sources: BTreeSet<&String> = state.findings.iter().flat_map(|finding| &finding.sources).collect();
    let lines: Vec<String> = state
        .findings
        .iter()
        .map(|finding| format!("{}: see {}", finding.question, finding.sources.join(", ")))
        .collect();
    let result = json!({
        "topic": topic,
        "questions": state.asked.len(),
        "findings": state.findings.len(),
        "sources": sources,
        "report": lines.join("\n"),
    });
    Payload::new(&result).expect("an object")
}
