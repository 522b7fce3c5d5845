import Foundation
import Keepline
import SearchCore

// swift run search QUERY
//
// KEEPLINE_URL and KEEPLINE_TOKEN name the server; `keepline-server serve --dev --corpus docs` prints both. Start this
// before the server, or kill the server while it runs: the search is on the disk and goes on.

let environment = ProcessInfo.processInfo.environment
let query = CommandLine.arguments.dropFirst().joined(separator: " ")
guard !query.isEmpty, let token = environment["KEEPLINE_TOKEN"] else {
    note("usage: KEEPLINE_TOKEN=… [KEEPLINE_URL=http://127.0.0.1:8080] search QUERY")
    exit(2)
}

let folder = FileManager.default.temporaryDirectory
let database = environment["KEEPLINE_DATABASE"] ?? folder.appending(path: "search.db").path
let url = environment["KEEPLINE_URL"] ?? "http://127.0.0.1:8080"
let client = try await Client.open(Configuration(url: url, database: database, token: .fixed(token)))

let changes = client.statusChanges()
let statuses = Task {
    for await status in changes { note(status.summary) }
}
try client.connect()
try await Search(client: client).run(query) { report in
    switch report {
    case .queued: note("queued")
    case .started: note("started")
    case .found(let title, let source): print("\(title)  (\(source))")
    case .completed(let count): note("\(count) found")
    case .failed(let why): note("failed: \(why)")
    }
}
await client.shutdown()
await statuses.value
