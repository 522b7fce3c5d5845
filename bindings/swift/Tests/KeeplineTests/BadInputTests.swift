import Foundation
import Keepline
import KeeplineTesting
import Support
import Testing

/// What an app does wrong, and the error that it gets. Nobody listens at `nowhere`.
@Suite(.serialized) struct BadInputTests {
    let nowhere = "ws://127.0.0.1:9"

    func open(_ database: Database, token: Configuration.Token = .none) async throws -> Client {
        try await Client.open(Configuration(url: nowhere, database: database.path, token: token))
    }

    struct Unserialisable: Action {
        static let name = "test:echo:v1"
        typealias Reply = JSON
        let number = Double.nan
    }

    @Test func anUnserialisablePayloadKeepsNothing() async throws {
        let database = try Database()
        let client = try await open(database)
        await #expect(throws: SubmitError.notJSON) { try await client.submit(Unserialisable()) }
        await #expect(throws: SubmitError.notJSON) { try await client.submitRaw("echo", Arguments(Double.infinity)) }
        await #expect(throws: CallError.notJSON) { try await client.call(Unserialisable()) }
        await #expect(throws: CallError.notJSON) { try await client.emit(Unserialisable()) }
        #expect(try await client.emit(TestEcho(1)) == false, "there is no line")
        let large = TestEcho(.string(String(repeating: "x", count: 70_000)))
        await #expect(throws: CallError.tooLarge(bytes: 70_004, limit: 65_536)) { try await client.emit(large) }
        let deep = (1...65).reduce(into: JSON.null) { value, _ in value = .array([value]) }
        await #expect(throws: SubmitError.notJSON) { try await client.submit("a:v1", payload: deep) }
        await #expect(throws: CallError.notJSON) {
            try await client.emit(name: "a:v1", arguments: Arguments(deep))
        }
        #expect(try await client.outbox().isEmpty)
        await client.shutdown()
    }

    @Test(arguments: ["", "example.org", "ftp://example.org", "wss://example.org/?token=abc", "ws://example.org"])
    func aWrongURLIsSaidAtOnce(_ url: String) async throws {
        let database = try Database()
        let configuration = Configuration(url: url, database: database.path)
        await #expect(throws: OpenError.badURL) { try await Client.open(configuration) }
    }

    @Test func anOptionOutOfItsRangeIsNamed() async throws {
        let database = try Database()
        func refused(_ change: (inout Configuration) -> Void) async -> OpenError? {
            var configuration = Configuration(url: nowhere, database: database.path)
            change(&configuration)
            return await thrown(OpenError.self) { try await Client.open(configuration) }
        }
        #expect(await refused { $0.ttl = .seconds(-1) } == .badConfiguration(option: "ttl"))
        #expect(await refused { $0.capacity = (rows: -1, bytes: 1 << 20) } == .badConfiguration(option: "capacity"))
        #expect(await refused { $0.attempts = 0 } == .badConfiguration(option: "attempts"))
        #expect(await refused { $0.auth = ["a": .number(.nan)] } == .badConfiguration(option: "auth"))
        #expect(await refused { $0.auth = [1] } == .badConfiguration(option: "auth"))
        #expect(await refused { $0.token = .fixed("") } == .badConfiguration(option: "token"))
        #expect(await refused { $0.database = "" } == .badConfiguration(option: "database"))
    }

    @Test func aDatabaseThatIsNoneOrInUseIsLeftAsItIs() async throws {
        let database = try Database()
        let bytes = Data(repeating: 7, count: 4_096)
        try bytes.write(to: URL(fileURLWithPath: database.path))
        await #expect(throws: OpenError.corrupt) { try await open(database) }
        #expect(try Data(contentsOf: URL(fileURLWithPath: database.path)) == bytes)

        let other = try Database()
        let client = try await open(other)
        await #expect(throws: OpenError.inUse) { try await open(other) }
        await client.shutdown()
    }

    @Test func aClientThatWasShutDownSaysSo() async throws {
        let database = try Database()
        let client = try await open(database)
        let id = try await client.submit(TestRecord(n: 1)).id
        await client.shutdown()
        await client.shutdown()
        #expect(client.status.line == .closed)
        await #expect(throws: SubmitError.closed) { try await client.submit(TestRecord(n: 2)) }
        await #expect(throws: OutcomeError.closed) { try await client.submission(id).outcome() }
        await #expect(throws: ControlError.closed) { try await client.cancel(id) }
        await #expect(throws: CallError.closed) { try await client.call(TestEcho(1)) }
        await #expect(throws: StoreError.closed) { try await client.outbox() }
        await #expect(throws: StoreError.closed) { try await client.signOut(.keep) }
        #expect(throws: EventsError.closed) { try client.events(.user) }
        #expect(throws: ClosedError.self) { try client.connect() }
        await #expect(throws: ClosedError.self) { try await client.flush(deadline: .seconds(1)) }
        await #expect(throws: CallError.closed) { try await client.emit(TestEcho(1)) }
        #expect(await client.diagnostics() == "null")
        #expect(try await soon { await client.outboxChanges().first { _ in true } } == nil)

        let again = try await open(database)
        #expect(try await again.outbox().map(\.id) == [id], "the queue is intact")
        await again.shutdown()
    }

    @Test func aProviderThatThrowsIsAskedAgainAndLogged() async throws {
        struct Failed: Error {}
        let database = try Database()
        let asked = Counter()
        let provider: TokenProvider = { _ in
            asked.increase()
            throw Failed()
        }
        var configuration = Configuration(url: nowhere, database: database.path, token: .provider(provider))
        configuration.reconnect = (base: .milliseconds(1), cap: .milliseconds(1))
        let client = try await Client.open(configuration)
        let id = try await client.submit(TestRecord(n: 1)).id
        try client.connect()
        try await client.waitFor { status in
            if case .waiting(_, let attempt, .tokenUnavailable) = status.line { attempt >= 2 } else { false }
        }
        #expect(asked.value >= 2)
        #expect(try await client.outbox(OutboxFilter(pendingOnly: true)).map(\.id) == [id])
        await client.shutdown()
    }

    @Test func aProviderThatIsSignedOutNeedsTheApp() async throws {
        let database = try Database()
        let provider: TokenProvider = { _ in throw SignedOut() }
        let client = try await open(database, token: .provider(provider))
        try client.connect()
        try await client.waitFor { $0.line == .authRequired(.signedOut) }
        await client.shutdown()
    }

    @Test func aProviderThatNeverAnswersDoesNotHoldUpTheEnd() async throws {
        let database = try Database()
        let (asked, ask) = AsyncStream<Void>.makeStream()
        let provider: TokenProvider = { _ in
            ask.yield()
            // It heeds no cancellation either.
            return await withCheckedContinuation { never in kept.change { $0.append(never) } }
        }
        let client = try await open(database, token: .provider(provider))
        let id = try await client.submit(TestRecord(n: 1)).id
        try client.connect()
        _ = try await soon { await asked.first { _ in true } }
        #expect(try await client.outbox().map(\.id) == [id])
        try await soon(.seconds(5)) { await client.shutdown() }
        for never in kept.read({ $0 }) { never.resume(returning: "too late") }
    }

    @Test func aHandlerThatThrowsIsLoggedAndTheStreamGoesOn() async throws {
        struct Failed: Error {}
        let (lines, line) = AsyncStream<LogLine>.makeStream()
        try Logs.forward(.debug) { line.yield($0) }
        #expect(throws: LogsError.self) { try Logs.forward { _ in } }

        let fake = FakeClient()
        let seen = Counter()
        let handler = try fake.on(TestRecorded.self, in: .user) { _ in
            seen.increase()
            throw Failed()
        }
        for n in 1...2 { fake.send(TestRecorded(n: Int64(n)), to: .user) }
        let logged = try await soon { await lines.first { $0.target == "keepline::swift" } }
        #expect(logged?.level == .error && logged?.text.contains("error=Failed") == true)
        fake.reset(.user, to: 10)
        let reset = try await soon { await lines.first { $0.text.contains("continuity was lost") } }
        #expect(reset?.level == .warning && reset?.text.contains("stream=user offset=10") == true)

        let database = try Database()
        let client = try await open(database)
        try client.connect()
        let cores = try await soon { await lines.first { $0.target != "keepline::swift" } }
        #expect(cores?.target.hasPrefix("keepline") == true)
        await client.shutdown()
        try await soon { while seen.value < 2 { await Task.yield() } }
        handler.cancel()
    }

    @Test func aStreamsNameThatIsNoneIsRefused() async throws {
        let database = try Database()
        let client = try await open(database)
        #expect(throws: EventsError.badStream) { try client.events(.job("")) }
        #expect(throws: EventsError.badStream) { try client.observe(.job("a\nb")) }
        let first = try client.events(.user)
        #expect(throws: EventsError.inUse) { try client.events(.user) }
        first.end()
        await client.shutdown()
    }

    @Test func givingUpTheLastReferenceShutsDownAndLeavesNoThread() async throws {
        let database = try Database()
        do {
            let client = try await open(database, token: .provider { _ in "t" })
            try client.connect()
            _ = try await client.submit(TestRecord(n: 1))
            #expect(try threads()?.contains("keepline") ?? true)
        }
        // The lock is free once it is closed.
        let again = try await soon { () -> Client in
            while true {
                do {
                    return try await open(database)
                } catch OpenError.inUse {
                    await Task.yield()
                }
            }
        }
        #expect(try await again.outbox().count == 1)
        await again.shutdown()
        let deadline = ContinuousClock.now + .seconds(2)
        while try threads()?.contains("keepline") == true, ContinuousClock.now < deadline { await Task.yield() }
        #expect(try threads()?.contains("keepline") != true)
    }

    /// The names of this process's threads; `nil` where the system has no list of them.
    private func threads() throws -> [String]? {
        let tasks = "/proc/self/task"
        guard FileManager.default.fileExists(atPath: tasks) else { return nil }
        return try FileManager.default.contentsOfDirectory(atPath: tasks).compactMap { id in
            try? String(contentsOfFile: "\(tasks)/\(id)/comm", encoding: .utf8).trimmingCharacters(in: .newlines)
        }
    }
}

/// Continuations of a provider that never answers.
private let kept = LockedBox<[CheckedContinuation<String, Never>]>([])
