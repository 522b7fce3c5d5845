import Foundation
import Keepline
import Support
import Testing

/// The catalogue's types against the golden files of the protocol.
@Suite struct CatalogueTests {
    @Test func everyGoldenEventOfTheCatalogueIsTyped() throws {
        var names = Set(try golden("events").keys)
        // Session events are the client's own business and never reach an app.
        names.subtract(["auth:expired:v1", "auth:expiring:v1", "server:draining:v1", "session:ready:v1"])
        #expect(names == Set(Self.events.keys))
        for (name, check) in Self.events { try check(try examples("events", name)) }
    }

    @Test func everyGoldenActionOfTheCatalogueIsEncodedAndItsReplyDecoded() throws {
        var names = Set(try golden("actions").keys)
        names.subtract([
            "action:void:v1", "auth:refresh:v1", "ledger:check:v1", "stream:subscribe:v1", "stream:unsubscribe:v1",
        ])
        #expect(names == Set(Self.actions.keys))
        for (name, check) in Self.actions {
            try check(try examples("actions", name), try examples("actions", name, part: "reply"))
        }
    }

    private static let events: [String: @Sendable ([JSON]) throws -> Void] = [
        JobCreated.name: same(JobCreated.self), JobCompleted.name: same(JobCompleted.self),
        JobFailed.name: same(JobFailed.self), JobCancelled.name: same(JobCancelled.self),
        JobProgress.name: same(JobProgress.self), SearchResult.name: same(SearchResult.self),
        ResearchFinding.name: same(ResearchFinding.self), ModelChunk.name: same(ModelChunk.self),
        TestRecorded.name: same(TestRecorded.self), TestTick.name: same(TestTick.self),
    ]

    private static let actions: [String: @Sendable ([JSON], [JSON]) throws -> Void] = [
        StartSearch.name: action(StartSearch.self), StartResearch.name: action(StartResearch.self),
        PromptModel.name: action(PromptModel.self), TaskCancel.name: action(TaskCancel.self),
        TestEcho.name: action(TestEcho.self), TestRecord.name: action(TestRecord.self),
        TestEmit.name: action(TestEmit.self), TestFail.name: action(TestFail.self),
        TestJob.name: action(TestJob.self),
    ]

    /// Each example is read into the type, written, and is the same again; and it is the typed case of `Event`.
    private static func same<T: EventType & Encodable>(_ type: T.Type) -> @Sendable ([JSON]) throws -> Void {
        { examples in
            for example in examples {
                try roundTrip(type, example)
                if case .raw = Event(.event(.sample(type.name, example))) {
                    Issue.record("\(type.name) is no case of Event")
                }
            }
        }
    }

    private static func action<A: Action & Decodable>(_ type: A.Type) -> @Sendable ([JSON], [JSON]) throws -> Void {
        { examples, replies in
            for example in examples { try roundTrip(type, example) }
            for reply in replies { _ = try RawReply(payload: text(reply)).decode(A.Reply.self) }
            #expect(!examples.isEmpty && !replies.isEmpty)
        }
    }

    private static func roundTrip<T: Codable>(_ type: T.Type, _ example: JSON) throws {
        let value = try JSONDecoder().decode(type, from: Data(text(example).utf8))
        let written = try JSONDecoder().decode(JSON.self, from: try JSONEncoder().encode(value))
        #expect(written == example)
    }

    private func examples(_ folder: String, _ name: String, part: String = "payload") throws -> [JSON] {
        guard case .array(let examples) = try golden(folder)[name]?[part]?["examples"] else { throw Unexpected() }
        return examples
    }

    private func golden(_ folder: String) throws -> [String: JSON] {
        let project = URL(fileURLWithPath: #filePath).appending(path: "../../../../..").standardizedFileURL
        let files = try FileManager.default.contentsOfDirectory(
            at: project.appending(path: "protocol/golden/\(folder)"), includingPropertiesForKeys: nil)
        let read = try files.map { try JSONDecoder().decode(JSON.self, from: try Data(contentsOf: $0)) }
        return Dictionary(uniqueKeysWithValues: read.compactMap { file in
            if case .string(let name) = file["name"] { (name, file) } else { nil }
        })
    }
}

private func text(_ json: JSON) throws -> String {
    String(decoding: try JSONEncoder().encode(json), as: UTF8.self)
}

extension Envelope {
    /// An event as it would come.
    static func sample(_ name: String, _ payload: JSON) -> Envelope {
        Envelope(
            stream: .user, name: name, payload: (try? text(payload)) ?? "", place: nil, time: nil, details: nil)
    }
}
