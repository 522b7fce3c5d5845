/// The handlers of a client, by stream. An app meets it only through ``KeeplineClient/on(_:in:handler:)``.
public final class Handlers: Sendable {
    typealias Work = @Sendable (Envelope) async throws -> Void

    private let streams = Locked([StreamName: Entry]())

    /// The handlers of one stream and the task that feeds them.
    private struct Entry {
        let events: EventStream
        var works: [(id: UInt64, work: Work)] = []
        var next: UInt64 = 1

        mutating func add(_ work: @escaping Work) -> UInt64 {
            defer { next += 1 }
            works.append((next, work))
            return next
        }
    }

    /// No handler yet. For those who write a ``KeeplineClient``.
    public init() {}

    func add(
        to stream: StreamName, of client: some KeeplineClient, _ work: @escaping Work
    ) throws(EventsError) -> Handler {
        if let id = join(stream, work) { return Handler { self.remove(id, from: stream) } }
        let events = try client.events(stream)
        let id: UInt64 = streams.withLock { streams in
            var entry = Entry(events: events)
            defer { streams[stream] = entry }
            return entry.add(work)
        }
        let feed = Feed(handlers: self, stream: stream, items: events.items)
        Task.detached { await feed.run() }
        return Handler { self.remove(id, from: stream) }
    }

    private func join(_ stream: StreamName, _ work: @escaping Work) -> UInt64? {
        streams.withLock { $0[stream]?.add(work) }
    }

    private func remove(_ id: UInt64, from stream: StreamName) {
        let unused: EventStream? = streams.withLock { streams in
            streams[stream]?.works.removeAll { $0.id == id }
            guard let entry = streams[stream], entry.works.isEmpty else { return nil }
            streams[stream] = nil
            return entry.events
        }
        // A handler may give itself up while it runs: the event that it was called for counts as taken.
        unused?.end()
    }

    fileprivate func works(_ stream: StreamName) -> [Work] {
        streams.withLock { $0[stream]?.works.map(\.work) ?? [] }
    }

    fileprivate func forget(_ stream: StreamName) {
        streams.withLock { $0[stream] = nil }
    }
}

/// The task that reads a stream for its handlers.
private struct Feed: Sendable {
    let handlers: Handlers
    let stream: StreamName
    let items: EventStream.Items

    func run() async {
        for await item in items {
            guard case .event(let envelope) = item else { continue }
            for work in handlers.works(stream) {
                do {
                    try await work(envelope)
                } catch {
                    Log.write(.error, "a handler threw", ["event": envelope.name, "error": "\(type(of: error))"])
                }
            }
        }
        handlers.forget(stream)
    }
}

/// A handler that is in use, until this is cancelled or given up.
public final class Handler: Sendable {
    private let remove: @Sendable () -> Void

    init(remove: @escaping @Sendable () -> Void) {
        self.remove = remove
    }

    deinit {
        remove()
    }

    /// The handler is not called any more.
    public func cancel() {
        remove()
    }
}
