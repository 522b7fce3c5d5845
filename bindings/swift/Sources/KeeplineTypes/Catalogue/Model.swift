/// Asks the server's language model. Its job's stream has ``ModelChunk``s.
public struct PromptModel: Action, Codable, Hashable {
    public static let name = "model:prompt:v1"
    public typealias Reply = JobStarted

    /// What to ask.
    public var prompt: String
    /// Which model; the server's default otherwise.
    public var model: String?
    /// How long the answer may be.
    public var maxTokens: UInt32?

    public init(prompt: String, model: String? = nil, maxTokens: UInt32? = nil) {
        self.prompt = prompt
        self.model = model
        self.maxTokens = maxTokens
    }

    private enum CodingKeys: String, CodingKey {
        case prompt, model
        case maxTokens = "max_tokens"
    }
}

/// A piece of a model's answer.
public struct ModelChunk: EventType, Codable, Hashable {
    public static let name = "model:chunk:v1"

    /// The job.
    public let job: String
    /// Its place in the answer, from 0.
    public let index: UInt64
    /// The piece.
    public let text: String

    public init(job: String, index: UInt64, text: String) {
        self.job = job
        self.index = index
        self.text = text
    }
}
