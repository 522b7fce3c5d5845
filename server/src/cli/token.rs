use std::{path::PathBuf, time::Duration};

use clap::Args;
use keepline_server::{AuthConfig, Owner, secret_in};

use super::{Failure, SECRET, print};

/// What a token says.
#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    /// Whom the token is for.
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    sub: String,
    /// How long it is good: a number with s, m, h or d.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
    ttl: Duration,
    /// The tenant of the subject.
    #[arg(long, value_name = "NAME", default_value = "")]
    tenant: String,
    /// The data folder whose secret signs it, where KEEPLINE_JWT_SECRET is not set.
    #[arg(long, value_name = "DIR", default_value = "keepline-data")]
    data: PathBuf,
    /// The token's `iss`.
    #[arg(long, value_name = "NAME", default_value = "keepline")]
    issuer: String,
    /// The token's `aud`.
    #[arg(long, value_name = "NAME", default_value = "keepline")]
    audience: String,
}

impl TokenArgs {
    pub(super) fn run(self) -> Result<(), Failure> {
        let secret = match std::env::var(SECRET) {
            Ok(secret) => secret,
            Err(_) => secret_in(&self.data).map_err(|error| {
                Failure::usage(format!("{error}; set {SECRET}, or name a folder that `serve --dev` has used"))
            })?,
        };
        let auth = AuthConfig::from_secret(secret.as_bytes())
            .map_err(Failure::usage)?
            .issuer(self.issuer)
            .audience(self.audience);
        let owner = Owner { tenant: self.tenant, subject: self.sub };
        print(issue(&auth, &owner, self.ttl)?.expose())
    }
}

/// A token from now on.
pub(super) fn issue(
    auth: &AuthConfig,
    owner: &Owner,
    ttl: Duration,
) -> Result<keepline_protocol::Token, Failure> {
    #[expect(clippy::disallowed_methods, reason = "a token from now on; no engine")]
    let now = std::time::SystemTime::now();
    auth.issue(owner, ttl, now).map_err(Failure::usage)
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time: a number with s, m, h or d");
    let split = text.len() - text.chars().last().map_or(0, char::len_utf8);
    let (number, unit) = text.split_at(split);
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let ttl = number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)?;
    if ttl > TTL_MAX {
        return Err(format!("{text:?} is longer than a hundred years"));
    }
    Ok(ttl)
}

/// Dates far beyond do not fit what verifiers read; and nobody means them.
const TTL_MAX: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3_600)));
        assert_eq!(duration("1d"), Ok(Duration::from_secs(86_400)));
        for wrong in ["", "1", "h", "-1h", "1w", "1.5h", "1ü", "99999999999999999999d", "99999999999999d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
