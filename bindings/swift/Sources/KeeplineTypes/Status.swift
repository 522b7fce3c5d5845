/// How the line is, and what waits for it.
public struct Status: Hashable, Sendable {
    /// The state of the line.
    public var line: Line
    /// Actions without an outcome, parked ones not counted.
    public var pending: Int
    /// Actions that wait for ``KeeplineClient/retry(_:)`` or ``KeeplineClient/discard(_:)``.
    public var parked: Int
    /// How long the oldest pending action has waited; `nil` where none does.
    public var oldest: Duration?

    public init(line: Line, pending: Int = 0, parked: Int = 0, oldest: Duration? = nil) {
        self.line = line
        self.pending = pending
        self.parked = parked
        self.oldest = oldest
    }
}

/// The state of the line.
public enum Line: Hashable, Sendable {
    /// Nobody asked for a connection.
    case idle
    /// On the way: asking for a token, dialling, greeting.
    case connecting
    /// Actions go out and events come in. `resumed` says whether every stream continued where its cursor stood.
    case online(resumed: Bool)
    /// No line at the moment; the client tries again by itself.
    case waiting(retryIn: Duration, attempt: Int, reason: LineTrouble)
    /// The host has no network.
    case offline
    /// Every file and socket is closed.
    case suspended
    /// The app has to act: sign in, then connect. The queue is kept.
    case authRequired(AuthTrouble)
    /// The client was shut down.
    case closed

    /// Whether actions go out and events come in.
    public var isOnline: Bool {
        if case .online = self { true } else { false }
    }
}

/// Why there is no line at the moment.
public enum LineTrouble: String, Hashable, Sendable, CaseIterable {
    /// The name could not be resolved.
    case dns
    /// Nobody listens there, or no route leads there.
    case unreachable
    /// The certificate does not hold: wrong host, expired, unknown issuer, or not the pinned key.
    case tls
    /// The server answered something other than a Socket.IO handshake.
    case handshake
    /// No answer in time.
    case timedOut
    /// The other end closed the line, or the network did.
    case lost
    /// No heartbeat came in time.
    case silent
    /// An action was not answered in time.
    case unanswered
    /// The other end broke the protocol.
    case protocolBroken
    /// The server goes away for a moment and said so.
    case draining
    /// The server is too busy and said when to come back.
    case busy
    /// The server ended the session.
    case disconnected
    /// The token ran out; the next attempt asks for a new one.
    case tokenExpired
    /// The token provider failed for now.
    case tokenUnavailable
    /// This database has met a Keepline server and the peer is none now; nothing is sent to it.
    case notKeepline
    /// The local database failed and is being opened again.
    case store
}

/// Why the app has to act before there can be a line.
public enum AuthTrouble: Hashable, Sendable {
    /// The configuration has no token and no provider, and the server wants one.
    case tokenMissing
    /// The server refused a fresh token, with this code.
    case tokenRefused(code: String)
    /// The provider said that there is no token to be had: sign in again.
    case signedOut
    /// The token belongs to somebody else than the rows of this database.
    case accountMismatch
    /// The server does not speak this version of the protocol.
    case protocolUnsupported
}
