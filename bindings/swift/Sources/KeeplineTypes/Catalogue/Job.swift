/// What an action that starts a job gives.
public struct JobStarted: Codable, Hashable, Sendable {
    /// The job's id: its events are in ``StreamName/job(_:)``.
    public let job: String

    public init(job: String) {
        self.job = job
    }
}

/// Cancels a job.
public struct TaskCancel: Action, Codable, Hashable {
    public static let name = "task:cancel:v1"
    public typealias Reply = TaskCancelled

    /// Which job.
    public var job: String

    public init(job: String) {
        self.job = job
    }
}

/// Whether a job was cancelled; it was not where it had ended before.
public struct TaskCancelled: Codable, Hashable, Sendable {
    /// Whether it was.
    public let cancelled: Bool

    public init(cancelled: Bool) {
        self.cancelled = cancelled
    }
}

/// A job began.
public struct JobCreated: EventType, Codable, Hashable {
    public static let name = "job:created:v1"

    /// The job.
    public let job: String
    /// What it does: `search`, `research`, `model`.
    public let kind: String

    public init(job: String, kind: String) {
        self.job = job
        self.kind = kind
    }
}

/// A job ended well.
public struct JobCompleted: EventType, Codable, Hashable {
    public static let name = "job:completed:v1"

    /// The job.
    public let job: String
    /// What it did.
    public let kind: String
    /// What came of it, where the kind has a result.
    public let result: JSON?

    public init(job: String, kind: String, result: JSON? = nil) {
        self.job = job
        self.kind = kind
        self.result = result
    }
}

/// A job failed.
public struct JobFailed: EventType, Codable, Hashable {
    public static let name = "job:failed:v1"

    /// The job.
    public let job: String
    /// What it was to do.
    public let kind: String
    /// Why it failed.
    public let error: JobFailure

    public init(job: String, kind: String, error: JobFailure) {
        self.job = job
        self.kind = kind
        self.error = error
    }
}

/// Why a job failed.
public struct JobFailure: Codable, Hashable, Sendable {
    /// The stable code.
    public let code: String
    /// For people.
    public let message: String

    public init(code: String, message: String = "") {
        self.code = code
        self.message = message
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        code = try container.decode(String.self, forKey: .code)
        message = try container.decodeIfPresent(String.self, forKey: .message) ?? ""
    }
}

/// A job was cancelled.
public struct JobCancelled: EventType, Codable, Hashable {
    public static let name = "job:cancelled:v1"

    /// The job.
    public let job: String
    /// What it was to do.
    public let kind: String

    public init(job: String, kind: String) {
        self.job = job
        self.kind = kind
    }
}

/// How far a job is.
public struct JobProgress: EventType, Codable, Hashable {
    public static let name = "job:progress:v1"

    /// The job.
    public let job: String
    /// So much is done.
    public let done: UInt64
    /// Of so much.
    public let total: UInt64
    /// What it does at the moment, for people.
    public let note: String?

    public init(job: String, done: UInt64, total: UInt64, note: String? = nil) {
        self.job = job
        self.done = done
        self.total = total
        self.note = note
    }
}
