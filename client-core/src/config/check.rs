use std::{collections::HashMap, path::Path, sync::Arc, time::Duration};

use keepline_protocol::limits::{ID_BYTES_MAX, NAMESPACE_BYTES_MAX, PACKET_BYTES_MAX};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::{
    Config,
    endpoint::{Endpoint, EndpointOptions},
};
use crate::{
    clock::Clock,
    engine::{Backoff, EngineOptions},
    error::OpenError,
    limits::{LANE_BYTES_MAX, RECEIVE_BYTES_MAX, TTL_MAX},
    store::StoreOptions,
    token::{TokenSource, is_plausible},
    transport::{TlsOptions, TransportOptions},
};

/// A config that was checked, in the parts that need it.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) core: CoreSettings,
    pub(crate) transport: TransportOptions,
    pub(crate) tokens: TokenSource,
    pub(crate) clock: Clock,
}

/// What engine and database need, each time they are opened.
#[derive(Debug)]
pub(crate) struct CoreSettings {
    pub(crate) store: StoreOptions,
    pub(crate) engine: EngineOptions,
    pub(crate) seed: Option<u64>,
}

impl Config {
    /// Checks every option.
    pub(crate) fn check(self) -> Result<Settings, OpenError> {
        let engine = self.engine_options()?;
        let store = self.store_options(&engine)?;
        if let TokenSource::Fixed(token) = &self.tokens
            && !is_plausible(token)
        {
            return Err(bad("token"));
        }
        Ok(Settings {
            core: CoreSettings { store, engine, seed: self.seed },
            transport: self.transport_options()?,
            tokens: self.tokens,
            clock: self.clock,
        })
    }

    fn engine_options(&self) -> Result<EngineOptions, OpenError> {
        let mut options = EngineOptions::default();
        let account_fits = |account: &String| (1..=ID_BYTES_MAX).contains(&account.len());
        check(self.account.as_ref().is_none_or(account_fits), "account")?;
        options.account.clone_from(&self.account);
        check(self.namespace.starts_with('/') && self.namespace.len() <= NAMESPACE_BYTES_MAX, "namespace")?;
        check(!self.namespace.contains([',', '?']), "namespace")?;
        options.namespace.clone_from(&self.namespace);
        options.auth = self.auth_keys()?;
        if let Some(sdk) = &self.sdk {
            check((1..=ID_BYTES_MAX).contains(&sdk.len()), "sdk")?;
            options.sdk.clone_from(sdk);
        }
        self.lane_options(&mut options)?;
        self.queue_options(&mut options)?;
        if let Some((base, cap)) = self.reconnect {
            check(!base.is_zero() && base <= cap && cap <= DAY, "reconnect")?;
            options.reconnect = Backoff { base, cap, floor: Duration::ZERO };
        }
        Ok(options)
    }

    fn lane_options(&self, options: &mut EngineOptions) -> Result<(), OpenError> {
        let fits = |(lane, _): &(String, _)| (1..=LANE_BYTES_MAX).contains(&lane.len());
        check(self.lanes.iter().all(fits), "lane_policy")?;
        options.lane_policies = self.lanes.iter().cloned().collect::<HashMap<_, _>>();
        options.default_lane_policy = self.default_lane;
        Ok(())
    }

    fn queue_options(&self, options: &mut EngineOptions) -> Result<(), OpenError> {
        if let Some((rows, bytes)) = self.capacity {
            check((1..=ROWS_MAX).contains(&rows), "capacity")?;
            check((options.action_bytes_max..=BYTES_MAX).contains(&bytes), "capacity")?;
            (options.capacity_rows, options.capacity_bytes) = (rows, bytes);
        }
        if let Some(attempts) = self.attempts {
            check((1..=ATTEMPTS_MAX).contains(&attempts), "attempts")?;
            options.attempts_max = attempts;
        }
        if let Some(ttl) = self.ttl {
            check(!ttl.is_zero() && ttl <= TTL_MAX, "ttl")?;
            options.ttl = ttl;
        }
        if let Some((events, bytes)) = self.buffer {
            check((1..=BUFFER_EVENTS_MAX).contains(&events) && (1..=BYTES_MAX).contains(&bytes), "buffer")?;
            (options.buffer_events, options.buffer_bytes) = (events, bytes);
        }
        if let Some((rows, age)) = self.outcomes {
            check(rows <= ROWS_MAX && age <= 366 * DAY, "outcomes_kept")?;
            (options.outcomes_kept, options.outcomes_age) = (rows, age);
        }
        Ok(())
    }

