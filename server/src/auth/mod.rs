//! Who somebody is: a JWT, one pinned family of algorithms, and claims that all have to be there.

mod config;
mod ring_provider;
mod secret;

use keepline_protocol::{
    ConnectCode, Token,
    limits::{ID_BYTES_MAX, TOKEN_BYTES_MAX},
};
use serde::Deserialize;

pub use config::{AuthConfig, KeyError};
pub use secret::{SecretError, dev_secret, secret_in};

use crate::ids::Owner;

/// How far clocks may differ, in seconds. A token lives this much longer than it says, and no more.
const LEEWAY_SECONDS: i64 = 30;

/// What a good token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verified {
    pub(crate) owner: Owner,
    /// When it ends, in milliseconds since 1970.
    pub(crate) expires_ms: i64,
}

/// Why a token is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuthError {
    /// Form, signature, algorithm, issuer, audience or a claim does not hold.
    Invalid,
    /// It was good once.
    Expired,
}

impl From<AuthError> for ConnectCode {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Invalid => Self::AuthTokenInvalid,
            AuthError::Expired => Self::AuthTokenExpired,
        }
    }
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    tenant: String,
}

impl AuthConfig {
    /// Verifies a token at this moment.
    pub(crate) fn verify(&self, token: &Token, now_ms: i64) -> Result<Verified, AuthError> {
        let text = token.expose();
        if text.len() > TOKEN_BYTES_MAX {
            return Err(AuthError::Invalid);
        }
        let claims = jsonwebtoken::decode::<Claims>(text, self.key(), self.validation())
            .map_err(|_| AuthError::Invalid)?
            .claims;
        let named = [&claims.sub, &claims.tenant].iter().all(|name| name.len() <= ID_BYTES_MAX);
        if claims.sub.is_empty() || !named {
            return Err(AuthError::Invalid);
        }
        // Checked here and not by the crate, because it would read the system's clock and not ours.
        let now = now_ms / 1_000;
        if claims.nbf.is_some_and(|nbf| nbf > now.saturating_add(LEEWAY_SECONDS)) {
            return Err(AuthError::Invalid);
        }
        if claims.exp.saturating_add(LEEWAY_SECONDS) <= now {
            return Err(AuthError::Expired);
        }
        let owner = Owner { tenant: claims.tenant, subject: claims.sub };
        Ok(Verified { owner, expires_ms: claims.exp.saturating_mul(1_000) })
    }
}

#[cfg(test)]
mod tests;
