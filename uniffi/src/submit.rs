use std::time::Duration;

use keepline::{AckMode, ActionId, Reply, Submit};

use crate::CoreSubmitError;

/// What may be said with a submit.
#[derive(Debug, Clone, Default, uniffi::Record)]
pub struct CoreSubmitOptions {
    /// The lane.
    #[uniffi(default = None)]
    pub lane: Option<String>,
    /// How long it may wait unsent, in milliseconds.
    #[uniffi(default = None)]
    pub ttl_ms: Option<u64>,
    /// The app's own string.
    #[uniffi(default = None)]
    pub label: Option<String>,
    /// The key of an earlier action that it replaces.
    #[uniffi(default = None)]
    pub coalesce: Option<String>,
    /// An id of the caller's own, a UUID.
    #[uniffi(default = None)]
    pub id: Option<String>,
    /// Whether a plain server is asked for an acknowledgement.
    #[uniffi(default = None)]
    pub ack: Option<CoreAckMode>,
}

/// Whether a plain server answers this action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum CoreAckMode {
    /// An acknowledgement settles it.
    Required,
    /// It settles when it was written.
    None,
}

impl From<CoreAckMode> for AckMode {
    fn from(mode: CoreAckMode) -> Self {
        match mode {
            CoreAckMode::Required => Self::Required,
            CoreAckMode::None => Self::None,
        }
    }
}

impl CoreSubmitOptions {
    pub(crate) fn apply(self, mut submit: Submit<Reply>) -> Result<Submit<Reply>, CoreSubmitError> {
        if let Some(lane) = self.lane {
            submit = submit.lane(lane);
        }
        if let Some(ttl_ms) = self.ttl_ms {
            submit = submit.ttl(Duration::from_millis(ttl_ms));
        }
        if let Some(label) = self.label {
            submit = submit.label(label);
        }
        if let Some(key) = self.coalesce {
            submit = submit.coalesce(key);
        }
        if let Some(ack) = self.ack {
            submit = submit.ack(ack.into());
        }
        if let Some(id) = self.id {
            submit = submit.id(parse_id(&id).ok_or_else(bad_id)?);
        }
        Ok(submit)
    }
}

pub(crate) fn parse_id(text: &str) -> Option<ActionId> {
    text.parse().ok()
}

fn bad_id() -> CoreSubmitError {
    CoreSubmitError::BadField { field: "id".to_owned() }
}
