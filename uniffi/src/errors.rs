//! The errors of the Rust client once more, as each language's package reads them: variant by variant, so that a new
//! one is an error of the compiler here. Each keeps its code from `docs/errors.md`.

use std::fmt;

macro_rules! mirror {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident from $core:ident {
            $($(#[doc = $variant_doc:literal])+ $variant:ident $( { $($field:ident : $type:ty),* } )?,)*
        } $(and { $($(#[doc = $own_doc:literal])+ $own:ident,)* })?
    )*) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, uniffi::Error)]
        pub enum $name {
            $(
                $(#[doc = $variant_doc])+
                $variant $( { $(#[allow(missing_docs)] $field: $type),* } )?,
            )*
            $($($(#[doc = $own_doc])+ $own,)*)?
        }

        impl From<keepline::$core> for $name {
            fn from(error: keepline::$core) -> Self {
                match error {
                    $(keepline::$core::$variant $( { $($field),* } )? =>
                        Self::$variant $( { $($field: $field.into()),* } )?,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self, f)
            }
        }

        impl std::error::Error for $name {}
    )*};
}

mirror! {
    /// Why a client could not be opened.
    CoreOpenError from OpenError {
        /// The server's URL cannot be used.
        BadUrl,
        /// An option is out of its range.
        BadConfig { option: String },
        /// Another process has this database open.
        InUse,
        /// Another connection holds SQLite's lock.
        StoreBusy,
        /// The file is no database, or a damaged one.
        Corrupt,
        /// A later version of Keepline wrote it.
        NewerSchema { found: u32 },
        /// The disk is full.
        DiskFull,
        /// The key does not open it.
        WrongKey,
        /// The file or its folder cannot be used.
        Io,
    }

    /// Why `submit` kept nothing.
    CoreSubmitError from SubmitError {
        /// The payload is not JSON, or nests too deep.
        NotJson,
        /// The payload is larger than the limit, both in bytes.
        TooLarge { bytes: u64, limit: u64 },
        /// A field is empty, too long or malformed.
        BadField { field: String },
        /// The queue has as many rows or bytes as it may.
        QueueFull,
        /// Too many named lanes have something in them.
        TooManyLanes,
        /// The id was used for another action.
        IdConflict,
        /// The disk is full.
        DiskFull,
        /// The client is suspended.
        Suspended,
        /// The database failed.
        Store,
        /// The client was shut down.
        Closed,
    }

    /// Why `cancel`, `retry` or `discard` failed.
    CoreControlError from ControlError {
        /// No action has this id.
        NotFound,
        /// It already has its outcome.
        Settled,
        /// The action is not parked.
        NotParked,
        /// The client is suspended.
        Suspended,
        /// The database failed.
        Store,
        /// The client was shut down.
        Closed,
    }

    /// Why an outcome cannot be had.
    CoreOutcomeError from OutcomeError {
        /// No action has this id.
        NotFound,
        /// The reply has an unexpected shape.
        BadReply,
        /// The client was shut down.
        Closed,
    } and {
        /// The caller gave up waiting.
        GivenUp,
    }

    /// Why `call` has no reply.
    CoreCallError from CallError {
        /// The payload is not JSON, or nests too deep.
        NotJson,
        /// The payload is larger than the limit, both in bytes.
        TooLarge { bytes: u64, limit: u64 },
        /// A field is empty, too long or malformed.
        BadField { field: String },
        /// There is no line; nothing was sent.
        NotOnline,
        /// Too many wait already.
        Busy,
        /// No answer came in time. It may have happened.
        TimedOut,
        /// The server refused.
        Rejected { rejection: String, text: String },
        /// The reply has an unexpected shape.
        BadReply,
        /// The client was shut down.
        Closed,
    } and {
        /// The caller gave up waiting. It may have happened.
        GivenUp,
    }

    /// Why a stream could not be opened.
    CoreEventsError from EventsError {
        /// The stream already has its one durable consumer.
        InUse,
        /// Too many streams are open.
        TooMany,
        /// The client is suspended.
        Suspended,
        /// The database failed.
        Store,
        /// The client was shut down.
        Closed,
    } and {
        /// The stream's name is neither `user` nor `job:` and an id.
        BadStream,
    }

    /// A failure of the local database.
    CoreStoreError from StoreError {
        /// The disk is full.
        Full,
        /// Too many wait already.
        Busy,
        /// The file is no database, or a damaged one.
        Corrupt,
        /// The file or its folder cannot be used.
        Io,
        /// The client is suspended.
        Suspended,
        /// The client was shut down.
        Closed,
    }
}

/// The client was shut down.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Error)]
pub enum CoreClosedError {
    /// See `docs/errors.md`, `CLOSED`.
    Closed,
}

/// Why log lines cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Error)]
pub enum CoreLogsError {
    /// Somebody else in this process takes them already.
    Taken,
}

impl fmt::Display for CoreClosedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client was shut down")
    }
}

impl fmt::Display for CoreLogsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the log lines are taken already")
    }
}

impl std::error::Error for CoreClosedError {}
impl std::error::Error for CoreLogsError {}
