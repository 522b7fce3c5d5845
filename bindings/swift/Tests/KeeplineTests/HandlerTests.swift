import Keepline
import KeeplineTesting
import Support
import Testing

@Suite struct HandlerTests {
    let fake = FakeClient()

    /// What the handlers of a test were called for.
    final class Calls: Sendable {
        private let calls = LockedBox<[String]>([])

        var all: [String] { calls.read { $0 } }

        func add(_ call: String) {
            calls.change { $0.append(call) }
        }

        func wait(for count: Int) async throws {
            try await soon { while self.all.count < count { await Task.yield() } }
        }
    }

    let calls = Calls()

    func on(_ name: String) throws -> Handler {
        let calls = calls
        return try fake.on(TestRecorded.self, in: .user) { calls.add("\(name) \($0.n)") }
    }

    @Test func theOneThatReplacesACancelledOneInItsVariableIsCalled() async throws {
        var handler = try on("old")
        fake.send(TestRecorded(n: 1), to: .user)
        try await calls.wait(for: 1)
        handler.cancel()
        handler.cancel()
        handler = try on("new")
        fake.send(TestRecorded(n: 2), to: .user)
        try await calls.wait(for: 2)
        #expect(calls.all == ["old 1", "new 2"])
        handler.cancel()
        #expect(fake.taken(.user) == 2)
    }

    @Test func noEventIsTakenWithoutAHandlerWhileHandlersComeAndGo() async throws {
        let count = 500
        let sending = Task { [fake] in
            for n in 1...count {
                fake.send(TestRecorded(n: Int64(n)), to: .user)
                await Task.yield()
            }
        }
        var handler = try on("h")
        for _ in 1...200 {
            handler.cancel()
            handler = try on("h")
            await Task.yield()
        }
        await sending.value
        try await calls.wait(for: count)
        withExtendedLifetime(handler) {}
        #expect(calls.all == (1...count).map { "h \($0)" })
    }

    @Test func thoseThatComeAtOnceShareTheStream() async throws {
        for _ in 1...2_000 {
            let fake = FakeClient()
            let handlers = try await withThrowingTaskGroup(of: Handler.self) { group in
                for _ in 1...4 { group.addTask { try fake.on(TestRecorded.self, in: .user) { _ in } } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(handlers.count == 4)
        }
    }

    @Test func oneThatGivesItselfUpHasTakenItsEvent() async throws {
        let (fake, calls) = (fake, calls)
        let own = LockedBox<Handler?>(nil)
        let handler = try fake.on(TestRecorded.self, in: .user) {
            own.read { $0 }?.cancel()
            calls.add("\($0.n)")
        }
        own.change { $0 = handler }
        fake.send(TestRecorded(n: 1), to: .user)
        fake.send(TestRecorded(n: 2), to: .user)
        try await calls.wait(for: 1)
        #expect(fake.taken(.user) == 1)
        let next = try on("next")
        try await calls.wait(for: 2)
        #expect(calls.all == ["1", "next 2"])
        next.cancel()
    }

    @Test func aResetReachesItsHandlerInItsPlace() async throws {
        let calls = calls
        let reset = try fake.onReset(in: .user) { calls.add("reset \($0.offset)") }
        let handler = try on("event")
        fake.send(TestRecorded(n: 1), to: .user)
        fake.reset(.user, to: 10)
        fake.send(TestRecorded(n: 2), to: .user)
        try await calls.wait(for: 3)
        #expect(calls.all == ["event 1", "reset 10", "event 2"])
        reset.cancel()
        handler.cancel()
    }
}
