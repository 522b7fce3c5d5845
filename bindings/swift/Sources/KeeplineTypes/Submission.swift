/// An action in the queue. It may be dropped and found again by ``KeeplineClient/submission(_:)``, also after a
/// restart.
public struct Submission<Reply: Sendable>: Sendable {
    /// The action's id.
    public let id: ActionID

    private let client: any KeeplineClient
    private let read: @Sendable (RawReply) throws -> Reply

    init(id: ActionID, client: any KeeplineClient, read: @escaping @Sendable (RawReply) throws -> Reply) {
        self.id = id
        self.client = client
        self.read = read
    }

    /// Waits for the outcome, with the reply's own type. Every action ends in one, however long that takes.
    ///
    /// - Throws: ``OutcomeError``; `CancellationError` where the task was cancelled, which changes nothing for the
    ///   action.
    public func outcome() async throws -> Outcome<Reply> {
        let outcome = try await outcomeRaw()
        do {
            return try outcome.map(read)
        } catch {
            throw OutcomeError.badReply
        }
    }

    /// Waits for the outcome, with the reply as it came.
    ///
    /// - Throws: as ``outcome()``.
    public func outcomeRaw() async throws -> Outcome<RawReply> {
        try await client.outcome(of: id)
    }

    /// As ``KeeplineClient/cancel(_:)``.
    public func cancel() async throws(ControlError) {
        try await client.cancel(id)
    }

    /// As ``KeeplineClient/retry(_:)``: the submission under the id with which it goes on.
    public func retry() async throws(ControlError) -> Submission {
        Submission(id: try await client.retry(id), client: client, read: read)
    }

    /// As ``KeeplineClient/discard(_:)``.
    public func discard() async throws(ControlError) {
        try await client.discard(id)
    }
}
