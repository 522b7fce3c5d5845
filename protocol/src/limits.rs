//! Every size and count that both ends of the wire agree on, each with the reason for its number.

/// The largest payload of one action, in bytes of JSON. Sixteen pages of SQLite: a form, a prompt, a small
/// document; files go elsewhere.
pub const ACTION_BYTES_MAX: usize = 64 * 1024;

/// The largest payload of one event, in bytes of JSON; the same as for an action, so an echo always fits.
pub const EVENT_BYTES_MAX: usize = 64 * 1024;

/// The largest Engine.IO packet either end accepts: twice an action with room for its name and meta, because a
/// client may escape every byte of its text.
pub const PACKET_BYTES_MAX: usize = 2 * ACTION_BYTES_MAX + 8 * 1024;

/// The longest name of an action or event, in bytes. Names are typed by hand and indexed.
pub const NAME_BYTES_MAX: usize = 128;

/// The longest job id, account or subject, in bytes.
pub const ID_BYTES_MAX: usize = 128;

/// The longest epoch, in bytes; a UUID fits with room.
pub const EPOCH_BYTES_MAX: usize = 64;

/// The longest token, in bytes; the size at which common HTTP servers refuse a header.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// How many binary attachments one packet may have. The stock parsers accept ten by default.
pub const ATTACHMENTS_MAX: usize = 10;

/// How deep JSON may nest. Deeper input is an attack on a recursive parser, not a payload.
pub const JSON_DEPTH_MAX: usize = 64;

/// How deep the JSON of a whole Socket.IO packet may nest: a payload of [`JSON_DEPTH_MAX`] and what it is wrapped
/// in. The deepest wrapping is a snapshot in `session:ready:v1`, five levels down; the rest is room. It stays below
/// the 128 at which the JSON parser itself gives up.
pub const ENVELOPE_DEPTH_MAX: usize = JSON_DEPTH_MAX + 8;

/// How many streams one CONNECT may resume; further ones are subscribed after it.
pub const RESUME_STREAMS_MAX: usize = 32;

/// How many streams one connection may hold.
pub const STREAMS_MAX: usize = 256;

/// How many events one page of a replay holds at most.
pub const PAGE_EVENTS_MAX: u32 = 1_000;

/// How many cursors one `ledger:check:v1` may carry: one for each distinct mark of a full outbox is never needed,
/// because the newest confirmed one wins.
pub const LEDGER_CURSORS_MAX: usize = 256;

/// How often the ledger keeps a checkpoint of its tag for ever, in positions.
pub const LEDGER_CHECKPOINT_EVERY: u64 = 1_000;

/// The longest namespace, in bytes.
pub const NAMESPACE_BYTES_MAX: usize = 128;

/// The largest acknowledgement id; larger ones do not survive a JavaScript number.
pub const ACK_ID_MAX: u64 = (1 << 53) - 1;
