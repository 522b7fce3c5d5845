//! Every size, count and wait of the outer half of the client, each with the reason for its number. What the engine
//! counts and waits for stands in its options; what both ends of the wire agree on in `keepline_protocol::limits`.

use std::time::Duration;

/// How many errands of the handle may wait for the driver. Beyond it the callers wait: a burst of submits is one
/// commit, and a screenful of commits is queue enough.
pub(crate) const ERRANDS_MAX: usize = 1_024;

/// How many errands, and how many events of the link, go into one transaction. A transaction of this size takes a
/// few milliseconds, which bounds how long the socket and a newcomer wait.
pub(crate) const BATCH_MAX: usize = 256;

/// After so many bytes of the link a transaction takes no more of it. A window of acknowledgements fits; a page of events
/// does not, so that what its end asks for is not held up by all of it.
pub(crate) const BATCH_BYTES: usize = 64 * 1024;

/// How many packets, and how many bytes, one transaction hands to the socket. The window in flight is 256.
pub(crate) const TRANSMIT_PACKETS_MAX: usize = 256;
/// See [`TRANSMIT_PACKETS_MAX`]; a socket's own buffer is of this order.
pub(crate) const TRANSMIT_BYTES_MAX: usize = 256 * 1024;

/// The WebSocket's buffers. Reading in small pieces costs little, and an idle client keeps both.
pub(crate) const READ_BUFFER_BYTES: usize = 32 * 1024;
/// See [`READ_BUFFER_BYTES`].
pub(crate) const WRITE_BUFFER_BYTES: usize = 16 * 1024;

/// The default for the largest packet that is read. Larger than what a Keepline server sends, because an existing
/// server's stock default is 1 MB.
pub(crate) const RECEIVE_BYTES_DEFAULT: usize = 1024 * 1024;

/// The largest packet that any configuration may allow.
pub(crate) const RECEIVE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How many addresses of one name are tried.
pub(crate) const ADDRESSES_MAX: usize = 8;

/// How long one address has to itself before the next is tried beside it (RFC 8305, section 5).
pub(crate) const ADDRESS_HEAD_START: Duration = Duration::from_millis(250);

/// How long one address may take. Shorter than the engine's wait for the whole handshake, so that its own name for
/// what went wrong is seen.
pub(crate) const ADDRESS_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest heartbeat that is believed; a server that wishes for more is watched at this pace.
pub(crate) const HEARTBEAT_MAX: Duration = Duration::from_secs(600);

/// The longest wait that a busy server can ask for.
pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// How long a link that was hung up may take to write its rest and to say goodbye.
pub(crate) const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// How many links may say goodbye at once; the oldest is cut beyond it.
pub(crate) const GOODBYES_MAX: usize = 4;

/// How many items a live tap holds for a slow reader; the newest win, and the reader is told how many it missed.
pub(crate) const TAP_ITEMS_MAX: usize = 1_024;

/// How many live taps there may be of one kind. A screen has a handful.
pub(crate) const TAPS_MAX: usize = 256;

/// The first and the longest wait before a failed database is opened again.
pub(crate) const REOPEN_BASE: Duration = Duration::from_millis(100);
/// See [`REOPEN_BASE`].
pub(crate) const REOPEN_CAP: Duration = Duration::from_secs(30);

/// The share of a deadline that `background` keeps for closing, at most.
pub(crate) const CLOSING_RESERVE: Duration = Duration::from_secs(1);

/// The longest lane, label and coalescing key, in bytes. They are indexed, or shown in a list.
pub(crate) const LANE_BYTES_MAX: usize = 128;
/// See [`LANE_BYTES_MAX`].
pub(crate) const LABEL_BYTES_MAX: usize = 256;
/// See [`LANE_BYTES_MAX`].
pub(crate) const COALESCE_BYTES_MAX: usize = 128;

/// The longest time to live: beyond it the server's ledger may have forgotten what it has applied.
pub(crate) const TTL_MAX: Duration = Duration::from_secs(30 * 24 * 3_600);

/// The longest time for which the client heeds a server's wish to come back later with an action or a stream. Beyond it
/// the wish is taken for a mistake; the next answer can say it again.
pub(crate) const RETRY_WISH_MAX: Duration = Duration::from_secs(300);

/// How many handlers one client may have.
pub(crate) const HANDLERS_MAX: usize = 1_024;

/// After so long without a failure the next one is tried again at once.
pub(crate) const REOPEN_FORGOTTEN: Duration = Duration::from_secs(10);
