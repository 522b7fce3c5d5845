import Foundation
import Keepline
import Support
import Testing

extension Scenarios {
    @Test func submitsOfflineAndDeliversAfterReconnect() async throws {
        try await scenario("submits_offline_and_delivers_after_reconnect") {
            let database = try Database()
            let server = try await Host.server(running: false)
            let client = try await Client.open(server.configuration(database.path))
            try client.connect()
            var sent: [Submission<JSON>] = []
            for n in 1...3 { sent.append(try await client.submit(TestRecord(n: Int64(n)))) }
            try await server.start()
            for submission in sent {
                let outcome = try await soon { try await submission.outcome() }
                try #require(outcome.reply != nil, "\(outcome)")
            }
            try #require(try await client.records(upTo: 99) == [1, 2, 3, 99])
            await client.shutdown()
            try await server.remove()
        }
    }

    @Test func surfacesARejectionAsAnOutcome() async throws {
        try await scenario("surfaces_a_rejection_as_an_outcome") {
            let database = try Database()
            let server = try await Host.server()
            let client = try await Client.open(server.configuration(database.path))
            try client.connect()
            let sent = try await client.submit(TestFail(code: "FORBIDDEN"))
            let ended = try await soon { try await sent.outcome() }
            guard case .rejected(let rejection) = ended else { throw TimedOut() }
            try #require(rejection.code == "FORBIDDEN")
            await client.shutdown()
            try await server.remove()
        }
    }

    @Test func parksAndRetries() async throws {
        try await scenario("parks_and_retries") {
            let database = try Database()
            let server = try await Host.server()
            var configuration = server.configuration(database.path)
            configuration.attempts = 1
            configuration.lanes = ["strict": .block]
            let client = try await Client.open(configuration)
            try client.connect()
            let lane = SubmitOptions(lane: "strict")

            let first = try await client.submit(TestFail(code: "UNAVAILABLE", retryable: true, times: 1), options: lane)
            try await client.waitFor { $0.parked == 1 }
            let row = try await client.outbox(OutboxFilter(id: first.id)).first
            try #require(row?.state == .parked && row?.lastError?.code == "UNAVAILABLE")
            let retried = try await first.retry()
            let outcome = try await soon { try await retried.outcomeRaw() }
            try #require(outcome.reply != nil, "\(outcome)")

            let second = try await client.submit(TestFail(code: "UNAVAILABLE", retryable: true), options: lane)
            try await client.waitFor { $0.parked == 1 }
            try await second.discard()
            let ended = try await soon { try await second.outcome() }
            guard case .cancelled = ended else { throw TimedOut() }
            try await client.waitFor { $0.parked == 0 && $0.pending == 0 }
            await client.shutdown()
            try await server.remove()
        }
    }

    @Test func cancelsAQueuedAction() async throws {
        try await scenario("cancels_a_queued_action") {
            let database = try Database()
            let server = try await Host.server(running: false)
            let client = try await Client.open(server.configuration(database.path))
            let sent = try await client.submit(TestRecord(n: 1))
            try await sent.cancel()
            let ended = try await soon { try await sent.outcome() }
            guard case .cancelled = ended else { throw TimedOut() }
            try await server.start()
            try client.connect()
            try await client.waitUntilOnline()
            try #require(try await client.records(upTo: 99) == [99])
            await client.shutdown()
            try await server.remove()
        }
    }

    @Test func refusesAnOversizeAction() async throws {
        try await scenario("refuses_an_oversize_action") {
            let database = try Database()
            let server = try await Host.server()
            let client = try await Client.open(server.configuration(database.path))
            let payload = JSON.string(String(repeating: "x", count: 70_000))
            let error = await thrown(SubmitError.self) { try await client.submit(TestEcho(payload)) }
            guard case .tooLarge(let bytes, let limit) = error else {
                Issue.record("\(String(describing: error))")
                throw TimedOut()
            }
            try #require(bytes > 70_000 && limit == 65_536)
            try #require(try await client.outbox().isEmpty)
            await client.shutdown()
            try await server.remove()
        }
    }

    @Test func reattachesToASubmissionAfterRestart() async throws {
        try await scenario("reattaches_to_a_submission_after_restart") {
            let database = try Database()
            let server = try await Host.server(running: false)
            let id = ActionID()
            let before = try await Client.open(server.configuration(database.path))
            let options = SubmitOptions(label: "the one", id: id)
            try #require(try await before.submit(TestRecord(n: 1), options: options).id == id)
            await before.shutdown()

            let client = try await Client.open(server.configuration(database.path))
            let row = try await client.outbox().first { $0.label == "the one" }
            try #require(row?.id == id)
            try await server.start()
            try client.connect()
            let outcome = try await soon { try await client.submission(id).outcome() }
            try #require(outcome.reply != nil, "\(outcome)")
            await client.shutdown()
            try await server.remove()
        }
    }

    @Test func survivesAKillAndDeliversOnce() async throws {
        try await scenario("survives_a_kill_and_delivers_once") {
            let database = try Database()
            let server = try await Host.server(running: false)
            let probe = try Probe("submit", server.url, database.path, server.token ?? "", "20")
            try #require(try await probe.line { $0 == "submitted 20" } != nil)
            try await probe.kill()
            try await server.start()

            let client = try await Client.open(server.configuration(database.path))
            let rows = try await client.outbox()
            try #require(rows.count == 20)
            try client.connect()
            for row in rows {
                let outcome = try await soon { try await client.submission(row.id).outcome() }
                try #require(outcome.reply != nil, "\(outcome)")
            }
            try #require(try await client.records(upTo: 99) == Array(1...20) + [99])
            await client.shutdown()
            try await server.remove()
        }
    }
}
