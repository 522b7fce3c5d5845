use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use keepline_protocol::Token;

use super::Refusal;
use crate::{app::App, ids::Owner};

/// Whose request it is, by its bearer token. A token in the URL is not looked at.
pub(super) struct Bearer(pub(super) Owner);

impl FromRequestParts<Arc<App>> for Bearer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        let header = parts.headers.get(header::AUTHORIZATION).ok_or(Refusal::Unauthorized)?;
        let text = header.to_str().map_err(|_| Refusal::Unauthorized)?;
        let (scheme, token) = text.split_once(' ').ok_or(Refusal::Unauthorized)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refusal::Unauthorized);
        }
        let verified = app.auth.verify(&Token::new(token.trim()), app.hub.now_ms());
        verified.map(|verified| Self(verified.owner)).map_err(|_| Refusal::Unauthorized)
    }
}
