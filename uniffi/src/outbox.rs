use keepline::{ActionState, Batches, Filter, OutboxChange, OutboxEntry, Tapped};

use crate::{CoreClosedError, CoreOutcome, CoreRejection, status::milliseconds, submit::parse_id};

/// Which rows of the outbox to list, oldest first.
#[derive(Debug, Clone, uniffi::Record)]
pub struct CoreFilter {
    /// Only rows without an outcome.
    #[uniffi(default = false)]
    pub pending_only: bool,
    /// Only this lane.
    #[uniffi(default = None)]
    pub lane: Option<String>,
    /// Only this action.
    #[uniffi(default = None)]
    pub id: Option<String>,
    /// At most so many.
    #[uniffi(default = 1000)]
    pub limit: u32,
    /// Only rows after this one.
    #[uniffi(default = None)]
    pub after: Option<String>,
}

impl CoreFilter {
    /// `None` where an id is none, so that no row can have it.
    pub(crate) fn build(self) -> Option<Filter> {
        let id = |text: Option<String>| text.map(|text| parse_id(&text).ok_or(())).transpose().ok();
        Some(Filter {
            account: None,
            pending_only: self.pending_only,
            lane: self.lane,
            id: id(self.id)?,
            limit: self.limit,
            after: id(self.after)?,
        })
    }
}

/// A row of the outbox.
#[derive(Debug, Clone, uniffi::Record)]
pub struct CoreEntry {
    /// The action's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its payload as JSON; for a raw action the array of its arguments.
    pub payload: String,
    /// Its lane; `None` is the default lane.
    pub lane: Option<String>,
    /// The app's own string.
    pub label: Option<String>,
    /// Where it stands.
    pub state: CoreActionState,
    /// How many attempts have failed in a way that counts.
    pub attempts: u32,
    /// How long ago it was submitted, in milliseconds.
    pub age_ms: u64,
    /// Its outcome.
    pub outcome: Option<CoreOutcome>,
    /// What the server said the last time it did not accept it.
    pub last_error: Option<CoreRejection>,
    /// The server lost this settled action.
    pub rolled_back: bool,
}

/// Where an action stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum CoreActionState {
    /// Never sent.
    Queued,
    /// Sent, its outcome is not known.
    Sent,
    /// The server is being asked to void it.
    Voiding,
    /// Waits for `retry` or `discard`.
    Parked,
    /// Has its outcome.
    Settled,
}

impl From<OutboxEntry> for CoreEntry {
    fn from(entry: OutboxEntry) -> Self {
        Self {
            id: entry.id.to_string(),
            name: entry.name,
            payload: entry.payload.as_str().to_owned(),
            lane: entry.lane,
            label: entry.label,
            state: entry.state.into(),
            attempts: entry.attempts,
            age_ms: milliseconds(entry.age),
            outcome: entry.outcome.map(Into::into),
            last_error: entry.last_error.map(Into::into),
            rolled_back: entry.rolled_back,
        }
    }
}

impl From<ActionState> for CoreActionState {
    fn from(state: ActionState) -> Self {
        match state {
            ActionState::Queued => Self::Queued,
            ActionState::Sent => Self::Sent,
            ActionState::Voiding => Self::Voiding,
            ActionState::Parked => Self::Parked,
            ActionState::Settled => Self::Settled,
        }
    }
}

/// Something that happened to the queue.
#[derive(Debug, Clone, uniffi::Enum)]
pub enum CoreChange {
    /// An action was added, or changed its state.
    Changed {
        /// Its id.
        id: String,
    },
    /// An action has its outcome.
    Settled {
        /// Its id.
        id: String,
        /// Its outcome.
        outcome: CoreOutcome,
    },
    /// An action is retried under another id.
    Renamed {
        /// The id until now.
        old: String,
        /// The id from now on.
        new: String,
    },
    /// The server has lost these settled actions.
    RolledBack {
        /// Their ids.
        ids: Vec<String>,
    },
    /// The reader was slow: look at the whole queue again.
    Lagged {
        /// So many changes are lost to it.
        count: u64,
    },
}

/// Changes of the queue by the batch.
#[derive(Debug, uniffi::Object)]
pub struct CoreChangeSource {
    batches: Batches<Tapped<OutboxChange>>,
}

/// Some changes in their order; none at the end.
#[derive(Debug, uniffi::Record)]
pub struct CoreChangeBatch {
    /// Its number, for the next pull.
    pub number: u64,
    /// The changes.
    pub changes: Vec<CoreChange>,
}

impl CoreChangeSource {
    pub(crate) fn new(batches: Batches<Tapped<OutboxChange>>) -> Self {
        Self { batches }
    }
}

#[uniffi::export]
impl CoreChangeSource {
    /// Waits for changes. `held` is the number of the last batch that arrived, 0 before the first.
    pub async fn next_changes(&self, held: u64, max: u32) -> Result<CoreChangeBatch, CoreClosedError> {
        let batch = self.batches.pull(held, usize::MAX, max as usize).await;
        Ok(CoreChangeBatch { number: batch.number, changes: batch.items.iter().map(Into::into).collect() })
    }

    /// Ends it; who waits gets the end.
    pub fn end(&self) -> Result<(), CoreClosedError> {
        self.batches.end(0, 0);
        Ok(())
    }
}

impl From<&Tapped<OutboxChange>> for CoreChange {
    fn from(change: &Tapped<OutboxChange>) -> Self {
        match change {
            Tapped::Lagged(count) => Self::Lagged { count: *count },
            Tapped::Item(OutboxChange::Changed(id)) => Self::Changed { id: id.to_string() },
            Tapped::Item(OutboxChange::Settled(id, outcome)) => {
                Self::Settled { id: id.to_string(), outcome: outcome.clone().into() }
            }
            Tapped::Item(OutboxChange::Renamed { old, new }) => {
                Self::Renamed { old: old.to_string(), new: new.to_string() }
            }
            Tapped::Item(OutboxChange::RolledBack(ids)) => {
                Self::RolledBack { ids: ids.iter().map(ToString::to_string).collect() }
            }
        }
    }
}
