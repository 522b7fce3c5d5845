use std::time::Duration;

use axum::{
    body::Body,
    http::{
        HeaderValue, Response, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER},
    },
};

/// Why a request is not served. Codes and texts are those of the reference implementation, which clients know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    UnknownTransport,
    UnknownSid,
    BadHandshakeMethod,
    BadRequest,
    /// A token in the URL, where every proxy on the way writes it to its log.
    TokenInUrl,
    ForeignOrigin,
    UnsupportedVersion,
    TooLarge,
    TooMany(Duration),
}

impl Refusal {
    pub(super) fn into_response(self) -> Response<Body> {
        let (status, code, text) = match self {
            Self::UnknownTransport => (StatusCode::BAD_REQUEST, 0, "Transport unknown"),
            Self::UnknownSid => (StatusCode::BAD_REQUEST, 1, "Session ID unknown"),
            Self::BadHandshakeMethod => (StatusCode::BAD_REQUEST, 2, "Bad handshake method"),
            Self::BadRequest => (StatusCode::BAD_REQUEST, 3, "Bad request"),
            Self::TokenInUrl => (StatusCode::BAD_REQUEST, 3, "A token must not travel in the URL"),
            Self::ForeignOrigin => (StatusCode::FORBIDDEN, 4, "Forbidden"),
            Self::UnsupportedVersion => (StatusCode::BAD_REQUEST, 5, "Unsupported protocol version"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, 3, "Payload too large"),
            Self::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, 4, "Too many sessions"),
        };
        let mut response = Response::new(Body::from(format!(r#"{{"code":{code},"message":"{text}"}}"#)));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Self::TooMany(after) = self {
            response.headers_mut().insert(RETRY_AFTER, after.as_secs().max(1).into());
        }
        response
    }
}
