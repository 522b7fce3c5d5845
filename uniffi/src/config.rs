use std::time::Duration;

use keepline::{Config, LanePolicy};

use crate::CoreOpenError;

/// What may be said when a client is opened. `docs/client.md` has units and defaults; what is `None` keeps its
/// default.
#[derive(Debug, Clone, uniffi::Record)]
pub struct CoreConfig {
    /// The server, such as `wss://example.org`.
    pub url: String,
    /// The database's file.
    pub database: String,
    /// A token that never changes. Otherwise tokens are asked for, where `asks_for_tokens` says so.
    #[uniffi(default = None)]
    pub token: Option<String>,
    /// Whether the package pulls and answers questions for a token.
    #[uniffi(default = false)]
    pub asks_for_tokens: bool,
    /// Whom the queue belongs to.
    #[uniffi(default = None)]
    pub account: Option<String>,
    /// The package's name and version, as the server sees it.
    #[uniffi(default = None)]
    pub sdk: Option<String>,
    /// Plain text beyond loopback.
    #[uniffi(default = false)]
    pub allow_plain_text: bool,
    /// Where the engine listens.
    #[uniffi(default = None)]
    pub path: Option<String>,
    /// The Socket.IO namespace.
    #[uniffi(default = None)]
    pub namespace: Option<String>,
    /// Pairs for the dial's query.
    #[uniffi(default = [])]
    pub query: Vec<CorePair>,
    /// Headers for the dial.
    #[uniffi(default = [])]
    pub headers: Vec<CorePair>,
    /// A JSON object beside Keepline's own keys in the CONNECT payload.
    #[uniffi(default = None)]
    pub auth: Option<String>,
    /// The policies of named lanes.
    #[uniffi(default = [])]
    pub lanes: Vec<CoreLane>,
    /// The policy of the default lane.
    #[uniffi(default = None)]
    pub default_lane: Option<CoreLanePolicy>,
    /// How many actions the queue holds. Goes with `capacity_bytes`.
    #[uniffi(default = None)]
    pub capacity_rows: Option<u64>,
    /// How many bytes of payload the queue holds.
    #[uniffi(default = None)]
    pub capacity_bytes: Option<u64>,
    /// How large the file may grow by submits, in bytes.
    #[uniffi(default = None)]
    pub disk_quota: Option<u64>,
    /// How long an action waits that was never sent, in milliseconds.
    #[uniffi(default = None)]
    pub ttl_ms: Option<u64>,
    /// Whether a power cut may lose the last commits.
    #[uniffi(default = false)]
    pub relaxed_durability: bool,
    /// Whether a corrupt database is moved aside.
    #[uniffi(default = false)]
    pub set_corrupt_aside: bool,
    /// How many events wait for a slow app. Goes with `buffer_bytes`.
    #[uniffi(default = None)]
    pub buffer_events: Option<u32>,
    /// How many bytes of events wait for a slow app.
    #[uniffi(default = None)]
    pub buffer_bytes: Option<u64>,
    /// How many outcomes are kept. Goes with `outcomes_age_ms`.
    #[uniffi(default = None)]
    pub outcomes_rows: Option<u64>,
    /// How long outcomes are kept, in milliseconds.
    #[uniffi(default = None)]
    pub outcomes_age_ms: Option<u64>,
    /// The first delay between two attempts to connect, in milliseconds. Goes with `reconnect_cap_ms`.
    #[uniffi(default = None)]
    pub reconnect_base_ms: Option<u64>,
    /// The longest such delay, in milliseconds.
    #[uniffi(default = None)]
    pub reconnect_cap_ms: Option<u64>,
    /// How often an action is tried before it is parked.
    #[uniffi(default = None)]
    pub attempts: Option<u32>,
    /// The largest packet that is read, in bytes.
    #[uniffi(default = None)]
    pub receive_limit: Option<u64>,
    /// More roots for TLS, as PEM text.
    #[uniffi(default = [])]
    pub extra_roots_pem: Vec<String>,
    /// Fingerprints of the keys that are accepted: the SHA-256 of the SubjectPublicKeyInfo, as 64 hex digits.
    #[uniffi(default = [])]
    pub pinned_keys: Vec<String>,
}

/// A name and a value.
#[derive(Debug, Clone, uniffi::Record)]
pub struct CorePair {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

/// A named lane's policy.
#[derive(Debug, Clone, uniffi::Record)]
pub struct CoreLane {
    /// The lane.
    pub lane: String,
    /// Its policy.
    pub policy: CoreLanePolicy,
}

/// What happens to a lane whose head cannot be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum CoreLanePolicy {
    /// It waits.
    Block,
    /// The head is voided, and the lane moves on.
    Skip,
}

