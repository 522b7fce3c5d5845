//! Every public error. Connection trouble is a [`Status`](crate::Status), an action's fate an
//! [`Outcome`](crate::Outcome): neither is here. Each error has a stable code, listed in `docs/errors.md`.

use std::fmt;

use keepline_protocol::ErrorCode;

macro_rules! errors {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident $( { $($field:ident : $type:ty),* } )? = $code:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
        pub enum $name {
            $($(#[$variant_doc])* $variant $( { $(#[doc = concat!("The ", stringify!($field), ".")] $field: $type),* } )?,)*
        }

        impl $name {
            /// Every code this error can have.
            pub const CODES: &'static [&'static str] = &[$($code,)*];

            /// The stable code.
            pub fn code(&self) -> &'static str {
                match self { $(Self::$variant $( { $($field: _),* } )? => $code,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self { $(Self::$variant $( { $($field: _),* } )? => f.write_str($text),)* }
            }
        }

        impl std::error::Error for $name {}
    };
}

errors! {
    /// Why `Client::open` failed. Nothing on disk was changed.
    OpenError {
        /// The URL cannot be used: not `ws`, `wss`, `http` or `https`, a token in its query, or plain text beyond
        /// loopback without [`Config::allow_plain_text`](crate::Config::allow_plain_text).
        BadUrl = "BAD_URL", "the server's URL cannot be used";
        /// An option is out of its range; `option` names it.
        BadConfig { option: &'static str } = "BAD_CONFIG", "an option is out of range";
        /// Another process has this database open.
        InUse = "IN_USE", "the database is open in another process";
        /// Another connection held SQLite's own lock for longer than 5 s.
        StoreBusy = "STORE_BUSY", "the database is locked";
        /// The file is no database, or a damaged one. It was left as it is.
        Corrupt = "STORE_CORRUPT", "the database is corrupt";
        /// A later version of Keepline wrote it. It was left as it is.
        NewerSchema { found: u32 } = "STORE_NEWER", "the database was written by a later version";
        /// The disk is full.
        DiskFull = "DISK_FULL", "the disk is full";
        /// The key does not open it, or this build has no encryption.
        WrongKey = "STORE_WRONG_KEY", "the database cannot be opened with this key";
        /// The file or its folder cannot be made, read or written.
        Io = "STORE_IO", "the database file cannot be used";
    }
}

errors! {
    /// Why `submit` kept nothing.
    SubmitError {
        /// The payload cannot be written as JSON, or nests too deep.
        NotJson = "NOT_JSON", "the payload is not JSON";
        /// The payload is larger than the limit here or the server's; both in bytes.
        TooLarge { bytes: u64, limit: u64 } = "TOO_LARGE", "the payload is too large";
        /// A name, lane, label or key that is empty or too long; `field` says which.
        BadField { field: &'static str } = "BAD_FIELD", "a field is empty or too long";
        /// The queue has as many rows or bytes as it may.
        QueueFull = "QUEUE_FULL", "the queue is full";
        /// There are 1,000 named lanes with something in them.
        TooManyLanes = "TOO_MANY_LANES", "too many lanes";
        /// The id was used for another action.
        IdConflict = "ID_CONFLICT", "the id belongs to another action";
        /// The disk is full.
        DiskFull = "DISK_FULL", "the disk is full";
        /// The client is suspended; its files are closed.
        Suspended = "SUSPENDED", "the client is suspended";
        /// The database failed; the client opens it again by itself.
        Store = "STORE_FAILED", "the database failed";
        /// The client was shut down.
        Closed = "CLOSED", "the client was shut down";
    }
}

errors! {
    /// Why `cancel`, `retry`, `discard` or reading an outcome failed.
    ControlError {
        /// No row has that id: it never existed, or its outcome was pruned.
        NotFound = "NOT_FOUND", "no action has this id";
        /// It already has its outcome.
        Settled = "SETTLED", "the action already has its outcome";
        /// Only a parked action can be retried or discarded.
        NotParked = "NOT_PARKED", "the action is not parked";
        /// The client is suspended; its files are closed.
        Suspended = "SUSPENDED", "the client is suspended";
        /// The database failed; the client opens it again by itself.
        Store = "STORE_FAILED", "the database failed";
        /// The client was shut down.
        Closed = "CLOSED", "the client was shut down";
    }
}

errors! {
    /// Why a submission's outcome cannot be had.
    OutcomeError {
        /// No row has that id: it never existed, or its outcome was pruned.
        NotFound = "NOT_FOUND", "no action has this id";
        /// The server applied the action, and its reply has another shape than the action's reply type or was
        /// forgotten. `outcome_raw` has what there is.
        BadReply = "BAD_REPLY", "the reply has an unexpected shape";
        /// The client was shut down. The action stays in the queue until the next time.
        Closed = "CLOSED", "the client was shut down";
    }
}

errors! {
    /// Why `call` has no reply.
    CallError {
        /// The payload cannot be written as JSON, or nests too deep.
        NotJson = "NOT_JSON", "the payload is not JSON";
        /// The payload is larger than the limit here or the server's; both in bytes.
        TooLarge { bytes: u64, limit: u64 } = "TOO_LARGE", "the payload is too large";
        /// A name that is empty, too long or the protocol's own; `field` says which.
        BadField { field: &'static str } = "BAD_FIELD", "a field is empty or too long";
        /// There is no line; nothing was sent.
        NotOnline = "NOT_ONLINE", "there is no line";
        /// Too many calls wait for their answers, or for a line that is up and takes nothing; nothing was sent.
        Busy = "BUSY", "too many calls are waiting";
        /// No answer came in time, or the line was lost. It may have happened.
        TimedOut = "TIMED_OUT", "no answer came in time";
        /// The server refused.
        Rejected { rejection: ErrorCode, text: String } = "REJECTED", "the server refused";
        /// The reply has another shape than the action's reply type. It has happened.
        BadReply = "BAD_REPLY", "the reply has an unexpected shape";
        /// The client was shut down.
        Closed = "CLOSED", "the client was shut down";
    }
}

errors! {
    /// Why a stream of events could not be opened.
    EventsError {
        /// The stream already has its one durable consumer.
        InUse = "STREAM_IN_USE", "the stream already has its consumer";
        /// As many streams are open as one connection may hold.
        TooMany = "TOO_MANY_STREAMS", "too many streams are open";
        /// The client is suspended; its files are closed.
        Suspended = "SUSPENDED", "the client is suspended";
        /// The database failed; the client opens it again by itself.
        Store = "STORE_FAILED", "the database failed";
        /// The client was shut down.
        Closed = "CLOSED", "the client was shut down";
    }
}

errors! {
    /// A failure of the local database under a running client.
    StoreError {
        /// The disk is full.
        Full = "DISK_FULL", "the disk is full";
        /// Another connection held SQLite's own lock for longer than 5 s.
        Busy = "STORE_BUSY", "the database is locked";
        /// The file is damaged.
        Corrupt = "STORE_CORRUPT", "the database is corrupt";
        /// The file cannot be read or written.
        Io = "STORE_IO", "the database file cannot be used";
        /// The client is suspended; its files are closed.
        Suspended = "SUSPENDED", "the client is suspended";
        /// The client was shut down.
        Closed = "CLOSED", "the client was shut down";
    }
}
