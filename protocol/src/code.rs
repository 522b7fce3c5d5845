use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($(#[doc = $doc:literal])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
            /// A code that this version does not know: another server's, or an app's own.
            Other(String),
        }

        impl $name {
            /// Every code that this version knows.
            pub const KNOWN: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable text of the code.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(text) => text,
                }
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                match text.as_str() {
                    $($text => Self::$variant,)*
                    _ => Self::Other(text),
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(code: $name) -> Self {
                code.as_str().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "description": concat!($($doc),*).trim(),
                    "examples": [$($text,)*],
                })
            }
        }
    };
}

codes! {
    /// Why an action was answered with an error.
    ErrorCode {
        /// The payload or the meta is malformed.
        BadRequest = "BAD_REQUEST",
        /// The subject may not do this.
        Forbidden = "FORBIDDEN",
        /// There is no such thing, or it belongs to somebody else.
        NotFound = "NOT_FOUND",
        /// Larger than the server's limit.
        TooLarge = "TOO_LARGE",
        /// The server has no handler of that name and version.
        UnknownAction = "UNKNOWN_ACTION",
        /// Too many; `retry_after_ms` says when again.
        RateLimited = "RATE_LIMITED",
        /// The server cannot at the moment.
        Unavailable = "UNAVAILABLE",
        /// The server failed; it may pass.
        Internal = "INTERNAL",
        /// The action's predecessor is not in the ledger; not applied.
        OutOfOrder = "OUT_OF_ORDER",
        /// The ledger has forgotten whether it was applied; not applied now.
        Indeterminate = "INDETERMINATE",
        /// The id was used with another payload.
        IdConflict = "ID_CONFLICT",
        /// The stored outcome of an action that was voided before it was applied.
        Void = "VOID",
    }
}

codes! {
    /// Why a CONNECT was refused.
    ConnectCode {
        /// No token came with CONNECT.
        AuthTokenMissing = "AUTH_TOKEN_MISSING",
        /// The token's form, signature, issuer, audience or subject does not hold.
        AuthTokenInvalid = "AUTH_TOKEN_INVALID",
        /// The token was good once: ask for a new one.
        AuthTokenExpired = "AUTH_TOKEN_EXPIRED",
        /// The server does not speak this version of Keepline.
        ProtoUnsupported = "PROTO_UNSUPPORTED",
        /// The payload of CONNECT is malformed, or names too many streams.
        BadRequest = "BAD_REQUEST",
        /// Too many connections or attempts.
        RateLimited = "RATE_LIMITED",
        /// The server cannot at the moment.
        Unavailable = "UNAVAILABLE",
    }
}

impl ErrorCode {
    /// Whether this error may pass when nothing else is said.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::RateLimited | Self::Unavailable | Self::Internal | Self::OutOfOrder)
    }
}

impl ConnectCode {
    /// Whether another attempt can succeed, if need be with a new token.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::AuthTokenExpired | Self::RateLimited | Self::Unavailable)
    }
}

/// The error of an acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ErrorBody {
    /// What went wrong.
    pub code: ErrorCode,
    /// For people; never parsed.
    #[serde(default)]
    pub message: String,
    /// Whether the same action may succeed later.
    #[serde(default)]
    pub retryable: bool,
    /// How long to wait before, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl ErrorBody {
    /// An error with the code's own answer to whether it may pass.
    pub fn new(code: ErrorCode, text: impl Into<String>) -> Self {
        let retryable = code.retryable();
        Self { code, message: text.into(), retryable, retry_after_ms: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back() {
        for code in ErrorCode::KNOWN {
            assert_eq!(ErrorCode::from(code.as_str()), *code);
        }
        for code in ConnectCode::KNOWN {
            assert_eq!(ConnectCode::from(code.as_str()), *code);
        }
    }

    #[test]
    fn an_unknown_code_is_kept() {
        let code: ErrorCode = serde_json::from_str(r#""QUOTA""#).expect("any text is a code");
        assert_eq!(code, ErrorCode::Other("QUOTA".to_owned()));
        assert_eq!(serde_json::to_string(&code).expect("serialises"), r#""QUOTA""#);
        assert!(!code.retryable());
    }

    #[test]
    fn an_error_needs_its_code_only() {
        let error: ErrorBody = serde_json::from_str(r#"{"code":"UNAVAILABLE","new":1}"#).expect("reads");
        let bare = ErrorBody {
            code: ErrorCode::Unavailable,
            message: String::new(),
            retryable: false,
            retry_after_ms: None,
        };
        assert_eq!(error, bare);
        assert!(ErrorBody::new(ErrorCode::Unavailable, "").retryable);
    }
}
