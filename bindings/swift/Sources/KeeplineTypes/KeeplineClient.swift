/// What a client can do. `Client` is the real one, `FakeClient` (in `KeeplineTesting`) stands in for it in the tests of
/// an app: write what uses a client for `some KeeplineClient`.
///
/// Every method may be called from any task. None blocks a thread. The typed forms of these calls stand in an
/// extension, and are what an app uses.
///
/// Cancelling a task that waits in one of these gives up waiting and nothing else. ``submit(_:options:)`` cannot be
/// torn: what was handed over is either durable or failed when it returns, cancelled or not.
public protocol KeeplineClient: AnyObject, Sendable {
    /// Puts an action into the durable queue. `payload` is JSON text. See ``submit(_:options:)``.
    func submit(name: String, json payload: String, options: SubmitOptions) async throws(SubmitError) -> ActionID

    /// Puts an action for an existing Socket.IO server into the durable queue. See ``submitRaw(_:_:options:)``.
    func submit(name: String, arguments: Arguments, options: SubmitOptions) async throws(SubmitError) -> ActionID

    /// Waits for the outcome of an action.
    ///
    /// - Throws: ``OutcomeError``; `CancellationError` where the task was cancelled, which changes nothing for the
    ///   action.
    func outcome(of id: ActionID) async throws -> Outcome<RawReply>

    /// The queue: what is pending, parked or settled, oldest first.
    func outbox(_ filter: OutboxFilter) async throws(StoreError) -> [OutboxEntry]

    /// What happens to the queue from now on.
    func outboxChanges() -> Changes<OutboxChange>

    /// Cancels an action: at once and for certain where it was never sent, else the server is asked to void it, and
    /// the outcome says whether that came in time.
    func cancel(_ id: ActionID) async throws(ControlError)

    /// Puts a parked action back into the queue. It goes on under the id that is returned; who waits for its outcome
    /// waits on.
    @discardableResult
    func retry(_ id: ActionID) async throws(ControlError) -> ActionID

    /// Gives a parked action up: like ``cancel(_:)``, and its lane moves on.
    func discard(_ id: ActionID) async throws(ControlError)

    /// Sends an action now, without the queue, and waits for the reply: with several arguments and attachments.
    ///
    /// - Throws: ``CallError``: after ``CallError/timedOut`` it may have happened. `CancellationError` where the task
    ///   was cancelled: then too.
    func call(name: String, arguments: Arguments, timeout: Duration) async throws -> RawReply

    /// Writes an action to the line, if there is one, and forgets it. Gives whether it was handed to the line; whether
    /// it arrived is not known.
    ///
    /// - Throws: ``CallError`` where no line could take it: it is not JSON, it is too large, or the client was shut
    ///   down.
    @discardableResult
    func emit(name: String, arguments: Arguments) async throws(CallError) -> Bool

    /// Becomes the one durable consumer of a stream.
    func events(_ stream: StreamName, options: EventsOptions) throws(EventsError) -> EventStream

    /// A live tap on a stream, beside its consumer or without one. It moves no cursor; a slow one gets
    /// ``Event/lagged(_:)``.
    func observe(_ stream: StreamName) throws(EventsError) -> EventStream

    /// The handlers of this client: what ``on(_:in:handler:)`` stands on.
    var handlers: Handlers { get }

    /// How the line is and what waits for it, now.
    var status: Status { get }

    /// The status now and each one that follows. It ends after ``Line/closed``.
    func statusChanges() -> Changes<Status>

    /// A report for support as JSON: versions, the last 50 states, counters. No payload, no token, no account. `null`
    /// where the client is suspended or shut down.
    func diagnostics() async -> String

    /// From now on there should be a line. Tries at once, asks for a token again where the status was
    /// ``Line/authRequired(_:)``, and opens a suspended client. What comes of it is the status.
    func connect() throws(ClosedError)

    /// From now on there should be none. The queue is kept, and submits are taken.
    func disconnect() throws(ClosedError)

    /// The host has a network again: a wait is cut short, and a line that looks alive is probed.
    func networkAvailable() throws(ClosedError)

    /// The host has no network: nothing is tried until ``networkAvailable()``.
    func networkLost() throws(ClosedError)

    /// The app is on the screen again: opens a suspended client, cuts a wait short, probes the line.
    func foreground() throws(ClosedError)

    /// The app left the screen: gets out what can be got out, then suspends before the deadline has passed.
    func background(deadline: Duration) async throws(ClosedError)

    /// Tries to get the queue out. Gives whether nothing is pending; `false` when the deadline has passed before or the
    /// task was cancelled. Parked actions do not count.
    func flush(deadline: Duration) async throws(ClosedError) -> Bool

    /// Closes every file and socket and releases the database's lock. Streams and whoever waits for an outcome wait
    /// on; other calls fail as suspended until ``foreground()`` or ``connect()``.
    func suspend(deadline: Duration) async throws(ClosedError)

    /// Ends the account's use of this database: disconnects, forgets whose session it was, and keeps or discards the
    /// account's rows and cursors.
    func signOut(_ rows: SignOut) async throws(StoreError)

    /// Shuts down in good order: stores what the app has taken, says goodbye on the line, closes the database. Takes
    /// two seconds at the most when the line does not answer. Once more does nothing.
    func shutdown() async
}

