import Foundation
import Support
import Testing

/// A process of its own that a test starts, reads and kills.
final class Probe: Sendable {
    private let process: Process
    private let lines: AsyncStream<String>
    private let exits: AsyncStream<Int32>

    /// Starts `keepline-probe` with these arguments.
    init(_ arguments: String...) throws {
        let process = Process()
        process.executableURL = Self.program
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        let (lines, line) = AsyncStream<String>.makeStream()
        let rest = LockedBox("")
        output.fileHandleForReading.readabilityHandler = { handle in
            let data = handle.availableData
            if data.isEmpty {
                handle.readabilityHandler = nil
                line.finish()
                return
            }
            rest.change { rest in
                rest += String(decoding: data, as: UTF8.self)
                while let end = rest.firstIndex(of: "\n") {
                    line.yield(String(rest[..<end]))
                    rest = String(rest[rest.index(after: end)...])
                }
            }
        }
        let (exits, exit) = AsyncStream<Int32>.makeStream()
        process.terminationHandler = {
            exit.yield($0.terminationStatus)
            exit.finish()
        }
        try process.run()
        (self.process, self.lines, self.exits) = (process, lines, exits)
    }

    /// Waits for a line; `nil` where the process ended before.
    func line(_ holds: @escaping @Sendable (String) -> Bool) async throws -> String? {
        let lines = lines
        return try await soon { await lines.first(where: holds) }
    }

    /// Every line up to the end of the process, which has to end well.
    func allLines() async throws -> [String] {
        let lines = lines
        let all = try await soon { await lines.reduce(into: []) { $0.append($1) } }
        try #require(try await exit() == 0)
        return all
    }

    /// SIGKILL, and waits for the end.
    func kill() async throws {
        Foundation.kill(process.processIdentifier, SIGKILL)
        _ = try await exit()
    }

    private func exit() async throws -> Int32? {
        let exits = exits
        return try await soon { await exits.first { _ in true } }
    }

    /// It lies beside the tests.
    private static var program: URL {
        let tests = Bundle.main.executableURL ?? URL(fileURLWithPath: CommandLine.arguments[0])
        return tests.deletingLastPathComponent().appending(path: "keepline-probe")
    }
}
