import Keepline
import KeeplineTesting
import Support
import Testing

@Suite struct FakeTests {
    let fake = FakeClient()

    @Test func whatIsSubmittedOfflineIsAnsweredOnceOnline() async throws {
        fake.answer(StartSearch.self) { .accepted(JobStarted(job: $0.query)) }
        let sent = try await fake.submit(StartSearch(query: "swift"))
        #expect(fake.status.pending == 1)
        fake.goOnline()
        #expect(try await soon { try await sent.outcome() } == .accepted(JobStarted(job: "swift")))
        #expect(fake.status == Status(line: .online(resumed: true)))
    }

    @Test func aWaiterGetsTheOutcomeThatComesLater() async throws {
        fake.goOnline()
        let sent = try await fake.submit(TestRecord(n: 1))
        let waiting = Task { try await sent.outcomeRaw() }
        fake.settle(sent.id, as: .rejected(Rejection(code: "FORBIDDEN")))
        #expect(try await soon { try await waiting.value } == .rejected(Rejection(code: "FORBIDDEN")))
    }

    @Test func eventsComeInOrderAndATakenOneDoesNotComeAgain() async throws {
        for n in 1...3 { fake.send(TestRecorded(n: Int64(n)), to: .user) }
        let first = try fake.events(.user)
        #expect(throws: EventsError.inUse) { try fake.events(.user) }
        var seen: [Int64] = []
        for await event in first {
            if case .testRecorded(let recorded) = event { seen.append(recorded.n) }
            if seen.count == 2 { break }
        }
        #expect(fake.taken(.user) == 0, "the cursor lags by a batch")
        first.abandon()
        #expect(fake.taken(.user) == 1)
        let second = try fake.events(.user)
        for await event in second {
            if case .testRecorded(let recorded) = event { seen.append(recorded.n) }
            if seen.count == 4 { break }
        }
        second.end()
        #expect(seen == [1, 2, 2, 3])
        #expect(fake.taken(.user) == 3)
    }

    @Test func withEventsTakesTheLastEventAtACleanExitOnly() async throws {
        struct Stop: Error {}
        fake.send(TestRecorded(n: 1), to: .user)
        fake.send(TestRecorded(n: 2), to: .user)
        await #expect(throws: Stop.self) {
            try await fake.withEvents(.user) { events in for await _ in events { throw Stop() } }
        }
        #expect(fake.taken(.user) == 0)
        try await fake.withEvents(.user) { events in for await _ in events { break } }
        #expect(fake.taken(.user) == 1)
    }

    @Test func aResetAndTheEndOfAStreamComeInTheirPlace() async throws {
        let events = try fake.events(.job("7"))
        fake.reset(.job("7"), to: 10, snapshot: #"{"text":"so far"}"#)
        fake.send(ModelChunk(job: "7", index: 11, text: "more"), to: .job("7"))
        fake.remove(.job("7"))
        var items = events.items.makeAsyncIterator()
        guard case .reset(let reset) = await items.next() else { throw Unexpected() }
        #expect(reset.offset == 10)
        #expect(try reset.decodeSnapshot([String: String].self) == ["text": "so far"])
        guard case .event(let event) = await items.next() else { throw Unexpected() }
        #expect(event.place?.offset == 11)
        guard case .gone = await items.next() else { throw Unexpected() }
    }

    @Test func aParkedActionIsRetriedUnderAnotherId() async throws {
        fake.goOnline()
        let sent = try await fake.submit(TestRecord(n: 1))
        fake.park(sent.id, error: Rejection(code: "UNAVAILABLE"))
        #expect(fake.status.parked == 1)
        fake.answer(TestRecord.self) { .accepted(["n": .integer($0.n)]) }
        let retried = try await sent.retry()
        #expect(retried.id != sent.id)
        #expect(try await soon { try await retried.outcome() } == .accepted(["n": 1]))
        await #expect(throws: ControlError.settled) { try await retried.discard() }
    }

    @Test func shuttingDownEndsWhoeverWaits() async throws {
        let sent = try await fake.submit(TestRecord(n: 1))
        let outcome = Task { try await sent.outcome() }
        let events = try fake.events(.user)
        let event = Task { await events.first { _ in true } }
        let changes = fake.statusChanges()
        let statuses = Task { await changes.reduce(into: []) { $0.append($1.line) } }
        await fake.shutdown()
        await #expect(throws: OutcomeError.closed) { try await soon { try await outcome.value } }
        #expect(try await soon { await event.value } == nil)
        #expect(try await soon { await statuses.value } == [.idle, .closed])
        #expect(throws: ClosedError.self) { try fake.connect() }
        await #expect(throws: SubmitError.closed) { try await fake.submit(TestRecord(n: 2)) }
    }

    @Test func anAnswerMayUseTheClient() async throws {
        let fake = fake
        fake.answer(StartSearch.self) { _ in
            fake.send(JobCompleted(job: "7", kind: "search"), to: .job("7"))
            return .accepted(JobStarted(job: "7"))
        }
        fake.goOnline()
        _ = try await fake.submit(StartSearch(query: "a")).outcome()
        let events = try fake.events(.job("7"))
        let event = try await soon { await events.first { _ in true } }
        guard case .jobCompleted = event else { throw Unexpected() }
    }

    @Test func theNextSubmitFailsAsTheTestSays() async throws {
        fake.failNextSubmit(.queueFull)
        await #expect(throws: SubmitError.queueFull) { try await fake.submit(TestRecord(n: 1)) }
        #expect(try await fake.outbox().isEmpty)
    }

    @Test func handlersShareTheStreamAndSurviveAThrow() async throws {
        struct Failed: Error {}
        let (seen, see) = AsyncStream<Int64>.makeStream()
        let bad = try fake.on(TestRecorded.self, in: .user) { _ in throw Failed() }
        let good = try fake.on(TestRecorded.self, in: .user) { see.yield($0.n) }
        for n in 1...3 { fake.send(TestRecorded(n: Int64(n)), to: .user) }
        #expect(try await soon { await seen.prefix(3).reduce(into: []) { $0.append($1) } } == [1, 2, 3])
        bad.cancel()
        #expect(throws: EventsError.inUse) { try fake.events(.user) }
        good.cancel()
        _ = try fake.events(.user)
    }
}
