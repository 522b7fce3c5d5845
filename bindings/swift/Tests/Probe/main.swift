import Foundation
import Keepline

// A program that the tests start as a process of its own, and kill: `keepline-probe COMMAND [ARGUMENT...]`.

let arguments = Array(CommandLine.arguments.dropFirst())
do {
    switch arguments.first {
    case "submit": try await submit(Target(arguments))
    case "read": try await read(Target(arguments))
    case "events": try await events(Target(arguments))
    case "cycles": try await cycles(Target(arguments))
    #if KEEPLINE_BENCH
        case "crossing": try await crossing(Int(arguments.last ?? "") ?? 0)
    #endif
    default:
        let usage = "keepline-probe submit|read|events|cycles URL DATABASE TOKEN COUNT [JOB]\n"
        FileHandle.standardError.write(Data(usage.utf8))
        exit(2)
    }
} catch {
    FileHandle.standardError.write(Data("keepline-probe: \(error)\n".utf8))
    exit(1)
}

/// Submits `count` records, says so, and waits to be killed.
func submit(_ target: Target) async throws {
    let client = try await target.open()
    for n in 1...target.count { _ = try await client.submit(TestRecord(n: Int64(n))) }
    say("submitted \(target.count)")
    for await _ in client.statusChanges() {}
}

/// Reads `count` events of a job, says their offsets, and ends in good order.
func read(_ target: Target) async throws {
    let client = try await target.open()
    try await client.withEvents(.job(target.job)) { events in
        var rest = target.count
        for await item in events.items {
            guard case .event(let event) = item, let place = event.place else { throw Unexpected(item: item) }
            say("offset \(place.offset)")
            rest -= 1
            if rest == 0 { break }
        }
    }
    await client.shutdown()
}

func say(_ line: String) {
    FileHandle.standardOutput.write(Data("\(line)\n".utf8))
}

/// What stands on the command line.
struct Target {
    let configuration: Configuration
    let count: Int
    let job: String

    init(_ arguments: [String]) throws {
        guard arguments.count >= 5, let count = Int(arguments[4]) else { throw Usage() }
        configuration = Configuration(url: arguments[1], database: arguments[2], token: .fixed(arguments[3]))
        self.count = count
        job = arguments.count > 5 ? arguments[5] : ""
    }

    func open() async throws -> Client {
        let client = try await Client.open(configuration)
        try client.connect()
        return client
    }
}

struct Usage: Error {}

struct Unexpected: Error {
    let item: Item
}
