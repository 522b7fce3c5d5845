/// What may be said with a submit. What is not given keeps the configuration's default.
public struct SubmitOptions: Hashable, Sendable {
    /// Actions of one lane reach the server in order, lanes are independent of each other. At most 1,000 named lanes
    /// have something in them.
    public var lane: String?
    /// How long it may wait without having been sent.
    public var ttl: Duration?
    /// A string of the app's own, shown in lists of the queue; at most 256 bytes.
    public var label: String?
    /// It replaces an earlier action with the same key in its lane that was never sent, which ends as cancelled.
    public var coalesce: String?
    /// An id of the caller's own. Submitting the same action under the same id again is safe: it is queued once.
    public var id: ActionID?
    /// Whether an existing server is asked for an acknowledgement.
    public var acknowledgement: Acknowledgement

    /// Whether an existing server answers an action.
    public enum Acknowledgement: Hashable, Sendable {
        /// An acknowledgement settles it.
        case required
        /// It settles when it was written, as ``Outcome/sent``.
        case none
    }

    public init(
        lane: String? = nil, ttl: Duration? = nil, label: String? = nil, coalesce: String? = nil,
        id: ActionID? = nil, acknowledgement: Acknowledgement = .required
    ) {
        self.lane = lane
        self.ttl = ttl
        self.label = label
        self.coalesce = coalesce
        self.id = id
        self.acknowledgement = acknowledgement
    }
}

/// Which rows of the queue to list.
public struct OutboxFilter: Hashable, Sendable {
    /// Only rows without an outcome.
    public var pendingOnly: Bool
    /// Only this lane.
    public var lane: String?
    /// Only this action.
    public var id: ActionID?
    /// At most so many.
    public var limit: Int
    /// Only rows after this one, to read a long queue by the page.
    public var after: ActionID?

    public init(
        pendingOnly: Bool = false, lane: String? = nil, id: ActionID? = nil, limit: Int = 1_000,
        after: ActionID? = nil
    ) {
        self.pendingOnly = pendingOnly
        self.lane = lane
        self.id = id
        self.limit = limit
        self.after = after
    }
}

/// A row of the queue.
public struct OutboxEntry: Hashable, Sendable, Identifiable {
    /// The action's id.
    public var id: ActionID
    /// Its name.
    public var name: String
    /// Its payload as JSON; for a raw action the array of its arguments.
    public var payload: String
    /// Its lane; `nil` is the default lane.
    public var lane: String?
    /// The app's own string.
    public var label: String?
    /// Where it stands.
    public var state: ActionState
    /// How many attempts have failed in a way that counts.
    public var attempts: Int
    /// How long ago it was submitted.
    public var age: Duration
    /// Its outcome, once it has one.
    public var outcome: Outcome<RawReply>?
    /// What the server said the last time it did not accept it.
    public var lastError: Rejection?
    /// The server was restored from a backup and lost this settled action.
    public var isRolledBack: Bool

    public init(
        id: ActionID, name: String, payload: String, state: ActionState, lane: String? = nil, label: String? = nil,
        attempts: Int = 0, age: Duration = .zero, outcome: Outcome<RawReply>? = nil, lastError: Rejection? = nil,
        isRolledBack: Bool = false
    ) {
        self.id = id
        self.name = name
        self.payload = payload
        self.lane = lane
        self.label = label
        self.state = state
        self.attempts = attempts
        self.age = age
        self.outcome = outcome
        self.lastError = lastError
        self.isRolledBack = isRolledBack
    }

    /// The payload as a type.
    ///
    /// - Throws: `DecodingError` where the payload has another shape.
    public func decode<T: Decodable>(_ type: T.Type = T.self) throws -> T {
        try Coding.decode(type, from: payload)
    }
}

/// Where an action stands.
public enum ActionState: String, Hashable, Sendable {
    /// Never sent.
    case queued
    /// Sent, its outcome is not known.
    case sent
    /// The server is being asked to void it.
    case voiding
    /// Could not be delivered; waits for ``KeeplineClient/retry(_:)`` or ``KeeplineClient/discard(_:)``.
    case parked
    /// Has its outcome.
    case settled
}

/// Something that happened to the queue.
public enum OutboxChange: Hashable, Sendable {
    /// An action was added, or changed its state.
    case changed(ActionID)
    /// An action has its outcome.
    case settled(ActionID, Outcome<RawReply>)
    /// An action is retried under another id.
    case renamed(old: ActionID, new: ActionID)
    /// The server was restored from a backup and has lost these settled actions.
    case rolledBack([ActionID])
    /// The reader was slow and missed so many changes: look at the whole queue again.
    case lagged(Int)
}

/// What happens to an account's queue and cursors at ``KeeplineClient/signOut(_:)``.
public enum SignOut: Hashable, Sendable {
    /// They stay, and go on when the same account signs in again.
    case keep
    /// They are removed. What was sent already may still be applied.
    case discard
}
