/// The name of an ordered log of events. Order holds within one.
public enum StreamName: Hashable, Sendable, CustomStringConvertible, Codable {
    /// What concerns the subject of the token.
    case user
    /// One job's events.
    case job(String)

    /// The name in a text, `user` or `job:` and an id; `nil` where it is neither.
    public init?(_ text: String) {
        if text == "user" {
            self = .user
        } else if text.hasPrefix("job:"), text.utf8.count > 4 {
            self = .job(String(text.dropFirst(4)))
        } else {
            return nil
        }
    }

    /// As it stands on the wire.
    public var description: String {
        switch self {
        case .user: "user"
        case .job(let id): "job:\(id)"
        }
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let name = StreamName(try container.decode(String.self)) else {
            let text = "a stream is `user` or `job:` and an id"
            throw DecodingError.dataCorruptedError(in: container, debugDescription: text)
        }
        self = name
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
