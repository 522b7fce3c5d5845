import Foundation
import Keepline

// What `scripts/show.sh` measures. Each prints lines of `name: value unit` and ends with 0 only if it holds.

/// `count` events of a job, in order and none missing; gives how long the typed events took.
func events(_ target: Target) async throws {
    let client = try await target.open()
    let sent = try await client.submit(TestJob(events: UInt64(target.count)))
    guard case .accepted(let started) = try await sent.outcome() else { throw DoesNotHold("the job was not accepted") }
    let clock = ContinuousClock()
    let begin = clock.now
    var next: UInt64 = 0
    reading: for await event in try client.events(.job(started.job)) {
        switch event {
        case .testTick(let tick):
            guard tick.index == next else { throw DoesNotHold("event \(tick.index) came in place of \(next)") }
            next += 1
        case .jobCompleted: break reading
        default: break
        }
    }
    let time = clock.now - begin
    await client.shutdown()
    say("events: \(next) in order")
    say("missing: \(UInt64(target.count) - next)")
    say("rate: \(rate(next, time)) events/s")
    guard next == UInt64(target.count) else { throw DoesNotHold("events are missing") }
}

/// Opens, uses and shuts down `count` clients, and looks at memory and threads.
func cycles(_ target: Target) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "keepline-cycles-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    var early = 0
    for cycle in 1...target.count {
        var configuration = target.configuration
        // A database grows with its rows; a new one every hundred cycles keeps that out of the measure.
        configuration.database = folder.appending(path: "\(cycle / 100).db").path
        let client = try await Client.open(configuration)
        try client.connect()
        let changes = client.statusChanges()
        _ = try await client.submit(TestRecord(n: Int64(cycle)))
        guard await changes.first(where: { _ in true }) != nil else { throw DoesNotHold("no status") }
        await client.shutdown()
        if cycle == target.count / 10 { early = residentKiB() }
    }
    let late = residentKiB()
    let deadline = ContinuousClock.now + .seconds(2)
    while coreThreads() > 0, ContinuousClock.now < deadline { await Task.yield() }
    let left = coreThreads()
    say("cycles: \(target.count)")
    say("resident after \(target.count / 10): \(early) KiB")
    say("resident after \(target.count): \(late) KiB")
    say("growth: \(Double((late - early) * 1_000 / max(early, 1)) / 10) % (at most 10)")
    say("threads left after 2 s: \(left)")
    guard early > 0, late - early <= early / 10, left == 0 else { throw DoesNotHold("memory or threads are left") }
}

#if KEEPLINE_BENCH
    /// Typed events a second from the generator: the best of five runs, since other programs share the machine.
    func crossing(_ count: Int) async throws {
        var best = 0
        for _ in 1...5 {
            let clock = ContinuousClock()
            let begin = clock.now
            var next: UInt64 = 1
            for await event in try generatedEvents(UInt64(count)) {
                guard case .testTick(let tick) = event, tick.index == next else { throw DoesNotHold("out of order") }
                next += 1
            }
            guard next == UInt64(count) + 1 else { throw DoesNotHold("events are missing") }
            best = max(best, rate(UInt64(count), clock.now - begin))
        }
        say("crossing: \(best) typed events/s (at least 150000)")
        guard best >= 150_000 else { throw DoesNotHold("too slow") }
    }
#endif

private func rate(_ count: UInt64, _ time: Duration) -> Int {
    let seconds = Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
    return Int(Double(count) / seconds)
}

/// The memory that this process holds.
private func residentKiB() -> Int {
    guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return 0 }
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
    return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
}

/// How many threads of the core there are. The program's own first thread has the program's name.
private func coreThreads() -> Int {
    let tasks = "/proc/self/task"
    let ids = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
    let names = ids.compactMap { try? String(contentsOfFile: "\(tasks)/\($0)/comm", encoding: .utf8) }
    return names.count { $0.hasPrefix("keepline") && !$0.hasPrefix("keepline-probe") }
}

/// A claim that does not hold.
struct DoesNotHold: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
