import KeeplineTypes

/// What a fake client keeps.
struct FakeState {
    var line = Line.idle { didSet { if line != oldValue { publish() } } }
    var rows: [OutboxEntry] = []
    var answers: [String: @Sendable (String) -> Outcome<RawReply>?] = [:]
    var submitError: SubmitError?
    var requests: [FakeClient.Request] = []
    let statuses = FakeFanout<Status>()
    let changes = FakeFanout<OutboxChange>()
    private var logs: [StreamName: FakeLog] = [:]

    var status: Status {
        let pending = rows.count { $0.outcome == nil && $0.state != .parked }
        return Status(line: line, pending: pending, parked: rows.count { $0.state == .parked })
    }

    mutating func log(_ stream: StreamName) -> FakeLog {
        if let log = logs[stream] { return log }
        let log = FakeLog(stream)
        logs[stream] = log
        return log
    }

    mutating func submit(name: String, payload: String, options: SubmitOptions) -> Result<ActionID, SubmitError> {
        if line == .closed { return .failure(.closed) }
        if let error = submitError {
            submitError = nil
            return .failure(error)
        }
        let id = options.id ?? ActionID()
        if let row = rows.first(where: { $0.id == id }) {
            return row.name == name && row.payload == payload ? .success(id) : .failure(.idConflict)
        }
        let row = OutboxEntry(
            id: id, name: name, payload: payload, state: .queued, lane: options.lane, label: options.label)
        rows.append(row)
        changes.publish(.changed(id))
        publish()
        return .success(id)
    }

    /// What is to be answered now: each is the caller's alone until it is settled or put back.
    mutating func takeAnswerable() -> [Answerable] {
        guard line.isOnline else { return [] }
        return rows.indices.compactMap { index in
            guard rows[index].state == .queued, let answer = answers[rows[index].name] else { return nil }
            rows[index].state = .sent
            return Answerable(id: rows[index].id, payload: rows[index].payload, answer: answer)
        }
    }

    /// Nobody answered: it stays pending.
    mutating func putBack(_ id: ActionID) {
        if let index = rows.firstIndex(where: { $0.id == id && $0.state == .sent }) { rows[index].state = .queued }
    }

    mutating func settle(_ id: ActionID, _ outcome: Outcome<RawReply>) {
        guard let index = rows.firstIndex(where: { $0.id == id }), rows[index].outcome == nil else { return }
        rows[index].outcome = outcome
        rows[index].state = .settled
        changes.publish(.settled(id, outcome))
        publish()
    }

    mutating func park(_ id: ActionID, _ error: Rejection) {
        guard let index = rows.firstIndex(where: { $0.id == id }), rows[index].outcome == nil else { return }
        rows[index].state = .parked
        rows[index].lastError = error
        changes.publish(.changed(id))
        publish()
    }

    mutating func retry(_ id: ActionID, as new: ActionID) {
        guard let index = rows.firstIndex(where: { $0.id == id }) else { return }
        rows[index].id = new
        rows[index].state = .queued
        changes.publish(.renamed(old: id, new: new))
        publish()
    }

    /// The client is shut down: whoever waits gets the end.
    func close() {
        statuses.end()
        changes.end()
        for log in logs.values { log.end() }
    }

    /// An action and what answers it.
    struct Answerable: Sendable {
        let id: ActionID
        let payload: String
        let answer: @Sendable (String) -> Outcome<RawReply>?
    }

    private func publish() {
        statuses.publish(status)
    }
}
