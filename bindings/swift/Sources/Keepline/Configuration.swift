import Foundation
import KeeplineTypes

/// What may be said when a client is opened. Only the server and the database have no default.
public struct Configuration: Sendable {
    /// The server: scheme, host and port. `https` means `wss` and `http` means `ws`.
    public var url: String
    /// The database's file. It and its folder are made where there is none. One process opens it at a time.
    public var database: String
    /// How the client gets its token.
    public var token: Token = .none
    /// Whom queue and cursors belong to; learned from the first session otherwise.
    public var account: String?
    /// Plain text beyond loopback.
    public var allowsPlainText = false
    /// Where the engine listens; `/socket.io/` otherwise.
    public var path: String?
    /// The Socket.IO namespace; `/` otherwise.
    public var namespace: String?
    /// Names and values for the dial's query. Never a token: URLs end up in logs.
    public var query: KeyValuePairs<String, String> = [:]
    /// Headers for the dial.
    public var headers: KeyValuePairs<String, String> = [:]
    /// An object beside Keepline's own keys in the CONNECT payload.
    public var auth: JSON?
    /// The policies of named lanes; a named lane blocks otherwise.
    public var lanes: [String: LanePolicy] = [:]
    /// The policy of the default lane; it skips otherwise.
    public var defaultLane: LanePolicy?
    /// How many actions without an outcome, and bytes of their payload, the queue holds: 10,000 and 50 MiB otherwise.
    public var capacity: (rows: Int, bytes: Int)?
    /// How large the file may grow by submits, in bytes: twice the capacity and 32 MiB otherwise.
    public var diskQuota: Int?
    /// How long an action waits that was never sent: 24 hours otherwise, at most 30 days.
    public var ttl: Duration?
    /// Whether a power cut may lose the last commits, which makes a submit cheaper.
    public var relaxedDurability = false
    /// Whether a corrupt database is moved aside, and a new one made. Otherwise opening fails and touches nothing.
    public var setsCorruptAside = false
    /// How many events, and bytes of them, wait for a slow app in each stream before it is left to catch up later:
    /// 1,024 and 4 MiB otherwise.
    public var buffer: (events: Int, bytes: Int)?
    /// How many outcomes that the app has taken are kept, and for how long: 1,000 and 7 days otherwise.
    public var outcomesKept: (rows: Int, age: Duration)?
    /// The first and the longest delay between two attempts to connect: 0.5 s and 10 s otherwise.
    public var reconnect: (base: Duration, cap: Duration)?
    /// How often an action that failed in a way that may pass is tried before it is parked: 10 times otherwise, from 1
    /// to 1,000. A lost line, an expired token and a rate limit never count.
    public var attempts: Int?
    /// The largest packet that is read, in bytes: 1 MiB otherwise.
    public var receiveLimit: Int?
    /// More roots for TLS, as PEM text.
    public var extraRootsPEM: [String] = []
    /// Fingerprints of the keys that are accepted, 64 hex digits each: the SHA-256 of the SubjectPublicKeyInfo. Pin a
    /// backup key too, or a lost key locks the app out.
    public var pinnedKeys: [String] = []

    /// How a client gets its token.
    public enum Token: Sendable {
        /// It has none: for existing servers without tokens.
        case none
        /// One that never changes.
        case fixed(String)
        /// From the app, whenever one is needed.
        case provider(TokenProvider)
    }

    /// What happens to a lane whose head cannot be delivered.
    public enum LanePolicy: Hashable, Sendable {
        /// It waits for ``KeeplineClient/retry(_:)`` or ``KeeplineClient/discard(_:)``.
        case block
        /// The head is parked, and the lane moves on.
        case skip
    }

    /// A server and a database, such as `wss://example.org` and a file in the app's support folder.
    public init(url: String, database: String, token: Token = .none) {
        self.url = url
        self.database = database
        self.token = token
    }

    /// As ``init(url:database:token:)``.
    public init(url: URL, database: URL, token: Token = .none) {
        self.init(url: url.absoluteString, database: database.path, token: token)
    }
}

extension Configuration: CustomStringConvertible {
    /// Nothing secret is shown: no token, query, header or auth.
    public var description: String {
        "Configuration(url: \(url), database: \(database))"
    }
}

extension Configuration: CustomReflectable {
    public var customMirror: Mirror {
        Mirror(self, children: ["url": url, "database": database])
    }
}
