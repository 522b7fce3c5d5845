use std::{collections::HashSet, fmt, sync::Arc, time::Duration};

use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey, Header, Validation};
use keepline_protocol::Token;
use serde::Serialize;

use super::ring_provider;
use crate::ids::Owner;

/// The shortest secret, in bytes: the size of HMAC-SHA-256's output. A shorter one is easier to guess than the
/// signature.
const SECRET_BYTES_MIN: usize = 32;

/// The issuer and the audience of tokens, where nothing else is said.
const NAME: &str = "keepline";

/// How tokens are verified: by one secret (HS256) or by one public key, whose kind pins the family of algorithms.
///
/// A token needs `exp`, `iss`, `aud` and `sub`; `nbf` is obeyed; `tenant` is optional and keeps equal subjects of
/// different tenants apart. `Debug` shows no key.
#[derive(Clone)]
pub struct AuthConfig(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    key: DecodingKey,
    signing: Option<EncodingKey>,
    validation: Validation,
    issuer: String,
    audience: String,
}

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// The secret has fewer than 32 bytes.
    TooShort,
    /// The file holds no public key of RSA, EC (P-256, P-384) or Ed25519 in PEM.
    NotAKey,
    /// Tokens are verified by a public key: they are issued elsewhere.
    CannotSign,
}

impl KeyError {
    /// The stable code, as in `docs/errors.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooShort => "SECRET_TOO_SHORT",
            Self::NotAKey => "NOT_A_KEY",
            Self::CannotSign => "CANNOT_SIGN",
        }
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooShort => "the secret needs at least 32 bytes",
            Self::NotAKey => "not a public key in PEM (RSA, EC P-256 or P-384, Ed25519)",
            Self::CannotSign => "tokens for a public key are issued elsewhere",
        })
    }
}

impl std::error::Error for KeyError {}

#[derive(Serialize)]
struct Issued<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    tenant: &'a str,
    iat: i64,
    exp: i64,
}

impl AuthConfig {
    /// Tokens signed with this secret by HS256.
    ///
    /// # Errors
    /// [`KeyError::TooShort`] below 32 bytes.
    pub fn from_secret(secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() < SECRET_BYTES_MIN {
            return Err(KeyError::TooShort);
        }
        let signing = Some(EncodingKey::from_secret(secret));
        Ok(Self::new(DecodingKey::from_secret(secret), signing, &[Algorithm::HS256]))
    }

    /// Tokens signed with the private half of this public key, in PEM. An RSA key takes RS256 to PS512, an EC key
    /// ES256 or ES384 by its curve, an Ed25519 key EdDSA, and none takes another's.
    ///
    /// # Errors
    /// [`KeyError::NotAKey`] for anything else.
    pub fn from_public_key(pem: &[u8]) -> Result<Self, KeyError> {
        if let Ok(key) = DecodingKey::from_rsa_pem(pem) {
            return Ok(Self::new(key, None, AlgorithmFamily::Rsa.algorithms()));
        }
        if let Ok(key) = DecodingKey::from_ed_pem(pem) {
            return Ok(Self::new(key, None, &[Algorithm::EdDSA]));
        }
        let key = DecodingKey::from_ec_pem(pem).map_err(|_| KeyError::NotAKey)?;
        // An uncompressed point: a tag and two coordinates.
        let algorithm = match key.as_bytes().len() {
            65 => Algorithm::ES256,
            97 => Algorithm::ES384,
            _ => return Err(KeyError::NotAKey),
        };
        Ok(Self::new(key, None, &[algorithm]))
    }

    /// Wants this `iss`. Default `keepline`.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        let inner = Arc::make_mut(&mut self.0);
        inner.issuer = issuer.into();
        inner.validation.set_issuer(&[&inner.issuer]);
        self
    }

    /// Wants this `aud`. Default `keepline`.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        let inner = Arc::make_mut(&mut self.0);
        inner.audience = audience.into();
        inner.validation.set_audience(&[&inner.audience]);
        self
    }

    /// Issues a token, for tests and for people who try things.
    ///
    /// # Errors
    /// [`KeyError::CannotSign`] where tokens are verified by a public key.
    pub fn issue(&self, owner: &Owner, ttl: Duration, now: std::time::SystemTime) -> Result<Token, KeyError> {
        let signing = self.0.signing.as_ref().ok_or(KeyError::CannotSign)?;
        let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        let iat = seconds(now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default());
        let claims = Issued {
            iss: &self.0.issuer,
            aud: &self.0.audience,
            sub: &owner.subject,
            tenant: &owner.tenant,
            iat,
            exp: iat.saturating_add(seconds(ttl)),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, signing)
            .map(Token::new)
            .map_err(|_| KeyError::CannotSign)
    }

    pub(super) fn key(&self) -> &DecodingKey {
        &self.0.key
    }

    pub(super) fn validation(&self) -> &Validation {
        &self.0.validation
    }

    fn new(key: DecodingKey, signing: Option<EncodingKey>, algorithms: &[Algorithm]) -> Self {
        ring_provider::install();
        let mut validation = Validation::new(algorithms[0]);
        validation.algorithms = algorithms.to_vec();
        validation.required_spec_claims =
            ["exp", "iss", "aud", "sub"].into_iter().map(str::to_owned).collect::<HashSet<_>>();
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.set_issuer(&[NAME]);
        validation.set_audience(&[NAME]);
        let (issuer, audience) = (NAME.to_owned(), NAME.to_owned());
        Self(Arc::new(Inner { key, signing, validation, issuer, audience }))
    }
}

impl fmt::Debug for AuthConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthConfig")
            .field("algorithms", &self.0.validation.algorithms)
            .field("issuer", &self.0.issuer)
            .field("audience", &self.0.audience)
            .finish_non_exhaustive()
    }
}
