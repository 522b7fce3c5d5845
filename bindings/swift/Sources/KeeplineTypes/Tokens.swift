/// Gives a token when the client needs one. It is asked before each connection, ahead of the present token's end, and
/// once more after the server has refused one, never twice at a time.
///
/// It may wait as long as it needs; one that has not answered after 30 seconds counts as unavailable. Throw
/// ``SignedOut`` where there is no token before the user signs in; any other error counts as "not now", and the client
/// asks again later.
public typealias TokenProvider = @Sendable (TokenReason) async throws -> String

/// Why a token is asked for.
public enum TokenReason: String, Hashable, Sendable {
    /// A connection is being made.
    case connect
    /// The present token runs out soon.
    case expiring
    /// The server refused the last one: do not answer from a cache.
    case refused
}

/// There is no token before the user signs in. The status becomes ``Line/authRequired(_:)``.
public struct SignedOut: Error, Hashable, Sendable {
    public init() {}
}
