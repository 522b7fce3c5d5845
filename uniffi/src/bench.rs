use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::{CoreClosedError, CoreEvent, CoreEventBatch, CoreEventSource};

/// A source of so many events that costs nothing but the crossing.
#[uniffi::export]
pub fn core_generate(count: u64) -> Result<Arc<CoreEventSource>, CoreClosedError> {
    Ok(Arc::new(CoreEventSource::generator(Generator { count, given: AtomicU64::new(0) })))
}

#[derive(Debug)]
pub(crate) struct Generator {
    count: u64,
    given: AtomicU64,
}

impl Generator {
    pub(crate) fn next_events(&self, held: u64, max: usize) -> CoreEventBatch {
        let first = self.given.fetch_add(max as u64, Ordering::Relaxed).min(self.count);
        let last = first.saturating_add(max as u64).min(self.count);
        let events = (first + 1..=last).map(event).collect();
        CoreEventBatch {
            number: held + 1,
            names: vec!["test:tick:v1".to_owned()],
            epoch: Some("5f0c6b1e2a7d4c39".to_owned()),
            times: vec!["2026-01-01T00:00:00.000Z".to_owned()],
            events,
            then: None,
        }
    }
}

/// As a server would send it.
fn event(offset: u64) -> CoreEvent {
    CoreEvent {
        name: 0,
        payload: format!(r#"{{"job":"0198c5f2-7a3e-7c10-b7a5-4f1f1c9d2e11","index":{offset},"filler":""}}"#),
        offset: Some(offset),
        epoch: None,
        time: Some(0),
        details: None,
    }
}
