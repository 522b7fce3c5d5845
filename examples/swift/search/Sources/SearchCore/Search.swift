import KeeplineTypes

/// A search that survives a lost line: it is queued first, and its results come whenever there is one.
public struct Search: Sendable {
    private let client: any KeeplineClient

    /// Searches with this client, a real one or a fake.
    public init(client: some KeeplineClient) {
        self.client = client
    }

    /// What the search has to say, in its order.
    public enum Report: Hashable, Sendable {
        /// It is on the disk, and will be sent.
        case queued
        /// The server has begun.
        case started
        /// A document was found.
        case found(title: String, source: String)
        /// It ended, with so many documents.
        case completed(count: Int)
        /// It ended in another way.
        case failed(String)
    }

    /// Runs the search and gives each report to `report`, until there is nothing more to say.
    public func run(_ query: String, report: @Sendable (Report) async -> Void) async throws {
        let options = SubmitOptions(lane: "searches", label: query)
        let sent = try await client.submit(StartSearch(query: query), options: options)
        await report(.queued)
        switch try await sent.outcome() {
        case .accepted(let started):
            await report(.started)
            try await follow(started.job, report: report)
        case .rejected(let rejection): await report(.failed("\(rejection.code): \(rejection.text)"))
        case .expired: await report(.failed("it was not sent in time"))
        case .cancelled: await report(.failed("it was cancelled"))
        case .indeterminate, .sent: await report(.failed("nobody knows what became of it"))
        }
    }

    private func follow(_ job: String, report: @Sendable (Report) async -> Void) async throws {
        try await client.withEvents(.job(job)) { events in
            var count = 0
            for await event in events {
                switch event {
                case .searchResult(let result):
                    count += 1
                    await report(.found(title: result.title, source: result.source))
                case .jobCompleted: return await report(.completed(count: count))
                case .jobFailed(let failed): return await report(.failed(failed.error.code))
                case .jobCancelled: return await report(.failed("it was cancelled"))
                case .gone: return await report(.failed("the server has removed it"))
                // What was shown so far is void; the results that follow are the whole truth again.
                case .reset: count = 0
                default: break
                }
            }
        }
    }
}
