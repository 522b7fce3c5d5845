import Foundation
import Support
import Testing

/// The scenarios of `tests/scenarios.md`, against real servers. They need the scenario host.
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["KEEPLINE_SCENARIO_HOST"] != nil))
struct Scenarios {
    /// Runs a scenario, and says that it holds once it has returned.
    func scenario(_ name: String, _ body: () async throws -> Void) async throws {
        try await body()
        FileHandle.standardOutput.write(Data("scenario \(name) swift ok\n".utf8))
    }
}
