import Foundation

/// Something that an app asks of the server: a name with a version, a payload and the type of the reply.
///
/// The built-in catalogue is written with it, and so are an app's own actions:
///
/// ```swift
/// struct AddNote: Action {
///     static let name = "note:add:v1"
///     typealias Reply = NoteAdded
///     let text: String
/// }
///
/// struct NoteAdded: Decodable, Sendable {
///     let id: Int
/// }
/// ```
///
/// An action without a reply worth reading says `typealias Reply = JSON`.
public protocol Action: Encodable, Sendable {
    /// What comes back when the server has applied it.
    associatedtype Reply: Decodable & Sendable

    /// The name on the wire, such as `note:add:v1`.
    static var name: String { get }
}

/// A type of event: a name with a version, and a payload.
///
/// ```swift
/// struct NoteChanged: EventType {
///     static let name = "note:changed:v1"
///     let id: Int
///     let text: String
/// }
/// ```
public protocol EventType: Decodable, Sendable {
    /// The name on the wire, such as `note:changed:v1`.
    static var name: String { get }
}

/// An action's id: a UUID, the key that makes it safe to send the action twice.
public struct ActionID: Hashable, Sendable, Codable, CustomStringConvertible {
    /// As it stands on the wire, in small letters.
    public let description: String

    /// The id in a text; `nil` where the text is no UUID.
    public init?(_ text: String) {
        guard let uuid = UUID(uuidString: text) else { return nil }
        self.init(uuid)
    }

    /// An id of the caller's own.
    public init(_ uuid: UUID = UUID()) {
        description = uuid.uuidString.lowercased()
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let id = ActionID(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a UUID")
        }
        self = id
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    /// An id as the core gives it.
    package init(core text: String) {
        description = text
    }
}
