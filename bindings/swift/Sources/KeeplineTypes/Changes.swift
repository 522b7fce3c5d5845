/// What happens one after the other: statuses, changes of the queue, log lines. It begins when it was asked for, is
/// read by one task, and ends when the client is shut down or the reading task is cancelled.
///
/// A slow reader does not slow the client. It loses the oldest elements, and the newest always comes.
public struct Changes<Element: Sendable>: AsyncSequence, Sendable {
    private let reader: Reader

    package init(_ source: any ChangeSource<Element>) {
        reader = Reader(source)
    }

    public func makeAsyncIterator() -> Iterator {
        Iterator(reader: reader)
    }

    /// Ends it; a task that reads it gets the end.
    public func end() {
        reader.source.end()
    }

    /// Reads one after the other.
    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let reader: Reader

        /// Waits for the next; `nil` at the end.
        public mutating func next() async -> Element? {
            await reader.next()
        }
    }

    /// What the iterators share. Giving up the last of them ends the source.
    fileprivate final class Reader: Sendable {
        let source: any ChangeSource<Element>
        private let batch = Locked(Batch())

        private struct Batch {
            var number: UInt64 = 0
            var elements: ArraySlice<Element> = []
        }

        init(_ source: any ChangeSource<Element>) {
            self.source = source
        }

        deinit {
            source.end()
        }

        func next() async -> Element? {
            if Task.isCancelled { source.end() }
            if let element = batch.withLock({ $0.elements.popFirst() }) { return element }
            let held = batch.withLock { $0.number }
            let source = source
            let (number, elements) = await withTaskCancellationHandler {
                await source.pull(held: held)
            } onCancel: {
                source.end()
            }
            return batch.withLock {
                $0 = Batch(number: number, elements: elements[...])
                return $0.elements.popFirst()
            }
        }
    }
}

/// Where changes come from, by the batch.
package protocol ChangeSource<Element>: Sendable {
    associatedtype Element: Sendable

    /// Waits for the batch after the one with this number, 0 before the first. One without elements is the end.
    func pull(held: UInt64) async -> (number: UInt64, elements: [Element])

    /// Ends it; a pull that waits gets the end.
    func end()
}
