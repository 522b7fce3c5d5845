import Foundation
import KeeplineTypes

/// A client without a server, a database and a native library, for the tests of an app: it does what the test says.
///
/// ```swift
/// let fake = FakeClient()
/// fake.answer(StartSearch.self) { _ in .accepted(JobStarted(job: "7")) }
/// fake.send(SearchResult(job: "7", index: 0, title: "Found", snippet: "", source: "a.md", score: 1), to: .job("7"))
/// fake.goOnline()
/// ```
///
/// It begins idle. What is submitted waits until it is online, as with the real one, and is then answered by the answer
/// for its name; what has none stays pending until ``settle(_:as:)``. Events that are sent to a stream wait for its
/// consumer. All of it may be used from any task.
public final class FakeClient: KeeplineClient {
    public let handlers = Handlers()

    private let state = Locked(FakeState())

    /// A client that is idle, with nothing in its queue.
    public init() {}
}

// MARK: - What a test says

extension FakeClient {
    /// What answers an action: with its outcome, or `nil` to leave it pending.
    public typealias Answer<A: Action> = @Sendable (A) -> Outcome<A.Reply>?

    /// The line is up, and what is pending goes out.
    public func goOnline(resumed: Bool = true) {
        setLine(.online(resumed: resumed))
    }

    /// The line is lost, and the client waits to try again.
    public func goOffline(_ reason: LineTrouble = .lost, retryIn: Duration = .seconds(1)) {
        setLine(.waiting(retryIn: retryIn, attempt: 1, reason: reason))
    }

    /// Any state of the line.
    public func setLine(_ line: Line) {
        state.withLock { $0.line = line }
        settlePending()
    }

    /// From now on, actions of this type are answered so, when they are submitted online, called, or the line comes up.
    public func answer<A: Action & Decodable>(_ type: A.Type, with answer: @escaping Answer<A>)
    where A.Reply: Encodable {
        self.answer(A.name) { payload in
            guard let action = try? Coding.decode(A.self, from: payload) else { return nil }
            return answer(action)?.map { RawReply(payload: (try? Coding.text($0)) ?? "null") }
        }
    }

    /// As ``answer(_:with:)`` by name, with the payload and the reply as JSON text.
    public func answer(_ name: String, with answer: @escaping @Sendable (String) -> Outcome<RawReply>?) {
        state.withLock { $0.answers[name] = answer }
        settlePending()
    }

    /// Gives an action its outcome.
    public func settle(_ id: ActionID, as outcome: Outcome<RawReply>) {
        state.withLock { $0.settle(id, outcome) }
    }

    /// An action could not be delivered and waits for ``retry(_:)`` or ``discard(_:)``.
    public func park(_ id: ActionID, error: Rejection) {
        state.withLock { $0.park(id, error) }
    }

    /// The next submit fails with this error and keeps nothing.
    public func failNextSubmit(_ error: SubmitError) {
        state.withLock { $0.submitError = error }
    }

    /// Puts an event on a stream.
    public func send<T: EventType & Encodable>(_ event: T, to stream: StreamName) {
        send(name: T.name, payload: (try? Coding.text(event)) ?? "null", to: stream)
    }

    /// Puts an event on a stream, with its payload as JSON text.
    public func send(name: String, payload: String, to stream: StreamName) {
        state.withLock { $0.log(stream).append(name: name, payload: payload) }
    }

    /// The stream loses its continuity.
    public func reset(
        _ stream: StreamName, to offset: UInt64, reason: Reset.Reason = .trimmed, snapshot: String? = nil
    ) {
        state.withLock { $0.log(stream).reset(to: offset, reason: reason, snapshot: snapshot) }
    }

    /// The stream ends and is removed.
    public func remove(_ stream: StreamName) {
        state.withLock { $0.log(stream).append(.gone) }
    }

    /// Up to which offset the consumer of a stream has taken its events, 0 at the beginning.
    public func taken(_ stream: StreamName) -> UInt64 {
        state.withLock { $0.log(stream).taken }
    }

    /// What was asked of the client besides: `connect`, `disconnect`, hints, `flush`, in their order.
    public var requests: [Request] {
        state.withLock { $0.requests }
    }

