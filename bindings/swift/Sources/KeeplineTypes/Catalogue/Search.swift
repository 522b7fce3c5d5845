/// Starts a search through the server's documents. Its job's stream has ``SearchResult``s.
public struct StartSearch: Action, Codable, Hashable {
    public static let name = "search:start:v1"
    public typealias Reply = JobStarted

    /// What to look for.
    public var query: String
    /// How many results at most; the server's own limit otherwise.
    public var limit: UInt32?

    public init(query: String, limit: UInt32? = nil) {
        self.query = query
        self.limit = limit
    }
}

/// A document that a search found.
public struct SearchResult: EventType, Codable, Hashable {
    public static let name = "search:result:v1"

    /// The search's job.
    public let job: String
    /// Its place among the results, from 0.
    public let index: UInt64
    /// The document's title.
    public let title: String
    /// The place that fits.
    public let snippet: String
    /// Which document.
    public let source: String
    /// How well it fits; more is better.
    public let score: Double

    public init(job: String, index: UInt64, title: String, snippet: String, source: String, score: Double) {
        self.job = job
        self.index = index
        self.title = title
        self.snippet = snippet
        self.source = source
        self.score = score
    }
}
