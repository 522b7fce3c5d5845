import Foundation
import KeeplineCore
import KeeplineTypes

// What crosses the boundary, from one form into the other. Nothing is decided here.

extension Configuration {
    func core() -> CoreConfig {
        var core = CoreConfig(url: url, database: database)
        if case .fixed(let token) = token { core.token = token }
        if case .provider = token { core.asksForTokens = true }
        core.account = account
        core.sdk = "keepline/\(Client.version) (swift; \(Self.system))"
        core.allowPlainText = allowsPlainText
        core.path = path
        core.namespace = namespace
        core.query = query.map { CorePair(name: $0.key, value: $0.value) }
        core.headers = headers.map { CorePair(name: $0.key, value: $0.value) }
        // What cannot be JSON is an option out of its range, and the core says so.
        core.auth = auth.map { (try? Coding.text($0)) ?? "" }
        core.lanes = lanes.map { CoreLane(lane: $0.key, policy: CoreLanePolicy($0.value)) }
        core.defaultLane = defaultLane.map(CoreLanePolicy.init)
        core.capacityRows = capacity.map { UInt64(clamping: $0.rows) }
        core.capacityBytes = capacity.map { UInt64(clamping: $0.bytes) }
        core.diskQuota = diskQuota.map { UInt64(clamping: $0) }
        core.ttlMs = ttl?.milliseconds
        core.relaxedDurability = relaxedDurability
        core.setCorruptAside = setsCorruptAside
        core.bufferEvents = buffer.map { UInt32(clamping: $0.events) }
        core.bufferBytes = buffer.map { UInt64(clamping: $0.bytes) }
        core.outcomesRows = outcomesKept.map { UInt64(clamping: $0.rows) }
        core.outcomesAgeMs = outcomesKept?.age.milliseconds
        core.reconnectBaseMs = reconnect?.base.milliseconds
        core.reconnectCapMs = reconnect?.cap.milliseconds
        core.attempts = attempts.map { UInt32(clamping: $0) }
        core.receiveLimit = receiveLimit.map { UInt64(clamping: $0) }
        core.extraRootsPem = extraRootsPEM
        core.pinnedKeys = pinnedKeys
        return core
    }

    private static var system: String {
        #if os(Linux)
            "linux"
        #elseif os(macOS)
            "macos"
        #elseif os(iOS)
            "ios"
        #elseif os(watchOS)
            "watchos"
        #elseif os(tvOS)
            "tvos"
        #else
            "other"
        #endif
    }
}

extension CoreLanePolicy {
    init(_ policy: Configuration.LanePolicy) {
        self = policy == .block ? .block : .skip
    }
}

extension SubmitOptions {
    var core: CoreSubmitOptions {
        CoreSubmitOptions(
            lane: lane, ttlMs: ttl?.milliseconds, label: label, coalesce: coalesce, id: id?.description,
            ack: acknowledgement == .none ? CoreAckMode.none : nil)
    }
}

extension Arguments {
    func core() throws -> CoreArgs {
        CoreArgs(json: try text(), attachments: attachments)
    }
}

extension EventsOptions {
    var core: CoreEventsOptions {
        CoreEventsOptions(manual: cursor == .manual, after: after)
    }
}

extension OutboxFilter {
    var core: CoreFilter {
        CoreFilter(
            pendingOnly: pendingOnly, lane: lane, id: id?.description, limit: UInt32(clamping: limit),
            after: after?.description)
    }
}

extension Duration {
    /// Whole milliseconds, never negative.
    var milliseconds: UInt64 {
        let (seconds, attoseconds) = components
        let (whole, overflows) = UInt64(clamping: seconds).multipliedReportingOverflow(by: 1_000)
        return overflows ? .max : whole + UInt64(clamping: attoseconds / 1_000_000_000_000_000)
    }

    init(milliseconds: UInt64) {
        self = .milliseconds(Int64(clamping: milliseconds))
    }
}

extension Outcome where Reply == RawReply {
    init(_ core: CoreOutcome) {
        switch core {
        case .accepted(let reply): self = .accepted(RawReply(reply))
        case .rejected(let rejection): self = .rejected(Rejection(rejection))
        case .expired: self = .expired
        case .cancelled: self = .cancelled
        case .indeterminate: self = .indeterminate
        case .sent: self = .sent
        }
    }
}

extension RawReply {
    init(_ core: CoreReply) {
        self.init(payload: core.payload, attachments: core.attachments)
    }
}

extension Rejection {
    init(_ core: CoreRejection) {
        self.init(code: core.code, text: core.text)
    }
}

extension OutboxEntry {
    init(_ core: CoreEntry) {
        self.init(
            id: ActionID(core: core.id), name: core.name, payload: core.payload, state: ActionState(core.state),
            lane: core.lane, label: core.label, attempts: Int(core.attempts), age: Duration(milliseconds: core.ageMs),
            outcome: core.outcome.map(Outcome.init), lastError: core.lastError.map(Rejection.init),
            isRolledBack: core.rolledBack)
    }
}

