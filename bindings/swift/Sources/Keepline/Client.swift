import KeeplineCore
@_exported import KeeplineTypes

/// A client: it keeps one line to the server open, keeps on disk what the app did while the line was down, and gives
/// back every event that the app missed.
///
/// ```swift
/// let client = try await Client.open(Configuration(url: "wss://example.org", database: path, token: .provider(token)))
/// try client.connect()
/// let search = try await client.submit(StartSearch(query: "swift"))  // returned means durable
/// if case .accepted(let started) = try await search.outcome() {
///     for await event in try client.events(.job(started.job)) { print(event) }
/// }
/// ```
///
/// It may be used from any task. Giving up the last reference shuts it down without waiting; what is in the queue stays
/// there for the next time. Streams and submissions do not keep it open.
public final class Client: KeeplineClient {
    let core: CoreClient
    private let tokens: TokenPump?

    public let handlers = Handlers()

    private init(core: CoreClient, tokens: TokenPump?) {
        self.core = core
        self.tokens = tokens
    }

    deinit {
        tokens?.end()
    }

    /// Opens the database and starts the client. It touches the disk, and not the network before ``connect()``.
    ///
    /// - Throws: ``OpenError``; nothing on disk was changed.
    public static func open(_ configuration: Configuration) async throws(OpenError) -> Client {
        let core = try await OpenError.from { try await coreOpen(config: configuration.core()) }
        guard case .provider(let provider) = configuration.token, let questions = try? core.tokenQuestions() else {
            return Client(core: core, tokens: nil)
        }
        return Client(core: core, tokens: TokenPump(questions, provider))
    }

    /// The version of this library.
    public static var version: String {
        (try? coreVersion()) ?? ""
    }
}

// MARK: - Actions

extension Client {
    public func submit(
        name: String, json payload: String, options: SubmitOptions
    ) async throws(SubmitError) -> ActionID {
        // The task's cancellation does not reach a call of the core, so this cannot be torn.
        ActionID(core: try await SubmitError.from {
            try await core.submit(name: name, payload: payload, options: options.core)
        })
    }

    public func submit(
        name: String, arguments: Arguments, options: SubmitOptions
    ) async throws(SubmitError) -> ActionID {
        guard let args = try? arguments.core() else { throw .notJSON }
        return ActionID(core: try await SubmitError.from {
            try await core.submitRaw(name: name, args: args, options: options.core)
        })
    }

    public func outcome(of id: ActionID) async throws -> Outcome<RawReply> {
        let cancel = CoreCancel()
        return try await withTaskCancellationHandler {
            do {
                return Outcome(try await core.outcome(id: id.description, cancel: cancel))
            } catch CoreOutcomeError.GivenUp {
                throw CancellationError()
            } catch let error as CoreOutcomeError {
                throw OutcomeError(error)
            }
        } onCancel: {
            try? cancel.cancel()
        }
    }

    public func outbox(_ filter: OutboxFilter) async throws(StoreError) -> [OutboxEntry] {
        try await StoreError.from { try await core.outbox(filter: filter.core) }.map(OutboxEntry.init)
    }

    public func outboxChanges() -> Changes<OutboxChange> {
        Changes(OutboxSource(core: try? core.outboxChanges()))
    }

    public func cancel(_ id: ActionID) async throws(ControlError) {
        try await ControlError.from { try await core.cancel(id: id.description) }
    }

    @discardableResult
    public func retry(_ id: ActionID) async throws(ControlError) -> ActionID {
        ActionID(core: try await ControlError.from { try await core.retry(id: id.description) })
    }

    public func discard(_ id: ActionID) async throws(ControlError) {
        try await ControlError.from { try await core.discard(id: id.description) }
    }

    public func call(name: String, arguments: Arguments, timeout: Duration) async throws -> RawReply {
        guard let args = try? arguments.core() else { throw CallError.notJSON }
        let cancel = CoreCancel()
        return try await withTaskCancellationHandler {
            do {
                let milliseconds = timeout.milliseconds
                return RawReply(try await core.call(name: name, args: args, timeoutMs: milliseconds, cancel: cancel))
            } catch CoreCallError.GivenUp {
                throw CancellationError()
            } catch let error as CoreCallError {
                throw CallError(error)
            }
        } onCancel: {
            try? cancel.cancel()
        }
    }

    @discardableResult
    public func emit(name: String, arguments: Arguments) async throws(CallError) -> Bool {
        let args = CoreArgs(json: try arguments.text(of: name), attachments: arguments.attachments)
        do {
            if try await core.emit(name: name, args: args) { return true }
        } catch {
            throw (error as? CoreCallError).map(CallError.init) ?? .closed
        }
        // The core does not say why it was not written; that there will be no line any more is no matter of the line.
        if status.line == .closed { throw .closed }
        return false
    }
}

// MARK: - Events

extension Client {
    public func events(_ stream: StreamName, options: EventsOptions) throws(EventsError) -> EventStream {
        let source = try EventsError.from { try core.events(stream: stream.description, options: options.core) }
        let isManual = options.cursor == .manual
        return EventStream(EventReader(stream, source: StreamSource(stream, source), isManual: isManual))
    }

    public func observe(_ stream: StreamName) throws(EventsError) -> EventStream {
        let source = try EventsError.from { try core.observe(stream: stream.description) }
        return EventStream(EventReader(stream, source: StreamSource(stream, source)))
    }
}

// MARK: - The line

extension Client {
    public var status: Status {
        guard let status = try? core.status() else { return Status(line: .closed) }
        return Status(status)
    }

    public func statusChanges() -> Changes<Status> {
        Changes(StatusSource(core: try? core.statusChanges()))
    }

    public func diagnostics() async -> String {
        (try? await core.diagnostics()) ?? "null"
    }

    public func connect() throws(ClosedError) {
        try ClosedError.from { try core.connect() }
    }

    public func disconnect() throws(ClosedError) {
        try ClosedError.from { try core.disconnect() }
    }

    public func networkAvailable() throws(ClosedError) {
        try ClosedError.from { try core.networkAvailable() }
    }

    public func networkLost() throws(ClosedError) {
        try ClosedError.from { try core.networkLost() }
    }

    public func foreground() throws(ClosedError) {
        try ClosedError.from { try core.foreground() }
    }

    public func background(deadline: Duration) async throws(ClosedError) {
        try await ClosedError.from { try await core.background(deadlineMs: deadline.milliseconds) }
    }

    public func flush(deadline: Duration) async throws(ClosedError) -> Bool {
        let cancel = CoreCancel()
        return try await ClosedError.from {
            try await withTaskCancellationHandler {
                try await core.flush(deadlineMs: deadline.milliseconds, cancel: cancel)
            } onCancel: {
                try? cancel.cancel()
            }
        }
    }

    public func suspend(deadline: Duration) async throws(ClosedError) {
        try await ClosedError.from { try await core.suspend(deadlineMs: deadline.milliseconds) }
    }

    public func signOut(_ rows: SignOut) async throws(StoreError) {
        try await StoreError.from { try await core.signOut(rows: rows == .discard ? .discard : .keep) }
    }

    public func shutdown() async {
        tokens?.end()
        try? await core.shutdown()
    }
}
