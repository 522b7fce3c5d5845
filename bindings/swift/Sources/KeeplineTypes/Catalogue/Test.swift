// What a server with `--dev` knows besides, for tests and for people who try things.

/// Gives back what it was given.
public struct TestEcho: Action, Codable, Hashable {
    public static let name = "test:echo:v1"
    public typealias Reply = JSON

    /// Anything.
    public var payload: JSON

    public init(_ payload: JSON) {
        self.payload = payload
    }

    public init(from decoder: any Decoder) throws {
        payload = try JSON(from: decoder)
    }

    public func encode(to encoder: any Encoder) throws {
        try payload.encode(to: encoder)
    }
}

/// Appends a ``TestRecorded`` to the user stream in its own transaction.
public struct TestRecord: Action, Codable, Hashable {
    public static let name = "test:record:v1"
    public typealias Reply = JSON

    /// Any number.
    public var n: Int64

    public init(n: Int64) {
        self.n = n
    }
}

/// A ``TestRecord`` was applied.
public struct TestRecorded: EventType, Codable, Hashable {
    public static let name = "test:recorded:v1"

    /// Its number.
    public let n: Int64
    /// The action's id.
    public let action: String?

    public init(n: Int64, action: String? = nil) {
        self.n = n
        self.action = action
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(n, forKey: .n)
        try container.encode(action, forKey: .action)
    }
}

/// Appends any event to a stream.
public struct TestEmit: Action, Codable, Hashable {
    public static let name = "test:emit:v1"
    public typealias Reply = Emitted

    /// Which stream.
    public var stream: StreamName
    /// The event's name.
    public var name: String
    /// Its payload.
    public var payload: JSON
    /// How often.
    public var count: UInt32

    public init(stream: StreamName, name: String, payload: JSON, count: UInt32 = 1) {
        self.stream = stream
        self.name = name
        self.payload = payload
        self.count = count
    }
}

/// Where a stream stands after a ``TestEmit``.
public struct Emitted: Codable, Hashable, Sendable {
    /// The last offset.
    public let head: UInt64

    public init(head: UInt64) {
        self.head = head
    }
}

/// Is refused.
public struct TestFail: Action, Codable, Hashable {
    public static let name = "test:fail:v1"
    public typealias Reply = JSON

    /// With this code.
    public var code: String
    /// Whether the refusal may pass, so that it is tried again.
    public var retryable: Bool
    /// How often; always otherwise.
    public var times: UInt32?

    public init(code: String, retryable: Bool = false, times: UInt32? = nil) {
        self.code = code
        self.retryable = retryable
        self.times = times
    }
}

/// Starts a job that does nothing but emit ``TestTick``s.
public struct TestJob: Action, Codable, Hashable {
    public static let name = "test:job:v1"
    public typealias Reply = JobStarted

    /// How many.
    public var events: UInt64
    /// How long between two, in milliseconds.
    public var intervalMilliseconds: UInt64
    /// How many bytes of data each carries.
    public var bytes: UInt32

    public init(events: UInt64, intervalMilliseconds: UInt64 = 0, bytes: UInt32 = 0) {
        self.events = events
        self.intervalMilliseconds = intervalMilliseconds
        self.bytes = bytes
    }

    private enum CodingKeys: String, CodingKey {
        case events, bytes
        case intervalMilliseconds = "interval_ms"
    }
}

/// An event of a ``TestJob``.
public struct TestTick: EventType, Codable, Hashable {
    public static let name = "test:tick:v1"

    /// The job.
    public let job: String
    /// Its number, from 0.
    public let index: UInt64
    /// As many bytes as the job was asked for.
    public let data: String

    public init(job: String, index: UInt64, data: String = "") {
        self.job = job
        self.index = index
        self.data = data
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        job = try container.decode(String.self, forKey: .job)
        index = try container.decode(UInt64.self, forKey: .index)
        data = try container.decodeIfPresent(String.self, forKey: .data) ?? ""
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(job, forKey: .job)
        try container.encode(index, forKey: .index)
        if !data.isEmpty { try container.encode(data, forKey: .data) }
    }

    private enum CodingKeys: String, CodingKey {
        case job, index, data
    }
}
