use std::{collections::HashMap, time::Duration};

/// What the engine needs of the config, checked there once.
#[derive(Debug, Clone)]
pub(crate) struct EngineOptions {
    pub(crate) account: Option<String>,
    pub(crate) namespace: String,
    /// The app's own keys beside Keepline's in the CONNECT payload.
    pub(crate) auth: serde_json::Map<String, serde_json::Value>,
    pub(crate) sdk: String,
    pub(crate) capacity_rows: u64,
    pub(crate) capacity_bytes: u64,
    pub(crate) action_bytes_max: u64,
    pub(crate) ttl: Duration,
    pub(crate) lane_policies: HashMap<String, LanePolicy>,
    pub(crate) default_lane_policy: LanePolicy,
    pub(crate) window_lane: usize,
    pub(crate) window_total: usize,
    pub(crate) attempts_max: u32,
    pub(crate) retry: Backoff,
    pub(crate) reconnect: Backoff,
    pub(crate) buffer_events: u32,
    pub(crate) buffer_bytes: u64,
    pub(crate) outcomes_kept: u64,
    pub(crate) outcomes_age: Duration,
    /// From dialling to the end of the handshake.
    pub(crate) connect_timeout: Duration,
    pub(crate) token_timeout: Duration,
    pub(crate) answer_timeout: Duration,
    pub(crate) probe_timeout: Duration,
}

/// What happens to a lane whose head cannot be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LanePolicy {
    /// The lane waits behind the parked action until `retry` or `discard`. The policy of named lanes.
    Block,
    /// The parked action is voided at the server and the lane moves on. The policy of the default lane.
    Skip,
}

/// A capped exponential delay; the drawn delay is uniform between zero and the ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backoff {
    pub(crate) base: Duration,
    pub(crate) cap: Duration,
    /// The least delay: 1 s for a retried action, none for the line.
    pub(crate) floor: Duration,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            account: None,
            namespace: "/".to_owned(),
            auth: serde_json::Map::new(),
            sdk: concat!("keepline/", env!("CARGO_PKG_VERSION"), " (rust)").to_owned(),
            capacity_rows: 10_000,
            capacity_bytes: 50 * 1024 * 1024,
            action_bytes_max: keepline_protocol::limits::ACTION_BYTES_MAX as u64,
            ttl: Duration::from_secs(24 * 3600),
            lane_policies: HashMap::new(),
            default_lane_policy: LanePolicy::Skip,
            window_lane: 64,
            window_total: 256,
            attempts_max: 10,
            retry: Backoff {
                base: Duration::from_secs(1),
                cap: Duration::from_secs(60),
                floor: Duration::from_secs(1),
            },
            reconnect: Backoff {
                base: Duration::from_millis(500),
                cap: Duration::from_secs(10),
                floor: Duration::ZERO,
            },
            buffer_events: 1_024,
            buffer_bytes: 4 * 1024 * 1024,
            outcomes_kept: 1_000,
            outcomes_age: Duration::from_secs(7 * 24 * 3600),
            connect_timeout: Duration::from_secs(15),
            token_timeout: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(30),
            probe_timeout: Duration::from_secs(5),
        }
    }
}
