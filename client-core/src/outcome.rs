use bytes::Bytes;
use keepline_protocol::{ErrorCode, Payload, PayloadError};
use serde::de::DeserializeOwned;

/// How an action ended. Stored with its row, readable by id after a restart.
///
/// `R` is the type of the reply: the action's own where the submission knows it, [`Reply`] as it came otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum Outcome<R = Reply> {
    /// The server applied it, once.
    Accepted(R),
    /// The server refused it for good.
    Rejected(Rejection),
    /// It was never sent and its time to live ran out.
    Expired,
    /// It was cancelled, discarded or replaced, for certain: the server has not applied it and never will.
    Cancelled,
    /// It may have been applied and this cannot be found out any more.
    Indeterminate,
    /// Plain mode with `ack: none`: it was written to the line, and nothing more is known.
    Sent,
}

impl<R> Outcome<R> {
    /// A stable word for logs and scripts.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted(_) => "accepted",
            Self::Rejected(_) => "rejected",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Indeterminate => "indeterminate",
            Self::Sent => "sent",
        }
    }

    /// The same outcome with another form of reply.
    ///
    /// # Errors
    /// What `convert` gives for the reply.
    pub(crate) fn try_map<S, E>(self, convert: impl FnOnce(R) -> Result<S, E>) -> Result<Outcome<S>, E> {
        Ok(match self {
            Self::Accepted(reply) => Outcome::Accepted(convert(reply)?),
            Self::Rejected(rejection) => Outcome::Rejected(rejection),
            Self::Expired => Outcome::Expired,
            Self::Cancelled => Outcome::Cancelled,
            Self::Indeterminate => Outcome::Indeterminate,
            Self::Sent => Outcome::Sent,
        })
    }
}

/// What came back with `Accepted`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The handler's answer. In plain mode a JSON array of the acknowledgement's arguments. `None` where the server
    /// or a full disk here has forgotten it; the verdict stands.
    pub payload: Option<Payload>,
    /// Binary attachments of a plain acknowledgement.
    pub attachments: Vec<Bytes>,
}

impl Reply {
    /// The answer as a type.
    ///
    /// In plain mode the answer is an array of the acknowledgement's arguments. One argument is taken for the answer
    /// itself where the array does not fit, so the same type serves both kinds of server; several arguments fit a
    /// tuple. A forgotten answer fits a type that may be `null`.
    ///
    /// # Errors
    /// [`PayloadError::Mismatch`] where the answer has another shape.
    pub fn decode<R: DeserializeOwned>(&self) -> Result<R, PayloadError> {
        decode_answer(self.payload.as_ref().unwrap_or(&Payload::null()))
    }
}

/// What a reply can be read as: [`Reply`] itself, and everything that serde reads.
pub trait FromReply: Sized {
    /// Reads the reply.
    ///
    /// # Errors
    /// [`PayloadError::Mismatch`] where it has another shape.
    fn from_reply(reply: Reply) -> Result<Self, PayloadError>;
}

impl FromReply for Reply {
    fn from_reply(reply: Reply) -> Result<Self, PayloadError> {
        Ok(reply)
    }
}

impl<R: DeserializeOwned> FromReply for R {
    fn from_reply(reply: Reply) -> Result<Self, PayloadError> {
        reply.decode()
    }
}

/// See [`Reply::decode`].
pub(crate) fn decode_answer<R: DeserializeOwned>(answer: &Payload) -> Result<R, PayloadError> {
    answer.decode().or_else(|mismatch| match answer.decode::<[Payload; 1]>() {
        Ok([only]) => only.decode(),
        Err(_) => Err(mismatch),
    })
}

/// Why the server refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The stable code; an app's own codes are [`ErrorCode::Other`].
    pub code: ErrorCode,
    /// For people.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &str) -> Reply {
        Reply { payload: Some(Payload::parse(text).unwrap()), attachments: Vec::new() }
    }

    #[test]
    fn a_reply_decodes_from_either_kind_of_server() {
        #[derive(Debug, PartialEq, serde::Deserialize)]
        struct Done {
            id: u64,
        }
        assert_eq!(reply(r#"{"id":7}"#).decode(), Ok(Done { id: 7 }));
        assert_eq!(reply(r#"[{"id":7}]"#).decode(), Ok(Done { id: 7 }));
        assert_eq!(reply(r#"["ok",7]"#).decode(), Ok(("ok".to_owned(), 7)));
        assert_eq!(reply("[1,2]").decode::<Done>(), Err(PayloadError::Mismatch));
        assert_eq!(reply("[]").decode::<Done>(), Err(PayloadError::Mismatch));
    }

    #[test]
    fn a_forgotten_reply_fits_what_may_be_null() {
        let forgotten = Reply { payload: None, attachments: Vec::new() };
        assert_eq!(forgotten.decode::<Option<u64>>(), Ok(None));
        assert_eq!(forgotten.decode::<u64>(), Err(PayloadError::Mismatch));
    }
}
