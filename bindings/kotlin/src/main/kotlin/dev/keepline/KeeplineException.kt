package dev.keepline

/**
 * A call that failed. Trouble with the line is no exception but a [Status], and an action's fate is an [Outcome].
 *
 * [code] is stable, for programs to compare; the message is for people. Each operation has its own subclass, and each
 * of its causes one of theirs.
 */
public sealed class KeeplineException(
    /** The stable code. */
    public val code: String,
    message: String,
    cause: Throwable? = null,
) : Exception("$code: $message", cause)

/** A call that needs nothing but an open client found it shut down. */
public class ClosedException : KeeplineException("CLOSED", CLOSED)

/** [KeeplineClient.open] failed. Nothing on disk was changed. */
public sealed class OpenException(code: String, message: String) : KeeplineException(code, message) {
    /** The URL is not `ws`, `wss`, `http` or `https`, has a token in its query, or is plain text beyond loopback. */
    public class BadUrl : OpenException("BAD_URL", "the server's URL cannot be used")

    /** An option is out of its range. */
    public class BadConfig(
        /** Which one. */
        public val option: String,
    ) : OpenException("BAD_CONFIG", "the option $option is out of its range")

    /** Another process has this database open. */
    public class InUse : OpenException("IN_USE", "another client has this database open")

    /** Another connection held SQLite's own lock for over 5 seconds. */
    public class StoreBusy : OpenException("STORE_BUSY", "another connection holds the database's lock")

    /** The file is no database or a damaged one; it was left as it is. See [KeeplineConfig.setCorruptAside]. */
    public class Corrupt : OpenException("STORE_CORRUPT", "the file is no database, or a damaged one")

    /** A later version of Keepline wrote it. */
    public class NewerSchema(
        /** The version of its schema. */
        public val found: Int,
    ) : OpenException("STORE_NEWER", "a later version of Keepline wrote the database (schema $found)")

    /** The disk is full. */
    public class DiskFull : OpenException("DISK_FULL", DISK_FULL)

    /** The key does not open it, or this build has no encryption. */
    public class WrongKey : OpenException("STORE_WRONG_KEY", "the key does not open the database")

    /** The file or its folder cannot be made, read or written. */
    public class Io : OpenException("STORE_IO", "the database's file or folder cannot be used")
}

/** A submit that kept nothing. */
public sealed class SubmitException(code: String, message: String, cause: Throwable? = null) :
    KeeplineException(code, message, cause) {
    /** The payload cannot be JSON or nests deeper than 64. Where its serializer failed, the cause says why. */
    public class NotJson(cause: Throwable? = null) : SubmitException("NOT_JSON", NOT_JSON, cause)

    /** Larger than the limit here or the server's. */
    public class TooLarge(
        /** Its size, in bytes. */
        public val bytes: Long,
        /** The limit, in bytes. */
        public val limit: Long,
    ) : SubmitException("TOO_LARGE", "$bytes bytes, and $limit are allowed")

    /** A name, lane, label, key, id or time is empty, too long or malformed. */
    public class BadField(
        /** Which one. */
        public val field: String,
    ) : SubmitException("BAD_FIELD", "the field $field is empty, too long or malformed")

    /** The queue has as many rows or bytes as it may. */
    public class QueueFull : SubmitException("QUEUE_FULL", "the queue is full")

    /** 1,000 named lanes have something in them. */
    public class TooManyLanes : SubmitException("TOO_MANY_LANES", "too many lanes have something in them")

    /** The id was used for another action. */
    public class IdConflict : SubmitException("ID_CONFLICT", "the id was used for another action")

    /** The disk is full. */
    public class DiskFull : SubmitException("DISK_FULL", DISK_FULL)

    /** The client is suspended. */
    public class Suspended : SubmitException("SUSPENDED", SUSPENDED)

    /** The database failed; the client opens it again by itself. */
    public class StoreFailed : SubmitException("STORE_FAILED", STORE_FAILED)

    /** The client was shut down. */
    public class Closed : SubmitException("CLOSED", CLOSED)
}

/** A `cancel`, `retry` or `discard` that failed. */
public sealed class ControlException(code: String, message: String) : KeeplineException(code, message) {
    /** No action has that id: it never existed, or its outcome was pruned. */
    public class NotFound : ControlException("NOT_FOUND", NOT_FOUND)

    /** It already has its outcome. */
    public class Settled : ControlException("SETTLED", "the action already has its outcome")

    /** Only a parked action can be retried or discarded. */
    public class NotParked : ControlException("NOT_PARKED", "the action is not parked")

    /** The client is suspended. */
    public class Suspended : ControlException("SUSPENDED", SUSPENDED)

    /** The database failed; the client opens it again by itself. */
    public class StoreFailed : ControlException("STORE_FAILED", STORE_FAILED)

