import KeeplineCore
import KeeplineTypes

/// The log of every client in the process.
public enum Logs {
    /// Hands every line from `level` up to `receive`, one after the other, on a task of its own. Once in a process,
    /// best before the first client is opened; it goes on until the process ends. Payloads and tokens are in no line.
    ///
    /// ```swift
    /// try Logs.forward { line in print(line.target, line.text) }
    /// ```
    ///
    /// - Throws: ``LogsError`` where it was called before.
    public static func forward(
        _ level: LogLevel = .info, to receive: @escaping @Sendable (LogLine) -> Void
    ) throws(LogsError) {
        guard let source = try? coreLogs(level: CoreLogLevel(level)) else { throw LogsError() }
        Log.forward { if $0.level <= level { receive($0) } }
        Task.detached {
            while let batch = try? await source.nextLines(max: batchMost), !batch.lines.isEmpty {
                if batch.lost > 0 {
                    receive(LogLine(level: .warning, target: "keepline::swift", text: "lines lost count=\(batch.lost)"))
                }
                for line in batch.lines { receive(LogLine(line)) }
            }
        }
    }

    /// Hands every line from `level` up to the system's log: `os.Logger` with the subsystem `keepline`; on Linux, for
    /// what is wrong, standard error.
    ///
    /// - Throws: ``LogsError`` where lines are forwarded already.
    public static func forwardToSystem(_ level: LogLevel = .info) throws(LogsError) {
        try forward(level, to: Log.systemLog)
    }
}

/// The log's lines go somewhere else in this process already.
public struct LogsError: KeeplineError {
    public init() {}

    public var code: String { "LOGS_TAKEN" }
}
