/// What comes on a stream, with the catalogue's types.
public enum Event: Sendable {
    /// A job began.
    case jobCreated(JobCreated)
    /// A job ended well.
    case jobCompleted(JobCompleted)
    /// A job failed.
    case jobFailed(JobFailed)
    /// A job was cancelled.
    case jobCancelled(JobCancelled)
    /// How far a job is.
    case jobProgress(JobProgress)
    /// A document that a search found.
    case searchResult(SearchResult)
    /// Something that research found out.
    case researchFinding(ResearchFinding)
    /// A piece of a model's answer.
    case modelChunk(ModelChunk)
    /// A `test:record:v1` was applied (servers with `--dev`).
    case testRecorded(TestRecorded)
    /// An event of a `test:job:v1` (servers with `--dev`).
    case testTick(TestTick)
    /// An event that the catalogue does not have, or whose payload does not fit its type: an app's own, a later
    /// version, an existing Socket.IO server's. ``Envelope/decode(_:)`` gives it a type.
    case raw(Envelope)
    /// Continuity was lost: discard what was built up, take the snapshot, go on from here.
    case reset(Reset)
    /// The stream ended and was removed. Nothing comes after it.
    case gone
    /// The server does not give this stream and would say so again (`FORBIDDEN`, `BAD_REQUEST`). The stream ends here
    /// and its cursor stays: open it again once the reason is gone.
    case refused(code: String)
    /// A live tap was slow and missed so many items. A durable consumer never gets this.
    case lagged(Int)
}

/// What comes on a stream, as it came.
public enum Item: Sendable {
    /// An event with its place, its time and every argument.
    case event(Envelope)
    /// Continuity was lost: discard what was built up, take the snapshot, go on from here.
    case reset(Reset)
    /// The stream ended and was removed. Nothing comes after it.
    case gone
    /// The server does not give this stream and would say so again (`FORBIDDEN`, `BAD_REQUEST`). The stream ends here
    /// and its cursor stays: open it again once the reason is gone.
    case refused(code: String)
    /// A live tap was slow and missed so many items. A durable consumer never gets this.
    case lagged(Int)
}

extension Event {
    /// The item with the catalogue's types.
    public init(_ item: Item) {
        switch item {
        case .event(let envelope): self = Self.typed(envelope)
        case .reset(let reset): self = .reset(reset)
        case .gone: self = .gone
        case .refused(let code): self = .refused(code: code)
        case .lagged(let count): self = .lagged(count)
        }
    }

    private static func typed(_ envelope: Envelope) -> Event {
        switch envelope.name {
        case JobCreated.name: read(envelope, Event.jobCreated)
        case JobCompleted.name: read(envelope, Event.jobCompleted)
        case JobFailed.name: read(envelope, Event.jobFailed)
        case JobCancelled.name: read(envelope, Event.jobCancelled)
        case JobProgress.name: read(envelope, Event.jobProgress)
        case SearchResult.name: read(envelope, Event.searchResult)
        case ResearchFinding.name: read(envelope, Event.researchFinding)
        case ModelChunk.name: read(envelope, Event.modelChunk)
        case TestRecorded.name: read(envelope, Event.testRecorded)
        case TestTick.name: read(envelope, Event.testTick)
        default: .raw(envelope)
        }
    }

    /// A payload that does not fit its type is handed on as it came: an app that cannot read it must not lose it.
    private static func read<T: EventType>(_ envelope: Envelope, _ make: (T) -> Event) -> Event {
        guard let event = try? Coding.decode(T.self, from: envelope.payload) else { return .raw(envelope) }
        return make(event)
    }
}

/// Where a stream goes on after continuity was lost.
public struct Reset: Hashable, Sendable {
    /// The log's incarnation now.
    public let epoch: String
    /// The place of the snapshot; the next event stands right after it.
    public let offset: UInt64
    /// Why.
    public let reason: Reason
    /// What the events up to `offset` add up to, as JSON; `nil` where the stream has no such form.
    public let snapshot: String?

    /// Why continuity was lost.
    public enum Reason: String, Hashable, Sendable {
        /// The log was trimmed beyond the cursor.
        case trimmed
        /// The log was begun anew.
        case epochChanged
        /// The cursor was ahead of the log: the server was restored from a backup.
        case ahead
    }

    public init(epoch: String, offset: UInt64, reason: Reason, snapshot: String? = nil) {
        self.epoch = epoch
        self.offset = offset
        self.reason = reason
        self.snapshot = snapshot
    }

    /// The snapshot as a type; `nil` where there is none.
    ///
    /// - Throws: `DecodingError` where the snapshot has another shape.
    public func decodeSnapshot<T: Decodable>(_ type: T.Type = T.self) throws -> T? {
        try snapshot.map { try Coding.decode(type, from: $0) }
    }
}