extension ActionState {
    init(_ core: CoreActionState) {
        switch core {
        case .queued: self = .queued
        case .sent: self = .sent
        case .voiding: self = .voiding
        case .parked: self = .parked
        case .settled: self = .settled
        }
    }
}

extension OutboxChange {
    init(_ core: CoreChange) {
        switch core {
        case .changed(let id): self = .changed(ActionID(core: id))
        case .settled(let id, let outcome): self = .settled(ActionID(core: id), Outcome(outcome))
        case .renamed(let old, let new): self = .renamed(old: ActionID(core: old), new: ActionID(core: new))
        case .rolledBack(let ids): self = .rolledBack(ids.map(ActionID.init(core:)))
        case .lagged(let count): self = .lagged(Int(clamping: count))
        }
    }
}

extension Envelope {
    init(_ core: CoreEvent, of batch: CoreEventBatch, in stream: StreamName) {
        var place: Place?
        if let offset = core.offset, let epoch = core.epoch ?? batch.epoch {
            place = Place(epoch: epoch, offset: offset)
        }
        self.init(
            stream: stream, name: batch.names[Int(core.name)], payload: core.payload, place: place,
            time: core.time.map { batch.times[Int($0)] },
            details: core.details.map(Details.init))
    }
}

extension Envelope.Details {
    init(_ core: CoreEventDetails) {
        let ack = core.ack
        var acknowledge: (@Sendable (String) async -> Void)?
        if let ack { acknowledge = { try? await ack.send(args: $0) } }
        self.init(arguments: core.args, attachments: core.attachments, acknowledge: acknowledge)
    }
}

extension Item {
    init(_ core: CoreItem) {
        switch core {
        case .reset(let reset): self = .reset(Reset(reset))
        case .gone: self = .gone
        case .refused(let code): self = .refused(code: code)
        case .lagged(let count): self = .lagged(Int(clamping: count))
        }
    }
}

extension Reset {
    init(_ core: CoreReset) {
        let reason: Reason =
            switch core.reason {
            case .trimmed: .trimmed
            case .epochChanged: .epochChanged
            case .ahead: .ahead
            }
        self.init(epoch: core.epoch, offset: core.offset, reason: reason, snapshot: core.snapshot)
    }
}

extension Status {
    init(_ core: CoreStatus) {
        self.init(
            line: Line(core.line), pending: Int(clamping: core.pending), parked: Int(clamping: core.parked),
            oldest: core.oldestMs.map(Duration.init(milliseconds:)))
    }
}

extension Line {
    init(_ core: CoreLine) {
        switch core {
        case .idle: self = .idle
        case .connecting: self = .connecting
        case .online(let resumed): self = .online(resumed: resumed)
        case .waiting(let retryInMs, let attempt, let reason):
            let retryIn = Duration(milliseconds: retryInMs)
            self = .waiting(retryIn: retryIn, attempt: Int(attempt), reason: LineTrouble(reason))
        case .offline: self = .offline
        case .suspended: self = .suspended
        case .authRequired(let reason, let code): self = .authRequired(AuthTrouble(reason, code: code))
        case .closed: self = .closed
        }
    }
}

extension LineTrouble {
    init(_ core: CoreLineTrouble) {
        switch core {
        case .dns: self = .dns
        case .unreachable: self = .unreachable
        case .tls: self = .tls
        case .handshake: self = .handshake
        case .timedOut: self = .timedOut
        case .lost: self = .lost
        case .silent: self = .silent
        case .unanswered: self = .unanswered
        case .protocol: self = .protocolBroken
        case .draining: self = .draining
        case .busy: self = .busy
        case .disconnected: self = .disconnected
        case .tokenExpired: self = .tokenExpired
        case .tokenUnavailable: self = .tokenUnavailable
        case .notKeepline: self = .notKeepline
        case .store: self = .store
        }
    }
}

extension AuthTrouble {
    init(_ core: CoreAuthTrouble, code: String?) {
        switch core {
        case .tokenMissing: self = .tokenMissing
        case .tokenRefused: self = .tokenRefused(code: code ?? "")
        case .signedOut: self = .signedOut
        case .accountMismatch: self = .accountMismatch
        case .protoUnsupported: self = .protocolUnsupported
        }
    }
}

extension TokenReason {
    init(_ core: CoreTokenReason) {
        switch core {
        case .connect: self = .connect
        case .expiring: self = .expiring
        case .refused: self = .refused
        }
    }
}

extension CoreLogLevel {
    init(_ level: LogLevel) {
        switch level {
        case .error: self = .error
        case .warning: self = .warning
        case .info: self = .info
        case .debug: self = .debug
        }
    }
}

extension LogLine {
    init(_ core: CoreLogLine) {
        let level: LogLevel =
            switch core.level {
            case .error: .error
            case .warning: .warning
            case .info: .info
            case .debug: .debug
            }
        self.init(level: level, target: core.target, text: core.text)
    }
}
