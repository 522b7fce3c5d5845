import Foundation
import Keepline
import Support
import Testing

@Suite struct TypesTests {
    struct Note: Action, EventType, Equatable {
        static let name = "note:add:v1"
        typealias Reply = JSON
        var text: String
        var at: Date
    }

    @Test func anUnknownNameAndAPayloadThatDoesNotFitComeRaw() throws {
        guard case .raw(let unknown) = Event(.event(.sample("later:v9", ["a": 1]))) else { throw Unexpected() }
        #expect(unknown.name == "later:v9" && unknown.payload == #"{"a":1}"#)
        guard case .raw(let misfit) = Event(.event(.sample(TestTick.name, ["job": 7]))) else { throw Unexpected() }
        #expect(throws: DecodingError.self) { try misfit.decode(TestTick.self) }
        #expect(try misfit.decode(JobCreated.self) == nil)
    }

    @Test func timesAreReadWithAndWithoutAFraction() throws {
        let whole = try Envelope.sample(Note.name, ["text": "a", "at": "2026-01-01T00:00:00Z"]).decode(Note.self)
        let split = try Envelope.sample(Note.name, ["text": "a", "at": "2026-01-01T00:00:00.500Z"]).decode(Note.self)
        #expect(try #require(split).at.timeIntervalSince(try #require(whole).at) == 0.5)
        let text = try Coding.text(try #require(split))
        #expect(try Coding.decode(JSON.self, from: text)["at"] == "2026-01-01T00:00:00.500Z")
    }

    @Test func aReplyIsReadFromEitherKindOfServer() throws {
        struct Done: Decodable, Equatable { let id: Int }
        #expect(try RawReply(payload: #"{"id":7}"#).decode(Done.self) == Done(id: 7))
        #expect(try RawReply(payload: #"[{"id":7}]"#).decode(Done.self) == Done(id: 7))
        #expect(throws: DecodingError.self) { try RawReply(payload: #"[{"id":7},1]"#).decode(Done.self) }
        #expect(throws: DecodingError.self) { try RawReply(payload: nil).decode(Done.self) }
        #expect(try RawReply(payload: nil).decode(Done?.self) == nil)
    }

    @Test func jsonKeepsEveryKindOfValue() throws {
        let value: JSON = ["a": [1, -2.5, true, nil, "ü/\u{1F600}"], "big": 9_007_199_254_740_993]
        #expect(try Coding.decode(JSON.self, from: try Coding.text(value)) == value)
        #expect(value["a"]?[4] == "ü/\u{1F600}" && value["a"]?[5] == nil && value[0] == nil)
    }

    @Test func argumentsAreAnArrayWithPlacesForAttachments() throws {
        let arguments = Arguments("a", 1, Attachment(0), attachments: [Data([1])])
        let placeholder: JSON = ["_placeholder": true, "num": 0]
        #expect(try Coding.decode(JSON.self, from: try arguments.text()) == ["a", 1, placeholder])
    }

    @Test func idsAndStreamsAreTheirTexts() throws {
        let id = try #require(ActionID("0198C5F2-7A3E-7C10-B7A5-4F1F1C9D2E11"))
        #expect(id.description == "0198c5f2-7a3e-7c10-b7a5-4f1f1c9d2e11" && ActionID("no") == nil)
        #expect(try Coding.decode(ActionID.self, from: try Coding.text(id)) == id)
        for (text, name) in [("user", StreamName.user), ("job:7", .job("7"))] {
            #expect(StreamName(text) == name && name.description == text)
        }
        #expect(StreamName("job:") == nil && StreamName("jobs") == nil)
    }

    @Test func nothingSecretIsShown() {
        var configuration = Configuration(url: "wss://example.org", database: "q.db", token: .fixed("canary"))
        configuration.headers = ["Authorization": "canary"]
        configuration.query = ["q": "canary"]
        configuration.auth = ["k": "canary"]
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in ["\(configuration)", String(reflecting: configuration), dumped] {
            #expect(!text.contains("canary"))
        }
    }

    @Test func everyCodeOfAnErrorHasItsRow() throws {
        let project = URL(fileURLWithPath: #filePath).appending(path: "../../../../..").standardizedFileURL
        let rows = try String(contentsOf: project.appending(path: "docs/errors.md"), encoding: .utf8)
        let errors: [any KeeplineError] = [
            OpenError.badURL, OpenError.badConfiguration(option: ""), OpenError.inUse, OpenError.storeBusy,
            OpenError.corrupt, OpenError.newerSchema(found: 0), OpenError.diskFull, OpenError.wrongKey, OpenError.io,
            SubmitError.notJSON, SubmitError.tooLarge(bytes: 0, limit: 0), SubmitError.badField(""),
            SubmitError.queueFull, SubmitError.tooManyLanes, SubmitError.idConflict, SubmitError.suspended,
            SubmitError.store, SubmitError.closed, ControlError.notFound, ControlError.settled,
            ControlError.notParked, OutcomeError.badReply, CallError.notOnline, CallError.busy, CallError.timedOut,
            CallError.rejected(Rejection(code: "")), EventsError.inUse, EventsError.tooMany, StoreError.busy,
        ]
        for error in errors { #expect(rows.contains("| `\(error.code)` |"), "\(error)") }
    }
}
