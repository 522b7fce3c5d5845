//! What `--dev` adds, for tests and for people who try things.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use keepline_protocol::{
    ActionId, ErrorCode, Payload, Stream,
    catalogue::{Emitted, JobStarted, TestEcho, TestEmit, TestFail, TestJob, TestRecord, TestRecorded},
    limits::EVENT_BYTES_MAX,
};

use super::{ActionContext, ActionError, Actions};
use crate::jobs;

/// How many events one `test:emit:v1` may append: they are all in one transaction.
const EMIT_MAX: u32 = 10_000;

/// How many events one `test:job:v1` may have.
const JOB_EVENTS_MAX: u64 = 10_000_000;

/// The longest pause of a `test:job:v1`, so that a slip of the finger is no job for a week.
const INTERVAL_MS_MAX: u64 = 60_000;

/// How many actions that are to fail a few times are counted; beyond it, counting starts anew.
const COUNTED_MAX: usize = 10_000;

/// The room that a tick's other fields need.
const TICK_BYTES: usize = 256;

pub(super) fn register(actions: Actions) -> Actions {
    let failures = Failures::default();
    actions
        .answer(|_, TestEcho(payload)| Ok(payload))
        .on(record)
        .on(emit)
        .on(move |context, action: TestFail| failures.fail(context, &action))
        .on(job)
}

fn record(context: &mut ActionContext<'_, '_>, TestRecord { n }: TestRecord) -> Result<Payload, ActionError> {
    let action = context.action_id().map(|id| id.to_string());
    context.append(&Stream::User, &TestRecorded { n, action })?;
    Ok(Payload::new(&serde_json::json!({ "n": n })).expect("an object"))
}

fn emit(context: &mut ActionContext<'_, '_>, action: TestEmit) -> Result<Emitted, ActionError> {
    if action.count == 0 || action.count > EMIT_MAX {
        return Err(ActionError::refuse(ErrorCode::BadRequest, "a count is 1 to 10,000"));
    }
    let mut head = 0;
    for _ in 0..action.count {
        head = context.append_raw(&action.stream, &action.name, action.payload.clone())?;
    }
    Ok(Emitted { head })
}

fn job(context: &mut ActionContext<'_, '_>, action: TestJob) -> Result<JobStarted, ActionError> {
    let bytes = usize::try_from(action.bytes).unwrap_or(usize::MAX);
    if action.events > JOB_EVENTS_MAX
        || action.interval_ms > INTERVAL_MS_MAX
        || bytes > EVENT_BYTES_MAX - TICK_BYTES
    {
        return Err(ActionError::refuse(ErrorCode::BadRequest, "more than a test needs"));
    }
    let job = jobs::start(context.tx, context.known, jobs::TEST, &action)?;
    Ok(JobStarted { job })
}

/// How often each action has failed. It has to outlast the rollback that a failure is, so it is no table.
#[derive(Default)]
struct Failures(Mutex<HashMap<ActionId, u32>>);

impl Failures {
    fn fail(&self, context: &ActionContext<'_, '_>, action: &TestFail) -> Result<Payload, ActionError> {
        if let (Some(times), Some(id)) = (action.times, context.action_id()) {
            let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if counts.len() >= COUNTED_MAX && !counts.contains_key(&id) {
                counts.clear();
            }
            let count = counts.entry(id).or_default();
            if *count >= times {
                return Ok(Payload::new(&serde_json::json!({ "failed": *count })).expect("an object"));
            }
            *count += 1;
        }
        let text = "failed as asked";
        Err(if action.retryable {
            ActionError::later(action.code.clone(), text)
        } else {
            ActionError::refuse(action.code.clone(), text)
        })
    }
}
