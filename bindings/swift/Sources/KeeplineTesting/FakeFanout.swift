import KeeplineTypes

/// Hands what happens to everyone who listens.
final class FakeFanout<Element: Sendable>: Sendable {
    private let state = Locked(State())

    private struct State {
        var taps: [FakeTap<Element>] = []
        var hasEnded = false
    }

    /// A listener from now on.
    func tap(first: Element? = nil) -> FakeTap<Element> {
        let tap = FakeTap<Element>()
        if let first { tap.queue.push(first) }
        let hasEnded = state.withLock { state in
            state.taps.append(tap)
            return state.hasEnded
        }
        if hasEnded { tap.queue.end() }
        return tap
    }

    func publish(_ element: Element) {
        for tap in state.withLock({ $0.taps }) { tap.queue.push(element) }
    }

    func end() {
        let taps = state.withLock { state in
            state.hasEnded = true
            return state.taps
        }
        for tap in taps { tap.queue.end() }
    }
}

/// One listener.
struct FakeTap<Element: Sendable>: ChangeSource {
    let queue = FakeQueue<Element>()

    func pull(held: UInt64) async -> (number: UInt64, elements: [Element]) {
        (held + 1, await queue.all())
    }

    func end() {
        queue.end()
    }
}

/// Elements on their way to one reader. It has no limit: a test sends what it sends.
final class FakeQueue<Element: Sendable>: Sendable {
    private let state = Locked(State())

    private struct State {
        var elements: [Element] = []
        var hasEnded = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    func push(_ element: Element) {
        wake { if !$0.hasEnded { $0.elements.append(element) } }
    }

    /// What is there still comes, and then the end.
    func end() {
        wake { $0.hasEnded = true }
    }

    /// Waits until there is something, and takes it all; nothing at the end.
    func all() async -> [Element] {
        while true {
            let ready: [Element]? = state.withLock { state in
                guard !state.elements.isEmpty || state.hasEnded else { return nil }
                defer { state.elements = [] }
                return state.elements
            }
            if let ready { return ready }
            await moved()
        }
    }

    private func moved() async {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                guard state.elements.isEmpty && !state.hasEnded else { return true }
                state.waiting.append(continuation)
                return false
            }
            if isReady { continuation.resume() }
        }
    }

    private func wake(_ change: (inout State) -> Void) {
        let waiting = state.withLock { state in
            change(&state)
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
