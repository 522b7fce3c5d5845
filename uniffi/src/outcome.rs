use keepline::{Outcome, Rejection, Reply};

/// How an action ended.
#[derive(Debug, Clone, uniffi::Enum)]
pub enum CoreOutcome {
    /// The server applied it.
    Accepted {
        /// What came back.
        reply: CoreReply,
    },
    /// The server refused it for good.
    Rejected {
        /// Why.
        rejection: CoreRejection,
    },
    /// It was never sent, and its time ran out.
    Expired,
    /// It was cancelled, discarded or replaced.
    Cancelled,
    /// It may have been applied.
    Indeterminate,
    /// It was written to the line of a plain server that was not asked for an acknowledgement.
    Sent,
}

/// What came back with `Accepted`.
#[derive(Debug, Clone, uniffi::Record)]
pub struct CoreReply {
    /// JSON; `None` where it was forgotten.
    pub payload: Option<String>,
    /// Binary attachments of a plain acknowledgement.
    pub attachments: Vec<Vec<u8>>,
}

/// Why the server refused.
#[derive(Debug, Clone, uniffi::Record)]
pub struct CoreRejection {
    /// The stable code.
    pub code: String,
    /// For people.
    pub text: String,
}

impl From<Outcome> for CoreOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Accepted(reply) => Self::Accepted { reply: reply.into() },
            Outcome::Rejected(rejection) => Self::Rejected { rejection: rejection.into() },
            Outcome::Expired => Self::Expired,
            Outcome::Cancelled => Self::Cancelled,
            Outcome::Indeterminate => Self::Indeterminate,
            Outcome::Sent => Self::Sent,
        }
    }
}

impl From<Reply> for CoreReply {
    fn from(reply: Reply) -> Self {
        Self {
            payload: reply.payload.map(|payload| payload.as_str().to_owned()),
            attachments: reply.attachments.iter().map(|bytes| bytes.to_vec()).collect(),
        }
    }
}

impl From<Rejection> for CoreRejection {
    fn from(rejection: Rejection) -> Self {
        Self { code: rejection.code.as_str().to_owned(), text: rejection.text }
    }
}
