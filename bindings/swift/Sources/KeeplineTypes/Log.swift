import Foundation

#if canImport(os)
    import os
#endif

/// A line of the log. Payloads and tokens are in none.
public struct LogLine: Hashable, Sendable {
    /// How bad it is.
    public let level: LogLevel
    /// The module that says it.
    public let target: String
    /// What it says, with its fields.
    public let text: String

    public init(level: LogLevel, target: String, text: String) {
        self.level = level
        self.target = target
        self.text = text
    }
}

/// How much is logged. There is no level below: payloads could be in it.
public enum LogLevel: Int, Hashable, Sendable, Comparable, CaseIterable {
    /// Something is wrong here.
    case error
    /// Something is wrong elsewhere.
    case warning
    /// What happens to the line.
    case info
    /// Each step.
    case debug

    public static func < (left: Self, right: Self) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// Where the package's own lines go.
package enum Log {
    private static let receiver = Locked<(@Sendable (LogLine) -> Void)?>(nil)

    /// Who gets the lines from now on; `nil` for the system's log.
    package static func forward(to receive: (@Sendable (LogLine) -> Void)?) {
        receiver.withLock { $0 = receive }
    }

    package static func write(_ level: LogLevel, _ text: String, _ fields: KeyValuePairs<String, String> = [:]) {
        let text = fields.reduce(text) { "\($0) \($1.key)=\($1.value)" }
        let line = LogLine(level: level, target: "keepline::swift", text: text)
        let receive = receiver.withLock { $0 } ?? systemLog
        receive(line)
    }

    /// The system's own log; on Linux standard error, for what is wrong.
    package static func systemLog(_ line: LogLine) {
        #if canImport(os)
            logger.log(level: line.level.osType, "\(line.target, privacy: .public): \(line.text, privacy: .public)")
        #else
            guard line.level <= .warning else { return }
            try? FileHandle.standardError.write(contentsOf: Data("\(line.target): \(line.text)\n".utf8))
        #endif
    }

    #if canImport(os)
        private static let logger = Logger(subsystem: "keepline", category: "client")
    #endif
}

#if canImport(os)
    extension LogLevel {
        fileprivate var osType: OSLogType {
            switch self {
            case .error: .error
            case .warning: .default
            case .info: .info
            case .debug: .debug
            }
        }
    }
#endif
