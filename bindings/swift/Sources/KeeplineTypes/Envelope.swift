import Foundation

/// An event as it came: its name, every argument, its place and its time.
public struct Envelope: Sendable {
    /// The stream it belongs to. An existing server has none; its events come on the user stream.
    public let stream: StreamName
    /// Its name.
    public let name: String
    /// Its first argument as JSON, `null` where it has none. An event of a Keepline server has one argument.
    public let payload: String
    /// Where it stands in the stream; `nil` for an ephemeral event and for every event of an existing server.
    public let place: Place?
    /// When the server wrote it, as it stands on the wire (RFC 3339).
    public let time: String?

    /// An event's place in its stream.
    public struct Place: Hashable, Sendable {
        /// The log's incarnation; offsets of another one mean nothing.
        public let epoch: String
        /// Counted from 1 without a hole.
        public let offset: UInt64

        public init(epoch: String, offset: UInt64) {
            self.epoch = epoch
            self.offset = offset
        }
    }

    /// What only an existing Socket.IO server sends. Apart, since nearly no event has it.
    package struct Details: Sendable {
        package let arguments: [String]
        package let attachments: [Data]
        package let acknowledge: (@Sendable (String) async -> Void)?

        package init(
            arguments: [String], attachments: [Data], acknowledge: (@Sendable (String) async -> Void)?
        ) {
            self.arguments = arguments
            self.attachments = attachments
            self.acknowledge = acknowledge
        }
    }

    private let details: Details?

    /// An event as a fake or a core gives it.
    package init(
        stream: StreamName, name: String, payload: String, place: Place?, time: String?, details: Details?
    ) {
        self.stream = stream
        self.name = name
        self.payload = payload
        self.place = place
        self.time = time
        self.details = details
    }

    /// Every argument as JSON. The place of an attachment holds `{"_placeholder":true,"num":N}`.
    public var arguments: [String] {
        details?.arguments ?? [payload]
    }

    /// The binary attachments.
    public var attachments: [Data] {
        details?.attachments ?? []
    }

    /// When the server wrote it; `nil` where it did not say.
    public var date: Date? {
        time.flatMap(Coding.date)
    }

    /// Whether the server waits for ``acknowledge(_:)``.
    public var wantsAcknowledgement: Bool {
        details?.acknowledge != nil
    }

    /// Sends Socket.IO's acknowledgement to the server that asked for it, with these arguments. It moves no cursor.
    /// Where the server did not ask, or the connection is gone, nothing happens.
    ///
    /// - Throws: `EncodingError` where an argument cannot be JSON.
    public func acknowledge(_ values: any Encodable & Sendable...) async throws {
        guard let acknowledge = details?.acknowledge else { return }
        var arguments = Arguments()
        arguments.values = values
        await acknowledge(try arguments.text())
    }

    /// The event as a type of the catalogue or of the app's own; `nil` where it has another name.
    ///
    /// - Throws: `DecodingError` where the name is right and the payload is not.
    public func decode<T: EventType>(_ type: T.Type = T.self) throws -> T? {
        guard name == T.name else { return nil }
        return try Coding.decode(type, from: payload)
    }
}
