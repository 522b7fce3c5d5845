import Foundation

/// What a raw action carries to an existing Socket.IO server: several arguments and binary attachments.
///
/// ```swift
/// let photo = Arguments("beach", Attachment(0), attachments: [bytes])
/// try await client.submitRaw("photo", photo)
/// ```
///
/// A Keepline server takes one argument and no attachment.
public struct Arguments: Sendable {
    /// The arguments in their order.
    public var values: [any Encodable & Sendable]
    /// The bytes that an ``Attachment`` among the arguments stands for.
    public var attachments: [Data]

    /// Arguments in their order. They are written as JSON when they are sent.
    public init(_ values: any Encodable & Sendable..., attachments: [Data] = []) {
        self.values = values
        self.attachments = attachments
    }

    /// As a JSON array that an action with this name may carry.
    package func text(of name: String) throws(CallError) -> String {
        guard let text = try? text() else { throw .notJSON }
        let bytes = UInt64(attachments.reduce(text.utf8.count) { $0 + $1.count })
        guard bytes <= Self.limit + UInt64(name.utf8.count) else { throw .tooLarge(bytes: bytes, limit: Self.limit) }
        return text
    }

    /// The protocol's limit of an action's payload, in bytes. The name stands beside it.
    private static let limit: UInt64 = 65_536

    /// As a JSON array.
    package func text() throws -> String {
        "[" + (try values.map { try Coding.text($0) }).joined(separator: ",") + "]"
    }
}

/// The place of an attachment among arguments: the first is 0.
public struct Attachment: Encodable, Sendable {
    private let index: Int

    /// The attachment with this index.
    public init(_ index: Int) {
        self.index = index
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        try container.encode(true, forKey: ._placeholder)
        try container.encode(index, forKey: .num)
    }

    /// As Socket.IO writes it.
    private enum Keys: String, CodingKey {
        case _placeholder, num
    }
}