    /// Something that was asked of the client.
    public enum Request: Hashable, Sendable {
        /// ``FakeClient/connect()``
        case connect
        /// ``FakeClient/disconnect()``
        case disconnect
        /// ``FakeClient/networkAvailable()``
        case networkAvailable
        /// ``FakeClient/networkLost()``
        case networkLost
        /// ``FakeClient/foreground()``
        case foreground
        /// ``FakeClient/background(deadline:)``
        case background(Duration)
        /// ``FakeClient/flush(deadline:)``
        case flush(Duration)
        /// ``FakeClient/suspend(deadline:)``
        case suspend(Duration)
        /// ``FakeClient/signOut(_:)``
        case signOut(SignOut)
        /// ``FakeClient/shutdown()``, once
        case shutdown
        /// A volatile action, by name.
        case emit(String)
    }

    /// The answers run outside of the lock: they may use this client.
    private func settlePending() {
        for pending in state.withLock({ $0.takeAnswerable() }) {
            if let outcome = pending.answer(pending.payload) {
                settle(pending.id, as: outcome)
            } else {
                state.withLock { $0.putBack(pending.id) }
            }
        }
    }
}

// MARK: - Actions

extension FakeClient {
    public func submit(
        name: String, json payload: String, options: SubmitOptions
    ) async throws(SubmitError) -> ActionID {
        let result: Result<ActionID, SubmitError> = state.withLock { state in
            state.submit(name: name, payload: payload, options: options)
        }
        settlePending()
        return try result.get()
    }

    public func submit(
        name: String, arguments: Arguments, options: SubmitOptions
    ) async throws(SubmitError) -> ActionID {
        guard let payload = try? arguments.text() else { throw .notJSON }
        return try await submit(name: name, json: payload, options: options)
    }

    public func outcome(of id: ActionID) async throws -> Outcome<RawReply> {
        let changes = outboxChanges()
        var id = id
        if let outcome = try known(id) { return outcome }
        for await change in changes {
            switch change {
            case .renamed(let old, let new) where old == id: id = new
            case .settled(let settled, let outcome) where settled == id: return outcome
            default: break
            }
        }
        try Task.checkCancellation()
        throw OutcomeError.closed
    }

    private func known(_ id: ActionID) throws -> Outcome<RawReply>? {
        try state.withLock { state in
            guard let row = state.rows.first(where: { $0.id == id }) else { throw OutcomeError.notFound }
            return row.outcome
        }
    }

    public func outbox(_ filter: OutboxFilter) async throws(StoreError) -> [OutboxEntry] {
        let (rows, isClosed) = state.withLock { ($0.rows, $0.line == .closed) }
        if isClosed { throw .closed }
        let after = rows.firstIndex { $0.id == filter.after }.map { $0 + 1 } ?? 0
        let wanted = rows[after...].filter { row in
            (!filter.pendingOnly || row.outcome == nil) && (filter.lane == nil || row.lane == filter.lane)
                && (filter.id == nil || row.id == filter.id)
        }
        return Array(wanted.prefix(filter.limit))
    }

    public func outboxChanges() -> Changes<OutboxChange> {
        Changes(state.withLock { $0.changes.tap() })
    }

    public func cancel(_ id: ActionID) async throws(ControlError) {
        try control(id) { $0.settle(id, .cancelled) }
    }

    @discardableResult
    public func retry(_ id: ActionID) async throws(ControlError) -> ActionID {
        let new = ActionID()
        try control(id, needsParked: true) { $0.retry(id, as: new) }
        settlePending()
        return new
    }

    public func discard(_ id: ActionID) async throws(ControlError) {
        try control(id, needsParked: true) { $0.settle(id, .cancelled) }
    }

    private func control(
        _ id: ActionID, needsParked: Bool = false, _ work: (inout FakeState) -> Void
    ) throws(ControlError) {
        let error: ControlError? = state.withLock { state in
            if state.line == .closed { return .closed }
            guard let row = state.rows.first(where: { $0.id == id }) else { return .notFound }
            if row.outcome != nil { return .settled }
            if needsParked && row.state != .parked { return .notParked }
            work(&state)
            return nil
        }
        if let error { throw error }
    }

