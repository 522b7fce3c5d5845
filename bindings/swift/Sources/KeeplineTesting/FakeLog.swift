import KeeplineTypes

/// The events of one stream, and how far its consumer is.
final class FakeLog: Sendable {
    private let stream: StreamName
    private let state = Locked(State())

    private struct State {
        var items: [Item] = []
        /// The offset of the last item that has one.
        var head: UInt64 = 0
        /// How many items were taken.
        var cursor = 0
        var isClaimed = false
        var hasEnded = false
        var readers: [FakeQueue<Void>] = []
    }

    init(_ stream: StreamName) {
        self.stream = stream
    }

    /// The last offset.
    var head: UInt64 {
        state.withLock { $0.head }
    }

    /// The last offset that the consumer has taken.
    var taken: UInt64 {
        state.withLock { $0.items[..<$0.cursor].last(where: { $0.offset != nil })?.offset ?? 0 }
    }

    func append(name: String, payload: String) {
        change { state in
            state.head += 1
            let place = Envelope.Place(epoch: Self.epoch, offset: state.head)
            let event = Envelope(stream: stream, name: name, payload: payload, place: place, time: nil, details: nil)
            state.items.append(.event(event))
        }
    }

    func append(_ item: Item) {
        change { $0.items.append(item) }
    }

    func reset(to offset: UInt64, reason: Reset.Reason, snapshot: String?) {
        change { state in
            state.head = offset
            let reset = Reset(epoch: Self.epoch, offset: offset, reason: reason, snapshot: snapshot)
            state.items.append(.reset(reset))
        }
    }

    /// Becomes the one consumer; `false` where there is one.
    func claim() -> Bool {
        state.withLock { state in
            guard !state.isClaimed else { return false }
            state.isClaimed = true
            return true
        }
    }

    func release() {
        state.withLock { $0.isClaimed = false }
    }

    func end() {
        change { $0.hasEnded = true }
    }

    /// A queue that gets an element whenever something is new.
    func bell() -> FakeQueue<Void> {
        let bell = FakeQueue<Void>()
        state.withLock { $0.readers.append(bell) }
        return bell
    }

    /// Items from a place on, and whether none will follow.
    func items(from index: Int, most: Int) -> (items: [Item], hasEnded: Bool) {
        state.withLock { state in
            let start = min(index, state.items.count)
            return (Array(state.items[start...].prefix(most)), state.hasEnded)
        }
    }

    /// Where a consumer begins: at the cursor, or after an offset.
    func start(after: UInt64?) -> Int {
        state.withLock { state in
            guard let after else { return state.cursor }
            return state.items.firstIndex { ($0.offset ?? 0) > after } ?? state.items.count
        }
    }

    func take(upTo index: Int) {
        state.withLock { $0.cursor = max($0.cursor, index) }
    }

    func index(ofOffset offset: UInt64) -> Int {
        state.withLock { state in
            state.items.lastIndex { ($0.offset ?? .max) <= offset }.map { $0 + 1 } ?? 0
        }
    }

    private func change(_ work: (inout State) -> Void) {
        let readers = state.withLock { state in
            work(&state)
            return state.readers
        }
        for reader in readers { reader.push(()) }
    }

    private static let epoch = "fake"
}

extension Item {
    fileprivate var offset: UInt64? {
        switch self {
        case .event(let event): event.place?.offset
        case .reset(let reset): reset.offset
        case .gone, .refused, .lagged: nil
        }
    }
}

/// A consumer of a log, or a tap on it.
final class FakeConsumer: EventSource {
    private let log: FakeLog
    private let bell: FakeQueue<Void>
    private let movesCursor: Bool
    private let isTap: Bool
    private let state: Locked<State>

    private struct State {
        /// Where the batch at hand begins, and where the next one does.
        var begin: Int
        var next: Int
        var hasEnded = false
    }

    init(log: FakeLog, after: UInt64?, isTap: Bool = false) {
        self.log = log
        self.isTap = isTap
        movesCursor = after == nil
        bell = log.bell()
        let start = log.start(after: after)
        state = Locked(State(begin: start, next: start))
    }

    func pull(held: UInt64, taken: Int, most: Int) async -> (number: UInt64, items: [Item]) {
        take(taken)
        while true {
            let next: Int? = state.withLock { $0.hasEnded ? nil : $0.next }
            guard let next else { return (held + 1, []) }
            let (items, hasEnded) = log.items(from: next, most: most)
            if !items.isEmpty || hasEnded {
                state.withLock { $0 = State(begin: next, next: next + items.count, hasEnded: $0.hasEnded) }
                return (held + 1, items)
            }
            _ = await bell.all()
        }
    }

    func acknowledge(upTo offset: UInt64) {
        if movesCursor { log.take(upTo: log.index(ofOffset: offset)) }
    }

    func end(held: UInt64, taken: Int) {
        take(taken)
        let isFirst = state.withLock { state in
            defer { state.hasEnded = true }
            return !state.hasEnded
        }
        guard isFirst else { return }
        bell.end()
        if !isTap { log.release() }
    }

    private func take(_ taken: Int) {
        let index: Int? = state.withLock { $0.hasEnded ? nil : $0.begin + taken }
        if movesCursor, let index { log.take(upTo: index) }
    }
}
