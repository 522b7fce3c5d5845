import KeeplineCore
import KeeplineTypes

/// A stream of the core.
struct StreamSource: EventSource {
    private let stream: StreamName
    private let core: CoreEventSource

    init(_ stream: StreamName, _ core: CoreEventSource) {
        self.stream = stream
        self.core = core
    }

    func pull(held: UInt64, taken: Int, most: Int) async -> (number: UInt64, items: [Item]) {
        let batch = try? await core.nextEvents(
            held: held, taken: UInt32(clamping: taken), max: UInt32(clamping: most))
        guard let batch else { return (held, []) }
        var items: [Item] = []
        items.reserveCapacity(batch.events.count + 1)
        for event in batch.events { items.append(.event(Envelope(event, of: batch, in: stream))) }
        if let then = batch.then { items.append(Item(then)) }
        return (batch.number, items)
    }

    func acknowledge(upTo offset: UInt64) {
        try? core.ackUpTo(offset: offset)
    }

    func end(held: UInt64, taken: Int) {
        try? core.end(held: held, taken: UInt32(clamping: taken))
    }
}

/// Statuses of the core; `nil` where there is none any more.
struct StatusSource: ChangeSource {
    let core: CoreStatusSource?

    func pull(held: UInt64) async -> (number: UInt64, elements: [Status]) {
        guard let batch = try? await core?.nextStatuses(held: held, max: batchMost) else { return (held, []) }
        return (batch.number, batch.statuses.map(Status.init))
    }

    func end() {
        try? core?.end()
    }
}

/// Changes of the core's queue; `nil` where there are none any more.
struct OutboxSource: ChangeSource {
    let core: CoreChangeSource?

    func pull(held: UInt64) async -> (number: UInt64, elements: [OutboxChange]) {
        guard let batch = try? await core?.nextChanges(held: held, max: batchMost) else { return (held, []) }
        return (batch.number, batch.changes.map(OutboxChange.init))
    }

    func end() {
        try? core?.end()
    }
}

/// As for events: more in one crossing brings nothing.
let batchMost: UInt32 = 128