    public func call(name: String, arguments: Arguments, timeout: Duration) async throws -> RawReply {
        guard let payload = try? arguments.values.first.map({ try Coding.text($0) }) ?? "null" else {
            throw CallError.notJSON
        }
        let (line, answer) = state.withLock { ($0.line, $0.answers[name]) }
        if line == .closed { throw CallError.closed }
        guard line.isOnline else { throw CallError.notOnline }
        switch answer?(payload) {
        case .accepted(let reply): return reply
        case .rejected(let rejection): throw CallError.rejected(rejection)
        default: throw CallError.timedOut
        }
    }

    @discardableResult
    public func emit(name: String, arguments: Arguments) async throws(CallError) -> Bool {
        _ = try arguments.text(of: name)
        if status.line == .closed { throw .closed }
        return state.withLock { state in
            guard state.line.isOnline else { return false }
            state.requests.append(.emit(name))
            return true
        }
    }
}

// MARK: - Events

extension FakeClient {
    public func events(_ stream: StreamName, options: EventsOptions) throws(EventsError) -> EventStream {
        let opened: Result<FakeLog, EventsError> = state.withLock { state in
            if state.line == .closed { return .failure(.closed) }
            let log = state.log(stream)
            return log.claim() ? .success(log) : .failure(.inUse)
        }
        let source = FakeConsumer(log: try opened.get(), after: options.after)
        return EventStream(EventReader(stream, source: source, isManual: options.cursor == .manual))
    }

    public func observe(_ stream: StreamName) throws(EventsError) -> EventStream {
        let opened: Result<FakeLog, EventsError> = state.withLock { state in
            state.line == .closed ? .failure(.closed) : .success(state.log(stream))
        }
        let log = try opened.get()
        return EventStream(EventReader(stream, source: FakeConsumer(log: log, after: log.head, isTap: true)))
    }
}

// MARK: - The line

extension FakeClient {
    public var status: Status {
        state.withLock { $0.status }
    }

    public func statusChanges() -> Changes<Status> {
        Changes(state.withLock { $0.statuses.tap(first: $0.status) })
    }

    public func diagnostics() async -> String {
        "{}"
    }

    /// Is noted in ``requests``; an idle fake begins to connect, and it stays with that until ``goOnline(resumed:)``.
    public func connect() throws(ClosedError) {
        try note(.connect) { if $0.line == .idle { $0.line = .connecting } }
    }

    public func disconnect() throws(ClosedError) {
        try note(.disconnect) { $0.line = .idle }
    }

    public func networkAvailable() throws(ClosedError) { try note(.networkAvailable) }
    public func networkLost() throws(ClosedError) { try note(.networkLost) { $0.line = .offline } }

    public func foreground() throws(ClosedError) {
        try note(.foreground) { if $0.line == .suspended { $0.line = .connecting } }
    }

    public func background(deadline: Duration) async throws(ClosedError) {
        try note(.background(deadline)) { $0.line = .suspended }
    }

    public func flush(deadline: Duration) async throws(ClosedError) -> Bool {
        try note(.flush(deadline))
        return status.pending == 0
    }

    public func suspend(deadline: Duration) async throws(ClosedError) {
        try note(.suspend(deadline)) { $0.line = .suspended }
    }

    public func signOut(_ rows: SignOut) async throws(StoreError) {
        do {
            try note(.signOut(rows)) { state in
                state.line = .idle
                if rows == .discard { state.rows.removeAll() }
            }
        } catch {
            throw .closed
        }
    }

    public func shutdown() async {
        state.withLock { state in
            guard state.line != .closed else { return }
            state.requests.append(.shutdown)
            state.line = .closed
            state.close()
        }
    }

    private func note(_ request: Request, _ work: (inout FakeState) -> Void = { _ in }) throws(ClosedError) {
        let isOpen = state.withLock { state in
            guard state.line != .closed else { return false }
            state.requests.append(request)
            work(&state)
            return true
        }
        if !isOpen { throw ClosedError() }
    }
}
