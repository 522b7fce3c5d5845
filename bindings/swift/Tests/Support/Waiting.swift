import Foundation
import KeeplineTypes

/// What was waited for did not come in a time that is generous on a loaded machine.
package struct TimedOut: Error {
    package init() {}
}

/// Something else came than what has to come.
package struct Unexpected: Error {
    package init() {}
}

/// How long anything here may take.
package let patience = Duration.seconds(20)

/// Runs `work`, and gives up with ``TimedOut`` when it has not ended in time. It does not wait for work that hangs,
/// also where that heeds no cancellation.
package func soon<T: Sendable>(
    _ limit: Duration = patience, _ work: @escaping @Sendable () async throws -> T
) async throws -> T {
    let (results, result) = AsyncStream<Result<T, any Error>>.makeStream()
    let working = Task {
        do {
            result.yield(.success(try await work()))
        } catch {
            result.yield(.failure(error))
        }
    }
    let limiting = Task {
        try await Task.sleep(for: limit)
        result.yield(.failure(TimedOut()))
    }
    defer {
        working.cancel()
        limiting.cancel()
    }
    guard let first = await results.first(where: { _ in true }) else { throw CancellationError() }
    return try first.get()
}

extension KeeplineClient {
    /// Waits for a status.
    @discardableResult
    package func waitFor(_ holds: @escaping @Sendable (Status) -> Bool) async throws -> Status {
        let changes = statusChanges()
        return try await soon {
            for await status in changes where holds(status) { return status }
            throw TimedOut()
        }
    }

    /// Waits until actions go out.
    package func waitUntilOnline() async throws {
        try await waitFor { $0.line.isOnline }
    }

    /// Reads a stream from its beginning without moving a cursor, until `isLast` holds.
    package func look(
        _ stream: StreamName, until isLast: @escaping @Sendable (Envelope) -> Bool
    ) async throws -> [Envelope] {
        let events = try events(stream, options: EventsOptions(after: 0))
        return try await soon {
            var seen: [Envelope] = []
            for await item in events.items {
                guard case .event(let event) = item else { continue }
                seen.append(event)
                if isLast(event) { break }
            }
            return seen
        }
    }

    /// The numbers of the records on the user stream, up to the record `last` which this submits.
    package func records(upTo last: Int64) async throws -> [Int64] {
        _ = try await submit(TestRecord(n: last)).outcome()
        let seen = try await look(.user) { (try? $0.decode(TestRecorded.self))?.n == last }
        return seen.compactMap { try? $0.decode(TestRecorded.self)?.n }
    }
}

/// A database in a folder of its own, removed with this.
package final class Database: Sendable {
    package let path: String
    private let folder: URL

    package init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "keepline-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        path = folder.appending(path: "queue.db").path
    }

    deinit {
        try? FileManager.default.removeItem(at: folder)
    }
}

/// Counts, from any task.
package final class Counter: Sendable {
    private let count = LockedBox(0)

    package init() {}

    package var value: Int { count.read { $0 } }

    @discardableResult
    package func increase(by step: Int = 1) -> Int {
        count.change {
            $0 += step
            return $0
        }
    }
}

/// A value that tests share between tasks.
package final class LockedBox<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var value: Value

    package init(_ value: Value) {
        self.value = value
    }

    package func read<T>(_ work: (Value) -> T) -> T {
        lock.withLock { work(value) }
    }

    package func change<T>(_ work: (inout Value) -> T) -> T {
        lock.withLock { work(&value) }
    }
}

/// The error that `work` throws; `nil` where it throws none or one of another type.
package func thrown<E: Error>(_ type: E.Type, _ work: () async throws -> some Any) async -> E? {
    do {
        _ = try await work()
        return nil
    } catch {
        return error as? E
    }
}