    fn auth_keys(&self) -> Result<serde_json::Map<String, serde_json::Value>, OpenError> {
        match &self.auth {
            None => Ok(serde_json::Map::new()),
            Some(serde_json::Value::Object(keys))
                if !keys.keys().any(|key| RESERVED_AUTH_KEYS.contains(&key.as_str())) =>
            {
                Ok(keys.clone())
            }
            Some(_) => Err(bad("auth")),
        }
    }

    fn store_options(&self, engine: &EngineOptions) -> Result<StoreOptions, OpenError> {
        check(self.database != Path::new(""), "database")?;
        let quota_bytes = match self.disk_quota {
            Some(bytes) => bytes,
            None => engine.capacity_bytes.saturating_mul(2).saturating_add(QUOTA_SLACK_BYTES),
        };
        // The schema alone takes some 100 KiB, and a quota that nothing fits into is a mistake.
        check((QUOTA_BYTES_MIN..=BYTES_MAX).contains(&quota_bytes), "disk_quota")?;
        Ok(StoreOptions {
            path: self.database.clone(),
            relaxed: self.is_relaxed,
            quota_bytes,
            set_corrupt_aside: self.set_corrupt_aside,
        })
    }

    fn transport_options(&self) -> Result<TransportOptions, OpenError> {
        check((PACKET_BYTES_MAX..=RECEIVE_BYTES_MAX).contains(&self.receive_limit), "receive_limit")?;
        let endpoint = Endpoint::new(&EndpointOptions {
            url: &self.url,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            allow_plain_text: self.allow_plain_text,
        })?;
        // Pins or roots on a line without TLS would promise what is not there.
        check(endpoint.is_secure || self.pinned_keys.is_empty(), "pinned_key")?;
        check(endpoint.is_secure || self.extra_roots.is_empty(), "extra_root_pem")?;
        let tls = TlsOptions { extra_roots: self.roots()?, pinned_keys: self.pinned_keys.clone() };
        let (receive_bytes_max, dialer) = (self.receive_limit, Arc::clone(&self.dialer));
        Ok(TransportOptions { endpoint, tls, receive_bytes_max, dialer })
    }

    fn roots(&self) -> Result<Vec<CertificateDer<'static>>, OpenError> {
        let mut roots = Vec::new();
        for pem in &self.extra_roots {
            let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
                .collect::<Result<_, _>>()
                .map_err(|_| bad("extra_root_pem"))?;
            check(!certificates.is_empty(), "extra_root_pem")?;
            for certificate in certificates {
                RootCertStore::empty().add(certificate.clone()).map_err(|_| bad("extra_root_pem"))?;
                roots.push(certificate);
            }
        }
        Ok(roots)
    }
}

fn check(holds: bool, option: &'static str) -> Result<(), OpenError> {
    if holds { Ok(()) } else { Err(bad(option)) }
}

fn bad(option: &'static str) -> OpenError {
    OpenError::BadConfig { option }
}

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// More than anybody queues on a device, and far from where a count could overflow.
const ROWS_MAX: u64 = 100_000_000;

/// 1 TiB, for the same reason.
const BYTES_MAX: u64 = 1 << 40;

/// At a minute each that is most of a day, behind which nobody looks at a queue.
const ATTEMPTS_MAX: u32 = 1_000;

const BUFFER_EVENTS_MAX: u32 = 1_000_000;

/// Rows, indexes, outcomes and SQLite's own pages beside the payloads.
const QUOTA_SLACK_BYTES: u64 = 32 * 1024 * 1024;

