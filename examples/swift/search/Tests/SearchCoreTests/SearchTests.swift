import KeeplineTesting
import KeeplineTypes
import SearchCore
import Testing

@Suite struct SearchTests {
    let fake = FakeClient()

    @Test func aSearchBegunWithoutALineIsAnsweredOnceThereIsOne() async throws {
        fake.answer(StartSearch.self) { _ in .accepted(JobStarted(job: "7")) }
        let found = SearchResult(job: "7", index: 0, title: "Lines", snippet: "", source: "lines.md", score: 1)
        fake.send(found, to: .job("7"))
        fake.send(JobCompleted(job: "7", kind: "search"), to: .job("7"))
        let (reports, report) = AsyncStream<Search.Report>.makeStream()
        let search = Task {
            try await Search(client: fake).run("lines") { report.yield($0) }
            report.finish()
        }
        var next = reports.makeAsyncIterator()
        #expect(await next.next() == .queued)
        #expect(try await fake.outbox().first?.label == "lines")
        fake.goOnline()
        #expect(await next.next() == .started)
        #expect(await next.next() == .found(title: "Lines", source: "lines.md"))
        #expect(await next.next() == .completed(count: 1))
        #expect(await next.next() == nil)
        try await search.value
        #expect(fake.taken(.job("7")) == 2, "what was shown does not come again")
    }

    @Test func aRefusalIsSaid() async throws {
        fake.goOnline()
        fake.answer(StartSearch.name) { _ in .rejected(Rejection(code: "FORBIDDEN", text: "not you")) }
        let (reports, report) = AsyncStream<Search.Report>.makeStream()
        try await Search(client: fake).run("lines") { report.yield($0) }
        report.finish()
        #expect(await reports.reduce(into: []) { $0.append($1) } == [.queued, .failed("FORBIDDEN: not you")])
    }

    @Test func theStatusIsSaidInAFewWords() async throws {
        _ = try await fake.submit(TestRecord(n: 1))
        fake.goOffline(.unreachable, retryIn: .seconds(2))
        #expect(fake.status.summary == "no line (unreachable), again in 3 s, 1 waiting")
        fake.setLine(.authRequired(.signedOut))
        #expect(fake.status.summary == "sign in again, 1 waiting")
    }
}
