import Foundation

/// How an action ended. Stored with it, and readable by its id after a restart.
public enum Outcome<Reply: Sendable>: Sendable {
    /// The server applied it: a Keepline server once, however often it arrived.
    case accepted(Reply)
    /// The server refused it for good.
    case rejected(Rejection)
    /// It was never sent, and its time ran out.
    case expired
    /// It was cancelled, discarded or replaced, for certain: it will never be applied.
    case cancelled
    /// It may have been applied, and that cannot be found out any more.
    case indeterminate
    /// An existing server was not asked for an acknowledgement, and the action was written to the line.
    case sent

    /// What came back; `nil` unless it was accepted.
    public var reply: Reply? {
        if case .accepted(let reply) = self { reply } else { nil }
    }

    /// The same outcome with another form of reply.
    public func map<Other: Sendable>(_ convert: (Reply) throws -> Other) rethrows -> Outcome<Other> {
        switch self {
        case .accepted(let reply): .accepted(try convert(reply))
        case .rejected(let rejection): .rejected(rejection)
        case .expired: .expired
        case .cancelled: .cancelled
        case .indeterminate: .indeterminate
        case .sent: .sent
        }
    }
}

extension Outcome: Equatable where Reply: Equatable {}
extension Outcome: Hashable where Reply: Hashable {}

/// Why the server refused.
public struct Rejection: Hashable, Sendable {
    /// The stable code; an app's own handlers may have codes of their own.
    public let code: String
    /// For people.
    public let text: String

    public init(code: String, text: String = "") {
        self.code = code
        self.text = text
    }
}

/// What came back with an acceptance, as it came.
public struct RawReply: Hashable, Sendable {
    /// The handler's answer as JSON; from an existing Socket.IO server the array of the acknowledgement's arguments.
    /// `nil` where the server, or a full disk here, has forgotten it; the verdict stands.
    public let payload: String?
    /// Binary attachments of an existing server's acknowledgement.
    public let attachments: [Data]

    public init(payload: String?, attachments: [Data] = []) {
        self.payload = payload
        self.attachments = attachments
    }

    /// The answer as a type.
    ///
    /// Where the answer is an array that does not fit, its only element is taken for the answer, so that one type
    /// serves a Keepline server and any other. A forgotten answer fits a type that may be `null`.
    ///
    /// - Throws: `DecodingError` where the answer has another shape.
    public func decode<T: Decodable>(_ type: T.Type = T.self) throws -> T {
        let text = payload ?? "null"
        do {
            return try Coding.decode(type, from: text)
        } catch {
            guard let only = try? Coding.decode(Only<T>.self, from: text) else { throw error }
            return only.value
        }
    }

    /// An array of one element.
    private struct Only<Value: Decodable>: Decodable {
        let value: Value

        init(from decoder: any Decoder) throws {
            var container = try decoder.unkeyedContainer()
            value = try container.decode(Value.self)
            guard container.isAtEnd else {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "more than one element")
            }
        }
    }
}
