//! The names of the session itself, beside the catalogue's.

/// The first event after CONNECT.
pub const SESSION_READY: &str = "session:ready:v1";
/// The token ends soon.
pub const AUTH_EXPIRING: &str = "auth:expiring:v1";
/// The token has ended.
pub const AUTH_EXPIRED: &str = "auth:expired:v1";
/// A new token in band.
pub const AUTH_REFRESH: &str = "auth:refresh:v1";
/// The server goes away.
pub const SERVER_DRAINING: &str = "server:draining:v1";
/// Pull one page of a stream.
pub const STREAM_SUBSCRIBE: &str = "stream:subscribe:v1";
/// No more of a stream.
pub const STREAM_UNSUBSCRIBE: &str = "stream:unsubscribe:v1";
/// Compare places in the ledger.
pub const LEDGER_CHECK: &str = "ledger:check:v1";
/// Settle an action as void.
pub const ACTION_VOID: &str = "action:void:v1";
