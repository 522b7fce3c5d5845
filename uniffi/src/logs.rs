use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use tokio::sync::Notify;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
};

use crate::{CoreClosedError, CoreLogsError};

/// How much is logged. There is no level below: payloads could be in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, uniffi::Enum)]
pub enum CoreLogLevel {
    /// Something is wrong here.
    Error,
    /// Something is wrong elsewhere.
    Warning,
    /// What happens to the line.
    Info,
    /// Each step.
    Debug,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct CoreLogLine {
    /// How bad it is.
    pub level: CoreLogLevel,
    /// The module that says it.
    pub target: String,
    /// What it says, with its fields.
    pub text: String,
}

/// Some lines in their order; none at the end.
#[derive(Debug, uniffi::Record)]
pub struct CoreLogBatch {
    /// The lines.
    pub lines: Vec<CoreLogLine>,
    /// So many lines before them are lost, as nobody came for them.
    pub lost: u64,
}

/// Takes the log lines of this library, of every client in the process. Once in a process: what it takes is the one
/// place where Rust's log lines go to.
#[uniffi::export]
pub fn core_logs(level: CoreLogLevel) -> Result<Arc<CoreLogSource>, CoreLogsError> {
    let queue = Arc::new(Queue::default());
    let collector = Collector { level: level.into(), queue: Arc::clone(&queue) };
    if TAKEN.set(()).is_err() || tracing::subscriber::set_global_default(collector).is_err() {
        return Err(CoreLogsError::Taken);
    }
    Ok(Arc::new(CoreLogSource { queue }))
}

static TAKEN: OnceLock<()> = OnceLock::new();

/// Log lines by the batch.
#[derive(Debug, uniffi::Object)]
pub struct CoreLogSource {
    queue: Arc<Queue>,
}

#[uniffi::export]
impl CoreLogSource {
    /// Waits for lines.
    pub async fn next_lines(&self, max: u32) -> Result<CoreLogBatch, CoreClosedError> {
        loop {
            let moved = self.queue.moved.notified();
            {
                let mut waiting = self.queue.waiting();
                if waiting.has_ended || !waiting.lines.is_empty() {
                    let count = waiting.lines.len().min(max.max(1) as usize);
                    let lines = waiting.lines.drain(..count).collect();
                    return Ok(CoreLogBatch { lines, lost: std::mem::take(&mut waiting.lost) });
                }
            }
            moved.await;
        }
    }

    /// No line is kept any more; who waits gets the end.
    pub fn end(&self) -> Result<(), CoreClosedError> {
        *self.queue.waiting() = Waiting { has_ended: true, ..Waiting::default() };
        self.queue.moved.notify_one();
        Ok(())
    }
}

/// How many lines wait for whoever takes them; beyond that the oldest are lost and counted. A burst of a reconnection
/// has some ten.
const LINES_MAX: usize = 1_024;

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    moved: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<CoreLogLine>,
    lost: u64,
    has_ended: bool,
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while it is held.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: CoreLogLine) {
        let mut waiting = self.waiting();
        if waiting.has_ended {
            return;
        }
        if waiting.lines.len() == LINES_MAX {
            waiting.lines.pop_front();
            waiting.lost += 1;
        }
        waiting.lines.push_back(line);
        self.moved.notify_one();
    }
}

/// Puts Keepline's own lines into the queue. It knows no spans: Keepline makes none.
struct Collector {
    level: LevelFilter,
    queue: Arc<Queue>,
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= self.level && metadata.target().starts_with("keepline")
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        self.queue.push(CoreLogLine {
            level: level(*event.metadata().level()),
            target: event.metadata().target().to_owned(),
            text: text.0,
        });
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// The text of a line, then its fields.
struct Text(String);

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, format_args!("{value:?}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format_args!("{value:?}"));
    }
}

impl Text {
    fn add(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let text = value.to_string();
        match (field.name(), self.0.is_empty()) {
            ("message", _) => self.0.insert_str(0, &text),
            (name, true) => self.0 = format!(" {name}={text}"),
            (name, false) => self.0.push_str(&format!(" {name}={text}")),
        }
    }
}

fn level(level: Level) -> CoreLogLevel {
    match level {
        Level::ERROR => CoreLogLevel::Error,
        Level::WARN => CoreLogLevel::Warning,
        Level::INFO => CoreLogLevel::Info,
        _ => CoreLogLevel::Debug,
    }
}

impl From<CoreLogLevel> for LevelFilter {
    fn from(level: CoreLogLevel) -> Self {
        match level {
            CoreLogLevel::Error => Self::ERROR,
            CoreLogLevel::Warning => Self::WARN,
            CoreLogLevel::Info => Self::INFO,
            CoreLogLevel::Debug => Self::DEBUG,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_come_with_their_fields_and_only_keeplines() {
        let queue = Arc::new(Queue::default());
        let source = CoreLogSource { queue: Arc::clone(&queue) };
        let collector = Collector { level: LevelFilter::INFO, queue };
        tracing::subscriber::with_default(collector, || {
            tracing::info!(target: "keepline::driver", attempt = 2, "line lost");
            tracing::debug!(target: "keepline::driver", "too much");
            tracing::error!(target: "hyper", "somebody else");
        });
        let batch = source.next_lines(10).await.unwrap();
        let line = CoreLogLine {
            level: CoreLogLevel::Info,
            target: "keepline::driver".to_owned(),
            text: "line lost attempt=2".to_owned(),
        };
        assert_eq!((batch.lines, batch.lost), (vec![line], 0));
        source.end().unwrap();
        assert!(source.next_lines(10).await.unwrap().lines.is_empty());
    }

    #[tokio::test]
    async fn the_oldest_lines_are_lost_and_counted() {
        let queue = Arc::new(Queue::default());
        let line =
            CoreLogLine { level: CoreLogLevel::Info, target: "keepline".to_owned(), text: "a".to_owned() };
        for _ in 0..=LINES_MAX {
            queue.push(line.clone());
        }
        let batch = CoreLogSource { queue }.next_lines(u32::MAX).await.unwrap();
        assert_eq!((batch.lines.len(), batch.lost), (LINES_MAX, 1));
    }
}