extension KeeplineClient {
    /// Puts an action into the durable queue. When this returns, the action survives the death of the process and of
    /// the power; it needs no line, not even a first one ever.
    ///
    /// Cancelling the task does not tear it: the call still ends with the action durable, or with an error and nothing
    /// kept.
    public func submit<A: Action>(
        _ action: A, options: SubmitOptions = SubmitOptions()
    ) async throws(SubmitError) -> Submission<A.Reply> {
        let id = try await submit(name: A.name, json: try submitText(action), options: options)
        return Submission(id: id, client: self) { try $0.decode() }
    }

    /// As ``submit(_:options:)``, with a name known at run time. The reply comes as it is.
    public func submit(
        _ name: String, payload: some Encodable, options: SubmitOptions = SubmitOptions()
    ) async throws(SubmitError) -> Submission<RawReply> {
        let id = try await submit(name: name, json: try submitText(payload), options: options)
        return submission(id)
    }

    /// As ``submit(_:payload:options:)``, with a payload made of literals.
    public func submit(
        _ name: String, payload: JSON, options: SubmitOptions = SubmitOptions()
    ) async throws(SubmitError) -> Submission<RawReply> {
        let id = try await submit(name: name, json: try submitText(payload), options: options)
        return submission(id)
    }

    /// As ``submit(_:options:)``, for an existing Socket.IO server: several arguments and binary attachments.
    public func submitRaw(
        _ name: String, _ arguments: Arguments, options: SubmitOptions = SubmitOptions()
    ) async throws(SubmitError) -> Submission<RawReply> {
        submission(try await submit(name: name, arguments: arguments, options: options))
    }

    /// The submission with this id, for instance after a restart. Whether there is one shows when it is asked for.
    public func submission(_ id: ActionID) -> Submission<RawReply> {
        Submission(id: id, client: self) { $0 }
    }

    /// As ``submission(_:)``, with the type of the action, so that the reply has its own.
    public func submission<A: Action>(_ id: ActionID, of action: A.Type) -> Submission<A.Reply> {
        Submission(id: id, client: self) { try $0.decode() }
    }

    /// The whole queue, at most 1,000 rows.
    public func outbox() async throws(StoreError) -> [OutboxEntry] {
        try await outbox(OutboxFilter())
    }

    /// Sends an action now, without the queue, and waits for the reply.
    ///
    /// - Throws: ``CallError``: after ``CallError/timedOut`` it may have happened. `CancellationError` where the task
    ///   was cancelled: then too.
    public func call<A: Action>(_ action: A, timeout: Duration = .seconds(10)) async throws -> A.Reply {
        let reply = try await call(name: A.name, arguments: Arguments(action), timeout: timeout)
        do {
            return try reply.decode()
        } catch {
            throw CallError.badReply
        }
    }

    /// Writes an action to the line, if there is one, and forgets it. Gives whether it was handed to the line; whether
    /// it arrived is not known.
    ///
    /// - Throws: ``CallError`` where no line could take it: it is not JSON, it is too large, or the client was shut
    ///   down.
    @discardableResult
    public func emit<A: Action>(_ action: A) async throws(CallError) -> Bool {
        try await emit(name: A.name, arguments: Arguments(action))
    }

    /// Becomes the one durable consumer of a stream, from the stored cursor on. Where there is none yet, a job's stream
    /// begins at its beginning, and the user stream where it stood at the first session.
    public func events(_ stream: StreamName) throws(EventsError) -> EventStream {
        try events(stream, options: EventsOptions())
    }

    /// Consumes a stream for as long as `body` runs. When `body` returns, the last event that it was given counts as
    /// taken; when it throws, that event comes again to the next consumer.
    public func withEvents<Result>(
        _ stream: StreamName, options: EventsOptions = EventsOptions(),
        _ body: (EventStream) async throws -> Result
    ) async throws -> Result {
        let events = try events(stream, options: options)
        do {
            let result = try await body(events)
            events.end()
            return result
        } catch {
            events.abandon()
            throw error
        }
    }

    /// Calls `handler` for each event of this type on a stream, until the returned handler is cancelled or given up.
    ///
    /// The handlers of a stream together are its one durable consumer. They run one at a time, in the order of the
    /// stream; an event counts as taken when all of its handlers have returned. A handler that throws is logged and the
    /// stream goes on. Events that no handler wants are taken too. Lost continuity and a stream that is gone or refused
    /// are logged; ``onReset(in:handler:)`` is called for the first.
    public func on<T: EventType>(
        _ type: T.Type, in stream: StreamName, handler: @escaping @Sendable (T) async throws -> Void
    ) throws(EventsError) -> Handler {
        try handlers.add(to: stream, of: self) { item in
            guard case .event(let envelope) = item, let event = try envelope.decode(type) else { return }
            try await handler(event)
        }
    }

    /// Calls `handler` where a stream loses its continuity, between the events before and after, until the returned
    /// handler is cancelled or given up: discard what was built up and take the snapshot.
    ///
    /// It is one of the stream's handlers, as those of ``on(_:in:handler:)`` are, and on its own takes every event.
    public func onReset(
        in stream: StreamName, handler: @escaping @Sendable (Reset) async throws -> Void
    ) throws(EventsError) -> Handler {
        try handlers.add(to: stream, of: self) { item in
            if case .reset(let reset) = item { try await handler(reset) }
        }
    }

    private func submitText(_ payload: some Encodable) throws(SubmitError) -> String {
        do {
            return try Coding.text(payload)
        } catch {
            throw .notJSON
        }
    }
}
