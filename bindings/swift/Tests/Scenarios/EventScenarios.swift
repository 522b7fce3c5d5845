import Foundation
import Keepline
import Support
import Testing

extension Scenarios {
    @Test func connectsAndStreamsASearch() async throws {
        try await scenario("connects_and_streams_a_search") {
            let database = try Database()
            // The documents of this very project.
            let documents = URL(fileURLWithPath: #filePath).appending(path: "../../../../../docs").standardizedFileURL
            let server = try await Host.server("--corpus", documents.path)
            let client = try await Client.open(server.configuration(database.path))
            try client.connect()
            let sent = try await client.submit(StartSearch(query: "outbox"))
            let started = try #require(try await soon { try await sent.outcome() }.reply)
            let events = try client.events(.job(started.job))
            let seen = try await soon {
                var seen: [(offset: UInt64?, event: Event)] = []
                for await item in events.items {
                    guard case .event(let envelope) = item else { break }
                    seen.append((envelope.place?.offset, Event(item)))
                    if envelope.name == JobCompleted.name { break }
                }
                return seen
            }
            try #require(seen.map(\.offset) == (1...UInt64(seen.count)).map(Optional.some))
            try #require(seen.contains { if case .searchResult = $0.event { true } else { false } })
            guard case .jobCompleted = seen.last?.event else { throw TimedOut() }
            await client.shutdown()
            try await server.remove()
        }
    }

    @Test func resumesAJobFromAnotherProcess() async throws {
        try await scenario("resumes_a_job_from_another_process") {
            let own = try Database(), childs = try Database()
            let server = try await Host.server()
            let starter = try await Client.open(server.configuration(own.path))
            try starter.connect()
            let sent = try await starter.submit(TestJob(events: 200, intervalMilliseconds: 5))
            let job = try #require(try await soon { try await sent.outcome() }.reply).job
            let probe = try Probe("read", server.url, childs.path, server.token ?? "", "50", job)
            let read = try await probe.allLines().compactMap { $0.split(separator: " ").last.flatMap { UInt64($0) } }
            try #require(read.count == 50)

            let client = try await Client.open(server.configuration(childs.path))
            try client.connect()
            let events = try client.events(.job(job))
            let rest = try await soon {
                var offsets: [UInt64] = []
                for await item in events.items {
                    guard case .event(let event) = item, let place = event.place else { throw TimedOut() }
                    offsets.append(place.offset)
                    if event.name == JobCompleted.name { break }
                }
                return offsets
            }
            let all = read + rest
            try #require(all == Array(1...UInt64(all.count)) && all.count > 200, "\(all.count)")
            await client.shutdown()
            await starter.shutdown()
            try await server.remove()
        }
    }

    @Test func resetsWhenTheLogWasTrimmed() async throws {
        try await scenario("resets_when_the_log_was_trimmed") {
            let own = try Database(), others = try Database()
            let server = try await Host.server("--job-log-max", "100")
            let ahead = try await Client.open(server.configuration(own.path))
            try ahead.connect()
            let sent = try await ahead.submit(TestJob(events: 2_000, intervalMilliseconds: 2))
            let job = try #require(try await soon { try await sent.outcome() }.reply).job
            let live = try ahead.events(.job(job))
            try await soon {
                for await event in live { if case .testTick(let tick) = event, tick.index >= 500 { break } }
            }

            let client = try await Client.open(server.configuration(others.path))
            try client.connect()
            let events = try client.events(.job(job), options: EventsOptions(after: 10))
            let items = try await soon {
                var items: [Item] = []
                for await item in events.items {
                    items.append(item)
                    if case .event(let event) = item, event.name == JobCompleted.name { break }
                }
                return items
            }
            guard case .reset(let reset) = items.first else { throw TimedOut() }
            try #require(reset.reason == .trimmed && reset.offset > 10 && reset.snapshot != nil)
            let offsets = items.dropFirst().compactMap { item in
                if case .event(let event) = item { event.place?.offset } else { nil }
            }
            let expected = (1...UInt64(offsets.count)).map { reset.offset + $0 }
            try #require(offsets == expected && offsets.count == items.count - 1 && !offsets.isEmpty)
            await client.shutdown()
            await ahead.shutdown()
            try await server.remove()
        }
    }

    @Test func deliversCustomTypedEvents() async throws {
        struct Note: EventType, Equatable {
            static let name = "app:note:v1"
            let id: Int
            let text: String
        }
        try await scenario("delivers_custom_typed_events") {
            let database = try Database()
            let server = try await Host.server()
            let client = try await Client.open(server.configuration(database.path))
            let (notes, note) = AsyncStream<Note>.makeStream()
            let handler = try client.on(Note.self, in: .user) { note.yield($0) }
            try client.connect()
            try await client.waitUntilOnline()
            let payload: JSON = ["id": 7, "text": "milk"]
            let emit = TestEmit(stream: .user, name: Note.name, payload: payload, count: 3)
            let sent = try await client.submit(emit)
            let emitted = try await soon { try await sent.outcome() }.reply
            try #require(emitted != nil)
            let seen = try await soon { await notes.prefix(3).reduce(into: []) { $0.append($1) } }
            try #require(seen == Array(repeating: Note(id: 7, text: "milk"), count: 3))
            handler.cancel()
            await client.shutdown()
            try await server.remove()
        }
    }

    @Test func cancellingTheCallerLosesNothing() async throws {
        try await scenario("cancelling_the_caller_loses_nothing") {
            let database = try Database()
            let server = try await Host.server()
            let client = try await Client.open(server.configuration(database.path))
            try client.connect()
            let sent = try await client.submit(TestJob(events: 500, intervalMilliseconds: 1))
            let job = try #require(try await soon { try await sent.outcome() }.reply).job
            let (indexes, givenUp) = try await soon { try await Self.readImpatiently(client, job) }
            try #require(indexes == Array(0..<500))
            try #require(givenUp > 0, "no wait was given up")

            let tasks = (1...50).map { n in
                let options = SubmitOptions(label: "\(n)", id: ActionID())
                return (options.id, Task { try await client.submit(TestRecord(n: Int64(n)), options: options).id })
            }
            for (_, task) in tasks { task.cancel() }
            var refused = 0
            var kept: [ActionID] = []
            for (id, task) in tasks {
                // A submit has two ends: durable under the id that it was given, or an error of its own.
                do {
                    let submitted = try await soon { try await task.value }
                    try #require(submitted == id)
                    kept.append(submitted)
                } catch is SubmitError {
                    refused += 1
                }
            }
            let rows = try await client.outbox().filter { $0.name == TestRecord.name }
            try #require(kept.count + refused == tasks.count)
            try #require(!kept.isEmpty && Set(rows.map(\.id)) == Set(kept) && rows.count == kept.count)
            for row in rows {
                let outcome = try await soon { try await client.submission(row.id).outcome() }
                try #require(outcome.reply != nil, "\(outcome)")
            }
            let records = try await client.records(upTo: 99).dropLast()
            try #require(records.sorted() == rows.compactMap { $0.label.flatMap { Int64($0) } }.sorted())
            await client.shutdown()
            try await server.remove()
        }
    }

    /// Every second wait is given up after a moment. That ends the stream, so it is opened again.
    private static func readImpatiently(_ client: Client, _ job: String) async throws -> ([UInt64], givenUp: Int) {
        var indexes: [UInt64] = [], givenUp = 0, isImpatient = false
        var events = try client.events(.job(job))
        while true {
            isImpatient.toggle()
            let stream = events
            let wait = Task { await stream.first { _ in true } }
            if isImpatient {
                try await Task.sleep(for: .microseconds(100))
                wait.cancel()
            }
            switch await wait.value {
            case .testTick(let tick): indexes.append(tick.index)
            case .jobCompleted: return (indexes, givenUp)
            case nil:
                givenUp += 1
                events = try client.events(.job(job))
            default: break
            }
        }
    }
}
