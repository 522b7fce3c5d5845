import Foundation

/// A value that one thread at a time touches. (The standard library's own needs later systems than this package does.)
package final class Locked<Value>: @unchecked Sendable {
    // `value` is touched with `lock` held and nowhere else, which makes this `Sendable`.
    private let lock = NSLock()
    private var value: Value

    package init(_ value: Value) {
        self.value = value
    }

    /// Runs a short piece of work on the value. It must not call anything that waits.
    package func withLock<Result>(_ work: (inout Value) throws -> Result) rethrows -> Result {
        lock.lock()
        defer { lock.unlock() }
        return try work(&value)
    }
}
