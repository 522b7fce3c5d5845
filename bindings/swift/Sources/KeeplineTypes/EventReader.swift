/// What the iterators of one stream share: the batch at hand and how much of it was taken.
package final class EventReader: Sendable {
    package let name: StreamName
    package let source: any EventSource
    private let isManual: Bool
    private let position = Locked(Position())

    private struct Position {
        /// The number of the batch at hand, 0 before the first.
        var held: UInt64 = 0
        var items: [Item] = []
        /// How many of them were handed out.
        var given = 0
        var hasEnded = false
    }

    package init(_ name: StreamName, source: any EventSource, isManual: Bool = false) {
        self.name = name
        self.source = source
        self.isManual = isManual
    }

    /// An event whose reader went away in the middle of it was not taken: it comes again to the next consumer.
    deinit {
        end(takingLast: false)
    }

    /// The next item of the batch at hand; `nil` where a new batch is needed.
    package func buffered() -> Item? {
        if Task.isCancelled { return nil }
        return position.withLock { position in
            guard position.given < position.items.count, !position.hasEnded else { return nil }
            position.given += 1
            return position.items[position.given - 1]
        }
    }

    /// Whether it has ended: nothing comes any more.
    package var isEnded: Bool {
        position.withLock { $0.hasEnded }
    }

    /// Waits for the next item; `nil` at the end.
    package func next() async -> Item? {
        repeat {
            if let item = buffered() { return item }
        } while await fill()
        return nil
    }

    /// Waits for the next batch, of which nothing is handed out yet; `false` at the end.
    package func fill() async -> Bool {
        // Asking for one more takes all that were handed out, also where the answer is the end.
        if Task.isCancelled { end(takingLast: true) }
        let (held, given, hasEnded) = position.withLock { ($0.held, $0.given, $0.hasEnded) }
        guard !hasEnded else { return false }
        let taken = isManual ? 0 : given
        let source = source
        let batch = await withTaskCancellationHandler {
            await source.pull(held: held, taken: taken, most: Self.batch)
        } onCancel: {
            source.end(held: held, taken: taken)
        }
        // What arrives when nobody wants it any more goes back untaken, and comes again to the next consumer.
        let isUnwanted = Task.isCancelled
        if isUnwanted { source.end(held: batch.number, taken: 0) }
        return position.withLock { position in
            guard !position.hasEnded else { return false }
            position.hasEnded = isUnwanted || batch.items.isEmpty
            guard !position.hasEnded else { return false }
            position.held = batch.number
            position.items = batch.items
            position.given = 0
            return true
        }
    }

    /// Gives the stream back, once.
    package func end(takingLast: Bool) {
        let last: (held: UInt64, taken: Int)? = position.withLock { position in
            guard !position.hasEnded else { return nil }
            position.hasEnded = true
            let taken = takingLast ? position.given : max(0, position.given - 1)
            return (position.held, isManual ? 0 : taken)
        }
        if let last { source.end(held: last.held, taken: last.taken) }
    }

    /// A crossing to the core costs more than an event does; more than this brings nothing, and a stored cursor lags by
    /// one batch at the most.
    private static let batch = 128
}

/// Where events come from, by the batch.
package protocol EventSource: Sendable {
    /// Waits for events. `held` is the number of the last batch that arrived, 0 before the first, and `taken` how many
    /// of its items the app took. A batch without items is the end.
    func pull(held: UInt64, taken: Int, most: Int) async -> (number: UInt64, items: [Item])

    /// Everything up to this offset counts as taken.
    func acknowledge(upTo offset: UInt64)

    /// Takes what the app took of the batch `held` and gives the stream back; a pull that waits gets the end.
    func end(held: UInt64, taken: Int)
}
