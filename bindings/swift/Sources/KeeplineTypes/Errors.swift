/// An error of Keepline: each has a stable code, which `docs/errors.md` lists.
public protocol KeeplineError: Error, Hashable, CustomStringConvertible {
    /// The stable code, for programs and logs.
    var code: String { get }
}

extension KeeplineError {
    /// The type and the code.
    public var description: String { "\(Self.self).\(code)" }
}

/// Why a client could not be opened. Nothing on disk was changed.
public enum OpenError: KeeplineError {
    /// The URL cannot be used: not `ws`, `wss`, `http` or `https`, a token in its query, or plain text beyond loopback.
    case badURL
    /// An option is out of its range; this names it.
    case badConfiguration(option: String)
    /// Another process has this database open.
    case inUse
    /// Another connection held SQLite's own lock for longer than 5 s.
    case storeBusy
    /// The file is no database, or a damaged one. It was left as it is.
    case corrupt
    /// A later version of Keepline wrote it. It was left as it is.
    case newerSchema(found: UInt32)
    /// The disk is full.
    case diskFull
    /// The key does not open it, or this build has no encryption.
    case wrongKey
    /// The file or its folder cannot be made, read or written.
    case io

    public var code: String {
        switch self {
        case .badURL: "BAD_URL"
        case .badConfiguration: "BAD_CONFIG"
        case .inUse: "IN_USE"
        case .storeBusy: "STORE_BUSY"
        case .corrupt: "STORE_CORRUPT"
        case .newerSchema: "STORE_NEWER"
        case .diskFull: "DISK_FULL"
        case .wrongKey: "STORE_WRONG_KEY"
        case .io: "STORE_IO"
        }
    }
}

/// Why `submit` kept nothing.
public enum SubmitError: KeeplineError {
    /// The payload cannot be written as JSON, or nests deeper than 64.
    case notJSON
    /// The payload is larger than the limit here or the server's; both in bytes.
    case tooLarge(bytes: UInt64, limit: UInt64)
    /// A name, lane, label or key that is empty or too long; this says which.
    case badField(String)
    /// The queue has as many rows or bytes as it may.
    case queueFull
    /// There are 1,000 named lanes with something in them.
    case tooManyLanes
    /// The id was used for another action.
    case idConflict
    /// The disk is full.
    case diskFull
    /// The client is suspended; its files are closed.
    case suspended
    /// The database failed; the client opens it again by itself.
    case store
    /// The client was shut down.
    case closed

    public var code: String {
        switch self {
        case .notJSON: "NOT_JSON"
        case .tooLarge: "TOO_LARGE"
        case .badField: "BAD_FIELD"
        case .queueFull: "QUEUE_FULL"
        case .tooManyLanes: "TOO_MANY_LANES"
        case .idConflict: "ID_CONFLICT"
        case .diskFull: "DISK_FULL"
        case .suspended: "SUSPENDED"
        case .store: "STORE_FAILED"
        case .closed: "CLOSED"
        }
    }
}

/// Why `cancel`, `retry` or `discard` failed.
public enum ControlError: KeeplineError {
    /// No action has that id: it never existed, or its outcome was pruned.
    case notFound
    /// It already has its outcome.
    case settled
    /// Only a parked action can be retried or discarded.
    case notParked
    /// The client is suspended; its files are closed.
    case suspended
    /// The database failed; the client opens it again by itself.
    case store
    /// The client was shut down.
    case closed

    public var code: String {
        switch self {
        case .notFound: "NOT_FOUND"
        case .settled: "SETTLED"
        case .notParked: "NOT_PARKED"
        case .suspended: "SUSPENDED"
        case .store: "STORE_FAILED"
        case .closed: "CLOSED"
        }
    }
}

/// Why an action's outcome cannot be had.
public enum OutcomeError: KeeplineError {
    /// No action has that id: it never existed, or its outcome was pruned.
    case notFound
    /// It was applied; its reply has another shape than the action's reply type, or was forgotten. The raw outcome has
    /// what there is.
    case badReply
    /// The client was shut down. The action stays in the queue until the next time.
    case closed

    public var code: String {
        switch self {
        case .notFound: "NOT_FOUND"
        case .badReply: "BAD_REPLY"
        case .closed: "CLOSED"
        }
    }
}

/// Why `call` has no reply.
public enum CallError: KeeplineError {
    /// The payload cannot be written as JSON, or nests deeper than 64.
    case notJSON
    /// The payload is larger than the limit here or the server's; both in bytes.
    case tooLarge(bytes: UInt64, limit: UInt64)
    /// A name that is empty, too long or the protocol's own; this says which field.
    case badField(String)
    /// There is no line; nothing was sent.
    case notOnline
    /// Too many calls wait for their answers; nothing was sent.
    case busy
    /// No answer came in time, or the line was lost. It may have happened.
    case timedOut
    /// The server refused.
    case rejected(Rejection)
    /// The reply has another shape than the action's reply type. It has happened.
    case badReply
    /// The client was shut down. It may have happened.
    case closed

    public var code: String {
        switch self {
        case .notJSON: "NOT_JSON"
        case .tooLarge: "TOO_LARGE"
        case .badField: "BAD_FIELD"
        case .notOnline: "NOT_ONLINE"
        case .busy: "BUSY"
        case .timedOut: "TIMED_OUT"
        case .rejected: "REJECTED"
        case .badReply: "BAD_REPLY"
        case .closed: "CLOSED"
        }
    }
}

/// Why a stream could not be opened.
public enum EventsError: KeeplineError {
    /// The stream already has its one durable consumer.
    case inUse
    /// As many streams are open as one connection may hold.
    case tooMany
    /// The client is suspended; its files are closed.
    case suspended
    /// The database failed; the client opens it again by itself.
    case store
    /// The client was shut down.
    case closed
    /// The job's id is empty, too long, or has control characters.
    case badStream

    public var code: String {
        switch self {
        case .inUse: "STREAM_IN_USE"
        case .tooMany: "TOO_MANY_STREAMS"
        case .suspended: "SUSPENDED"
        case .store: "STORE_FAILED"
        case .closed: "CLOSED"
        case .badStream: "BAD_STREAM"
        }
    }
}

/// A failure of the database under a running client.
public enum StoreError: KeeplineError {
    /// The disk is full.
    case diskFull
    /// Another connection held SQLite's own lock for longer than 5 s.
    case busy
    /// The file is damaged.
    case corrupt
    /// The file cannot be read or written.
    case io
    /// The client is suspended; its files are closed.
    case suspended
    /// The client was shut down.
    case closed

    public var code: String {
        switch self {
        case .diskFull: "DISK_FULL"
        case .busy: "STORE_BUSY"
        case .corrupt: "STORE_CORRUPT"
        case .io: "STORE_IO"
        case .suspended: "SUSPENDED"
        case .closed: "CLOSED"
        }
    }
}

/// The client was shut down.
public struct ClosedError: KeeplineError {
    public init() {}

    public var code: String { "CLOSED" }
}