const QUOTA_BYTES_MIN: u64 = 512 * 1024;

/// Keepline's own in the CONNECT payload, and what Socket.IO's connection state recovery reads there.
const RESERVED_AUTH_KEYS: [&str; 8] =
    ["token", "proto", "account", "sdk", "ledger", "resume", "pid", "offset"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::LanePolicy;

    fn config() -> Config {
        Config::new("wss://example.org", "queue.db")
    }

    fn refused(config: Config) -> &'static str {
        match config.check() {
            Err(OpenError::BadConfig { option }) => option,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_defaults_hold() {
        let settings = config().check().unwrap();
        assert_eq!(settings.core.engine.capacity_rows, 10_000);
        assert_eq!(settings.core.engine.namespace, "/");
        assert_eq!(settings.transport.receive_bytes_max, 1024 * 1024);
        assert!(!settings.core.store.relaxed && !settings.core.store.set_corrupt_aside);
    }

    #[test]
    fn each_option_has_its_edges() {
        let second = Duration::from_secs(1);
        assert_eq!(refused(config().account("")), "account");
        assert_eq!(refused(config().account("a".repeat(129))), "account");
        assert!(config().account("a".repeat(128)).check().is_ok());
        assert_eq!(refused(config().namespace("admin")), "namespace");
        assert_eq!(refused(config().namespace("/a,b")), "namespace");
        assert_eq!(refused(config().path("socket.io")), "path");
        assert_eq!(refused(config().ttl(Duration::ZERO)), "ttl");
        assert_eq!(refused(config().ttl(TTL_MAX + second)), "ttl");
        assert!(config().ttl(TTL_MAX).check().is_ok());
        assert_eq!(refused(config().capacity(0, 1 << 20)), "capacity");
        assert_eq!(refused(config().capacity(1, 64 * 1024 - 1)), "capacity");
        assert!(config().capacity(1, 64 * 1024).check().is_ok());
        assert_eq!(refused(config().reconnect(Duration::ZERO, second)), "reconnect");
        assert_eq!(refused(config().reconnect(2 * second, second)), "reconnect");
        assert_eq!(refused(config().attempts(0)), "attempts");
        assert_eq!(refused(config().attempts(1_001)), "attempts");
        assert_eq!(refused(config().buffer(0, 1)), "buffer");
        assert_eq!(refused(config().receive_limit(PACKET_BYTES_MAX - 1)), "receive_limit");
        assert_eq!(refused(config().disk_quota(1)), "disk_quota");
        assert_eq!(refused(config().lane_policy("", LanePolicy::Block)), "lane_policy");
        assert_eq!(refused(config().token("")), "token");
        assert_eq!(refused(Config::new("wss://example.org", "")), "database");
    }

    #[test]
    fn the_apps_auth_keeps_off_keeplines_keys() {
        assert_eq!(refused(config().auth(json!([1]))), "auth");
        for key in RESERVED_AUTH_KEYS {
            let mut keys = serde_json::Map::new();
            keys.insert(key.to_owned(), json!(1));
            assert_eq!(refused(config().auth(keys.into())), "auth", "{key}");
        }
        let settings = config().auth(json!({"tenant": "a"})).check().unwrap();
        assert_eq!(settings.core.engine.auth["tenant"], "a");
    }

    #[test]
    fn roots_and_pins_need_tls() {
        assert_eq!(refused(config().extra_root_pem("no pem")), "extra_root_pem");
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(refused(config().extra_root_pem(broken)), "extra_root_pem");
        let plain = || Config::new("ws://localhost", "queue.db");
        assert_eq!(refused(plain().pinned_key([0; 32])), "pinned_key");
        assert!(config().pinned_key([0; 32]).pinned_key([1; 32]).check().is_ok());
    }

    #[test]
    fn nothing_secret_is_shown() {
        let config = config()
            .token("canary")
            .header("Authorization", "canary")
            .auth(json!({"k": "canary"}))
            .query("q", "canary");
        assert!(!format!("{config:?}").contains("canary"));
    }
}
