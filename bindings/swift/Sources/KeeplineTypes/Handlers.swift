/// The handlers of a client, by stream. An app meets it only through ``KeeplineClient/on(_:in:handler:)``.
public final class Handlers: Sendable {
    typealias Work = @Sendable (Item) async throws -> Void

    private let state = Locked(State())

    private struct State {
        var streams: [StreamName: Served] = [:]
        /// The last id that a handler or a feed has got. None comes twice.
        var last: UInt64 = 0

        mutating func id() -> UInt64 {
            last += 1
            return last
        }
    }

    /// The handlers of one stream and the stream that feeds them.
    private struct Served {
        let feed: UInt64
        let events: EventStream
        /// In the order of their ids.
        var works: [(id: UInt64, work: Work)] = []
        /// The handler that was called last for the item at hand, and the last that there was when it came.
        var called: UInt64 = 0
        var newest: UInt64 = 0
        /// Whether a handler has begun with the item at hand, so that the item counts as taken.
        var isBegun = true

        /// The next handler for the item at hand. One that came after the item gets it only where it would be taken
        /// without a handler otherwise.
        mutating func next() -> Work? {
            guard let (id, work) = works.first(where: { $0.id > called && ($0.id <= newest || !isBegun) }) else {
                return nil
            }
            (called, isBegun) = (id, true)
            return work
        }
    }

    /// No handler yet. For those who write a ``KeeplineClient``.
    public init() {}

    func add(
        to stream: StreamName, of client: some KeeplineClient, _ work: @escaping Work
    ) throws(EventsError) -> Handler {
        // One step, or of two that come at once the second would find the stream in use. `events` does not wait.
        let added: Result<(id: UInt64, feed: Feed?), EventsError> = state.withLock { state in
            let id = state.id()
            // A stream that has ended feeds nobody, also where its feed has not noticed yet.
            if let served = state.streams[stream], !served.events.reader.isEnded {
                state.streams[stream]?.works.append((id, work))
                return .success((id, nil))
            }
            do throws(EventsError) {
                let served = Served(feed: state.id(), events: try client.events(stream), works: [(id, work)])
                state.streams[stream] = served
                return .success((id, Feed(id: served.feed, handlers: self, stream: stream, events: served.events)))
            } catch {
                return .failure(error)
            }
        }
        let (id, feed) = try added.get()
        if let feed { Task.detached { await feed.run() } }
        return Handler { self.remove(id, from: stream) }
    }

    private func remove(_ id: UInt64, from stream: StreamName) {
        state.withLock { state in
            guard let index = state.streams[stream]?.works.firstIndex(where: { $0.id == id }) else { return }
            state.streams[stream]?.works.remove(at: index)
            guard let served = state.streams[stream], served.works.isEmpty else { return }
            state.streams[stream] = nil
            // Here and not later, so that the stream is free for the next handler. One may give itself up while it
            // runs: the event that it was called for counts as taken.
            served.events.reader.end(takingLast: served.isBegun)
        }
    }

    /// The next item of the batch at hand, for its handlers; `nil` where there is none or this feed has no handlers
    /// any more.
    fileprivate func item(for feed: Feed) -> Item? {
        state.withLock { state in
            guard var served = state.streams[feed.stream], served.feed == feed.id,
                let item = served.events.reader.buffered()
            else { return nil }
            (served.called, served.newest, served.isBegun) = (0, state.last, false)
            state.streams[feed.stream] = served
            return item
        }
    }

    fileprivate func work(for feed: Feed) -> Work? {
        state.withLock { state in
            guard state.streams[feed.stream]?.feed == feed.id else { return nil }
            return state.streams[feed.stream]?.next()
        }
    }

    fileprivate func forget(_ feed: Feed) {
        state.withLock { state in
            if state.streams[feed.stream]?.feed == feed.id { state.streams[feed.stream] = nil }
        }
    }
}

/// The task that reads a stream for its handlers.
private struct Feed: Sendable {
    let id: UInt64
    let handlers: Handlers
    let stream: StreamName
    let events: EventStream

    func run() async {
        repeat {
            while let item = handlers.item(for: self) {
                log(item)
                while let work = handlers.work(for: self) { await call(work, item) }
            }
        } while await events.reader.fill()
        handlers.forget(self)
    }

    private func call(_ work: Handlers.Work, _ item: Item) async {
        do {
            try await work(item)
        } catch {
            let name = if case .event(let envelope) = item { envelope.name } else { "reset" }
            Log.write(.error, "a handler threw", ["event": name, "error": "\(type(of: error))"])
        }
    }

    /// What handlers of events do not see.
    private func log(_ item: Item) {
        switch item {
        case .event, .lagged: break
        case .reset(let reset):
            let fields: KeyValuePairs = ["stream": "\(stream)", "offset": "\(reset.offset)"]
            Log.write(.warning, "continuity was lost; handlers go on after it", fields)
        case .refused(let code):
            let fields: KeyValuePairs = ["stream": "\(stream)", "code": code]
            Log.write(.warning, "the server refuses the stream; its handlers end", fields)
        case .gone: Log.write(.info, "the stream is gone; its handlers end", ["stream": "\(stream)"])
        }
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

    /// The handler is not called any more; one that runs goes on to its end. Once more does nothing.
    public func cancel() {
        remove()
    }
}
