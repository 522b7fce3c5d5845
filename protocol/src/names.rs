//! The names of the session itself, beside the catalogue's, and which names there may be.

use crate::limits::NAME_BYTES_MAX;

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

/// What stock peers keep for themselves. Their decoders close the connection when one arrives as an event, at each
/// delivery again: so a stored event or a queued action of such a name could never pass.
pub const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// Whether an action or event may have this name: not empty, at most [`NAME_BYTES_MAX`] bytes, without control
/// characters and not [`RESERVED`].
pub fn is_allowed(name: &str) -> bool {
    let well_formed = !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.contains(char::is_control);
    well_formed && !RESERVED.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_its_limits() {
        for name in ["a", "search:start:v1", "Ünïcode name", &"n".repeat(NAME_BYTES_MAX)] {
            assert!(is_allowed(name), "{name}");
        }
        for name in ["", "a\n", "\u{0}", "\u{1e}", &"n".repeat(NAME_BYTES_MAX + 1)] {
            assert!(!is_allowed(name), "{name:?}");
        }
        assert!(RESERVED.iter().all(|name| !is_allowed(name)));
    }
}
