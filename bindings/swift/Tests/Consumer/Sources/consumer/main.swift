import Foundation
import Keepline

// An app with an action and an event of its own: `consumer URL TOKEN`.

struct Emit: Action {
    static let name = "test:emit:v1"
    let stream = StreamName.user
    let name = NoteAdded.name
    let payload = ["text": "milk"]
    let count = 1

    struct Reply: Decodable, Sendable {
        let head: UInt64
    }
}

struct NoteAdded: EventType {
    static let name = "app:note:v1"
    let text: String
}

let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
let arguments = CommandLine.arguments
let database = folder.appending(path: "queue.db").path
let client = try await Client.open(
    Configuration(url: arguments[1], database: database, token: .fixed(arguments[2])))
let events = try client.events(.user)
try client.connect()
let outcome = try await client.submit(Emit()).outcome()
guard case .accepted(let reply) = outcome, reply.head == 1 else { fatalError("\(outcome)") }
for await event in events {
    guard case .raw(let envelope) = event, let note = try envelope.decode(NoteAdded.self) else { continue }
    precondition(note.text == "milk")
    break
}
await client.shutdown()
try FileManager.default.removeItem(at: folder)
print("consumer: ok, Keepline \(Client.version)")