    /** The client was shut down. */
    public class Closed : ControlException("CLOSED", CLOSED)
}

/** A submission's outcome that cannot be had. */
public sealed class OutcomeException(code: String, message: String, cause: Throwable? = null) :
    KeeplineException(code, message, cause) {
    /** No action has that id: it never existed, or its outcome was pruned. */
    public class NotFound : OutcomeException("NOT_FOUND", NOT_FOUND)

    /** It was applied; its reply has another shape than its type, or was forgotten. */
    public class BadReply(cause: Throwable? = null) : OutcomeException("BAD_REPLY", BAD_REPLY, cause)

    /** The client was shut down; the action stays in the queue until the next time. */
    public class Closed : OutcomeException("CLOSED", CLOSED)
}

/** A `call` without a reply. */
public sealed class CallException(code: String, message: String, cause: Throwable? = null) :
    KeeplineException(code, message, cause) {
    /** The payload cannot be JSON or nests deeper than 64. */
    public class NotJson(cause: Throwable? = null) : CallException("NOT_JSON", NOT_JSON, cause)

    /** Larger than the limit here or the server's. */
    public class TooLarge(
        /** Its size, in bytes. */
        public val bytes: Long,
        /** The limit, in bytes. */
        public val limit: Long,
    ) : CallException("TOO_LARGE", "$bytes bytes, and $limit are allowed")

    /** The name is empty, too long, or the protocol's own. */
    public class BadField(
        /** Which field. */
        public val field: String,
    ) : CallException("BAD_FIELD", "the field $field is empty, too long or malformed")

    /** There is no line; nothing was sent. */
    public class NotOnline : CallException("NOT_ONLINE", "there is no line")

    /** Too many calls wait for their answers. */
    public class Busy : CallException("BUSY", "too many calls wait for their answers")

    /** No answer came in time, or the line was lost. It may have happened. */
    public class TimedOut : CallException("TIMED_OUT", "no answer came in time; it may have happened")

    /** The server refused. */
    public class Rejected(
        /** The server's code. */
        public val rejection: String,
        /** For people. */
        public val text: String,
    ) : CallException("REJECTED", "$rejection: $text")

    /** It has happened; the reply has another shape than its type. */
    public class BadReply(cause: Throwable? = null) : CallException("BAD_REPLY", BAD_REPLY, cause)

    /** The client was shut down. It may have happened. */
    public class Closed : CallException("CLOSED", CLOSED)
}

/** A stream that could not be opened. */
public sealed class EventsException(code: String, message: String) : KeeplineException(code, message) {
    /** The stream already has its one durable consumer: use that one, or [KeeplineClient.observe]. */
    public class InUse : EventsException("STREAM_IN_USE", "the stream already has its consumer")

    /** As many streams are open as one connection may hold. */
    public class TooMany : EventsException("TOO_MANY_STREAMS", "too many streams are open")

    /** The stream's name is neither `user` nor `job:` and an id. */
    public class BadStream : EventsException("BAD_STREAM", "the stream's name is malformed")

    /** The client is suspended. */
    public class Suspended : EventsException("SUSPENDED", SUSPENDED)

    /** The database failed; the client opens it again by itself. */
    public class StoreFailed : EventsException("STORE_FAILED", STORE_FAILED)

    /** The client was shut down. */
    public class Closed : EventsException("CLOSED", CLOSED)
}

/** A failure of the database under a running client. */
public sealed class StoreException(code: String, message: String) : KeeplineException(code, message) {
    /** The disk is full. */
    public class DiskFull : StoreException("DISK_FULL", DISK_FULL)

    /** Another connection held SQLite's own lock for over 5 seconds. */
    public class Busy : StoreException("STORE_BUSY", "another connection holds the database's lock")

    /** The file is damaged. */
    public class Corrupt : StoreException("STORE_CORRUPT", "the database is damaged")

    /** The file cannot be read or written. */
    public class Io : StoreException("STORE_IO", "the database cannot be read or written")

    /** The client is suspended. */
    public class Suspended : StoreException("SUSPENDED", SUSPENDED)

    /** The client was shut down. */
    public class Closed : StoreException("CLOSED", CLOSED)
}

/** The log lines of the library are collected by somebody else in this process. */
public class LogsTakenException : KeeplineException("LOGS_TAKEN", "the log lines are collected already")

private const val CLOSED = "the client was shut down"
private const val DISK_FULL = "the disk is full"
private const val SUSPENDED = "the client is suspended"
private const val STORE_FAILED = "the database failed and is being opened again"
private const val NOT_FOUND = "no action has this id"
private const val NOT_JSON = "the payload cannot be JSON"
private const val BAD_REPLY = "the reply has another shape than its type"