impl From<CoreLanePolicy> for LanePolicy {
    fn from(policy: CoreLanePolicy) -> Self {
        match policy {
            CoreLanePolicy::Block => Self::Block,
            CoreLanePolicy::Skip => Self::Skip,
        }
    }
}

impl CoreConfig {
    /// The Rust client's config, without what concerns tokens.
    pub(crate) fn build(&self) -> Result<Config, CoreOpenError> {
        let mut config = Config::new(self.url.as_str(), self.database.as_str())
            .allow_plain_text(self.allow_plain_text)
            .relaxed_durability(self.relaxed_durability)
            .set_corrupt_aside(self.set_corrupt_aside);
        config = given(config, self.account.clone(), Config::account);
        config = given(config, self.sdk.clone(), Config::sdk);
        config = given(config, self.path.clone(), Config::path);
        config = given(config, self.namespace.clone(), Config::namespace);
        config = given(config, self.attempts, Config::attempts);
        config = given(config, self.disk_quota, Config::disk_quota);
        config = given(config, self.ttl_ms.map(Duration::from_millis), Config::ttl);
        config = given(config, self.default_lane.map(Into::into), Config::default_lane_policy);
        if let Some(auth) = &self.auth {
            config = config.auth(auth.parse().map_err(|_| bad("auth"))?);
        }
        if let Some(bytes) = self.receive_limit {
            config = config.receive_limit(bytes.try_into().map_err(|_| bad("receive_limit"))?);
        }
        for pair in &self.query {
            config = config.query(pair.name.as_str(), pair.value.as_str());
        }
        for pair in &self.headers {
            config = config.header(pair.name.as_str(), pair.value.as_str());
        }
        for lane in &self.lanes {
            config = config.lane_policy(lane.lane.as_str(), lane.policy.into());
        }
        for pem in &self.extra_roots_pem {
            config = config.extra_root_pem(pem.as_str());
        }
        for key in &self.pinned_keys {
            config = config.pinned_key(fingerprint(key).ok_or_else(|| bad("pinned_keys"))?);
        }
        self.build_pairs(config)
    }

    /// Options that mean something only with each other.
    fn build_pairs(&self, mut config: Config) -> Result<Config, CoreOpenError> {
        let ms = |value: Option<u64>| value.map(Duration::from_millis);
        if let Some((rows, bytes)) = both(self.capacity_rows, self.capacity_bytes, "capacity")? {
            config = config.capacity(rows, bytes);
        }
        if let Some((events, bytes)) = both(self.buffer_events, self.buffer_bytes, "buffer")? {
            config = config.buffer(events, bytes);
        }
        if let Some((rows, age)) = both(self.outcomes_rows, ms(self.outcomes_age_ms), "outcomes_kept")? {
            config = config.outcomes_kept(rows, age);
        }
        let (base, cap) = (ms(self.reconnect_base_ms), ms(self.reconnect_cap_ms));
        if let Some((base, cap)) = both(base, cap, "reconnect")? {
            config = config.reconnect(base, cap);
        }
        Ok(config)
    }
}

fn given<T>(config: Config, value: Option<T>, set: impl FnOnce(Config, T) -> Config) -> Config {
    match value {
        Some(value) => set(config, value),
        None => config,
    }
}

fn both<A, B>(a: Option<A>, b: Option<B>, option: &str) -> Result<Option<(A, B)>, CoreOpenError> {
    match (a, b) {
        (Some(a), Some(b)) => Ok(Some((a, b))),
        (None, None) => Ok(None),
        _ => Err(bad(option)),
    }
}

fn bad(option: &str) -> CoreOpenError {
    CoreOpenError::BadConfig { option: option.to_owned() }
}

fn fingerprint(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        let digits = str::from_utf8(digits).ok()?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_64_hex_digits() {
        assert_eq!(fingerprint(&"0f".repeat(32)), Some([15; 32]));
        for text in ["", "0f", &"0g".repeat(32), &"+f".repeat(32), &"é".repeat(32)] {
            assert_eq!(fingerprint(text), None, "{text}");
        }
    }

    #[test]
    fn half_of_a_pair_is_refused() {
        assert_eq!(both(Some(1), Some(2), "buffer"), Ok(Some((1, 2))));
        assert_eq!(both::<u8, u8>(None, None, "buffer"), Ok(None));
        assert_eq!(both(Some(1), None::<u8>, "buffer"), Err(bad("buffer")));
    }
}
