/// The events of a stream, in order and without a hole: `for await event in events`.
///
/// An event counts as **taken** when the app asks for the one after it. What is taken is stored in groups of at most
/// 128 events or 100 ms, so after the death of the process the last group may come again, with the same offsets; within
/// one life of the process nothing that was taken comes twice.
///
/// A loop that is left by `break` or by an error has not taken the event that it was at. Another loop over the same
/// stream object goes on with the one after it; when the stream object is given up instead, the event comes again to
/// the next consumer. ``end()`` takes it, and ``KeeplineClient/withEvents(_:options:_:)`` does so at a clean exit.
///
/// Cancelling the task that reads ends the stream. Suspending the client does not: the stream waits.
public struct EventStream: AsyncSequence, Sendable {
    public typealias Element = Event

    /// Which stream this is.
    public var name: StreamName { reader.name }

    package let reader: EventReader

    package init(_ reader: EventReader) {
        self.reader = reader
    }

    public func makeAsyncIterator() -> Iterator {
        Iterator(reader: reader)
    }

    /// The same stream with epoch, offset, time and every argument. Read the one or the other.
    public var items: Items {
        Items(reader: reader)
    }

    /// Takes the last event handed out, unless the cursor is manual, and gives the stream back.
    public func end() {
        reader.end(takingLast: true)
    }

    /// Gives the stream back without taking the last event handed out.
    public func abandon() {
        reader.end(takingLast: false)
    }

    /// With a manual cursor: everything up to this offset counts as taken, as far as it was handed out.
    public func acknowledge(upTo offset: UInt64) {
        reader.source.acknowledge(upTo: offset)
    }

    /// Reads one event after the other.
    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let reader: EventReader

        /// Waits for the next event; `nil` at the end.
        public mutating func next() async -> Event? {
            await reader.next().map(Event.init)
        }

        /// As ``next()``, without leaving the caller's actor in between.
        public mutating func next(isolation actor: isolated (any Actor)?) async -> Event? {
            if let item = reader.buffered() { return Event(item) }
            return await reader.next().map(Event.init)
        }
    }

    /// The events as they came.
    public struct Items: AsyncSequence, Sendable {
        public typealias Element = Item

        fileprivate let reader: EventReader

        public func makeAsyncIterator() -> Iterator {
            Iterator(reader: reader)
        }

        /// Reads one item after the other.
        public struct Iterator: AsyncIteratorProtocol {
            fileprivate let reader: EventReader

            /// Waits for the next item; `nil` at the end.
            public mutating func next() async -> Item? {
                await reader.next()
            }

            /// As ``next()``, without leaving the caller's actor in between.
            public mutating func next(isolation actor: isolated (any Actor)?) async -> Item? {
                if let item = reader.buffered() { return item }
                return await reader.next()
            }
        }
    }
}

/// How a stream is consumed.
public struct EventsOptions: Hashable, Sendable {
    /// Who moves the cursor.
    public var cursor: Cursor
    /// A look back: begins after this offset, 0 for the beginning, and leaves the stored cursor alone.
    public var after: UInt64?

    /// Who moves the cursor.
    public enum Cursor: Hashable, Sendable {
        /// An event counts as taken when the app asks for the one after it.
        case automatic
        /// An event counts as taken when the app says so by ``EventStream/acknowledge(upTo:)``.
        case manual
    }

    public init(cursor: Cursor = .automatic, after: UInt64? = nil) {
        self.cursor = cursor
        self.after = after
    }
}
