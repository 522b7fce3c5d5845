/// Starts research on a topic: several searches, findings, a report. Its job's stream has ``ResearchFinding``s.
public struct StartResearch: Action, Codable, Hashable {
    public static let name = "research:start:v1"
    public typealias Reply = JobStarted

    /// What to find out about.
    public var topic: String
    /// How many rounds of questions; the server's default otherwise.
    public var depth: UInt32?

    public init(topic: String, depth: UInt32? = nil) {
        self.topic = topic
        self.depth = depth
    }
}

/// Something that research found out.
public struct ResearchFinding: EventType, Codable, Hashable {
    public static let name = "research:finding:v1"

    /// The research's job.
    public let job: String
    /// Its place among the findings, from 0.
    public let index: UInt64
    /// What was asked.
    public let question: String
    /// What was found.
    public let text: String
    /// In which documents.
    public let sources: [String]

    public init(job: String, index: UInt64, question: String, text: String, sources: [String]) {
        self.job = job
        self.index = index
        self.question = question
        self.text = text
        self.sources = sources
    }
}
