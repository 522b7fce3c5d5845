import Keepline
import Support
import Testing

extension Scenarios {
    @Test func reportsStatusChanges() async throws {
        try await scenario("reports_status_changes") {
            let database = try Database()
            let server = try await Host.server()
            let client = try await Client.open(server.configuration(database.path))
            let changes = client.statusChanges()
            let seen = Task {
                var lines: [Line] = []
                for await status in changes { lines.append(status.line) }
                return lines
            }
            try client.connect()
            try await client.waitUntilOnline()
            try await server.kill()
            try await client.waitFor { if case .waiting = $0.line { true } else { false } }
            try await server.start()
            try await client.waitUntilOnline()
            await client.shutdown()

            let lines = try await soon { await seen.value }
            var expected: [@Sendable (Line) -> Bool] = [
                { $0 == .idle }, { $0 == .connecting }, { $0.isOnline },
                { if case .waiting(_, let attempt, _) = $0 { attempt >= 1 } else { false } },
                { $0.isOnline }, { $0 == .closed },
            ]
            for line in lines { if let next = expected.first, next(line) { expected.removeFirst() } }
            try #require(expected.isEmpty, "\(lines)")
            try await server.remove()
        }
    }

    @Test func refreshesAnExpiredToken() async throws {
        try await scenario("refreshes_an_expired_token") {
            let database = try Database()
            let server = try await Host.server()
            let asked = Counter(), atOnce = Counter(), overlaps = Counter()
            let askedTwice = AsyncStream<Void>.makeStream()
            let provider: TokenProvider = { _ in
                if atOnce.increase() > 1 { overlaps.increase() }
                defer { atOnce.increase(by: -1) }
                let count = asked.increase()
                let token = try await server.token(ttl: count == 1 ? "2s" : "1h")
                if count == 2 { askedTwice.continuation.finish() }
                return token
            }
            let client = try await Client.open(server.configuration(database.path, token: .provider(provider)))
            try client.connect()
            try await soon { for await _ in askedTwice.stream {} }
            let sent = try await client.submit(TestRecord(n: 1))
            let outcome = try await soon { try await sent.outcome() }
            try #require(outcome.reply != nil, "\(outcome)")
            try #require(asked.value >= 2 && overlaps.value == 0)
            await client.shutdown()
            try await server.remove()
        }
    }

    @Test func stopsAtAuthRequiredAndKeepsTheQueue() async throws {
        try await scenario("stops_at_auth_required_and_keeps_the_queue") {
            let database = try Database()
            let server = try await Host.server()
            let refused = try await Client.open(server.configuration(database.path, token: .fixed("no-token-at-all")))
            let id = try await refused.submit(TestRecord(n: 1)).id
            try refused.connect()
            let status = try await refused.waitFor { if case .authRequired = $0.line { true } else { false } }
            guard case .authRequired(.tokenRefused(let code)) = status.line else {
                Issue.record("\(status)")
                throw TimedOut()
            }
            try #require(code == "AUTH_TOKEN_INVALID")
            let rows = try await refused.outbox(OutboxFilter(pendingOnly: true))
            try #require(rows.map(\.id) == [id])
            await refused.shutdown()

            let client = try await Client.open(server.configuration(database.path))
            try client.connect()
            let outcome = try await soon { try await client.submission(id, of: TestRecord.self).outcome() }
            try #require(outcome.reply != nil, "\(outcome)")
            await client.shutdown()
            try await server.remove()
        }
    }

    @Test func shutsDownWithCallsInFlight() async throws {
        try await scenario("shuts_down_with_calls_in_flight") {
            let database = try Database()
            let server = try await Host.server()
            let client = try await Client.open(server.configuration(database.path))
            let events = try client.events(.user)
            try client.connect()
            try await client.waitUntilOnline()
            try await server.freeze()
            let sent = try await client.submit(TestRecord(n: 1))
            let begun = Counter()
            func begin<T: Sendable>(_ work: @escaping @Sendable () async throws -> T) -> Task<T, any Error> {
                Task {
                    begun.increase()
                    return try await work()
                }
            }
            let call = begin { try await client.call(TestEcho(["a": 1]), timeout: .seconds(60)) }
            let outcome = begin { try await sent.outcome() }
            let event = begin { await events.first { _ in true } }
            let flush = begin { try await client.flush(deadline: .seconds(60)) }
            try await soon { while begun.value < 4 { await Task.yield() } }
            // What they ask of the client stands before what is asked now.
            _ = await client.diagnostics()
            try await soon(.seconds(5)) { await client.shutdown() }

            let callError = await thrown(CallError.self) { try await soon { try await call.value } }
            try #require(callError == .closed || callError == .timedOut, "\(String(describing: callError))")
            let outcomeError = await thrown(OutcomeError.self) { try await soon { try await outcome.value } }
            try #require(outcomeError == .closed)
            try #require(try await soon { try await event.value } == nil)
            let isFlushed = try? await soon { try await flush.value }
            try #require(isFlushed != true)
            try #require(client.status.line == .closed)
            try await server.remove()
        }
    }
}
