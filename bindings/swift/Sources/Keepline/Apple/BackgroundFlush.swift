// Written for Apple's platforms, and not compiled in this project's own tests, which run on Linux.

#if canImport(BackgroundTasks) && os(iOS)
    import BackgroundTasks
    import KeeplineTypes
    import UIKit

    /// Gets the queue out while the app is not on the screen, when the system gives it the time.
    ///
    /// The identifier stands under `BGTaskSchedulerPermittedIdentifiers` in the app's `Info.plist`, which also has the
    /// background mode `processing`.
    @available(iOSApplicationExtension, unavailable)
    public enum BackgroundFlush {
        /// Says what to do when the system gives the time. Call it before the app has finished launching.
        ///
        /// `client` gives the client to flush, or opens and connects one; `nil` where there is none to be had. A client
        /// that is suspended is opened for it, and one that is disconnected stays so. When the app is not on the screen
        /// in the end, the client is suspended.
        @discardableResult
        public static func register(
            _ identifier: String, client: @escaping @Sendable () async -> (any KeeplineClient)?
        ) -> Bool {
            BGTaskScheduler.shared.register(forTaskWithIdentifier: identifier, using: nil) { task in
                let given = GivenTime(task: task)
                let work = Task { given.end(isFlushed: await flush(client)) }
                // The flush ends, and the client is suspended, before the system loses its patience.
                task.expirationHandler = { work.cancel() }
            }
        }

        /// Asks the system for time, once there is a network. Call it when the app leaves the screen with something
        /// pending.
        ///
        /// - Throws: what `BGTaskScheduler` throws, such as for an identifier that is not in the `Info.plist`.
        public static func schedule(_ identifier: String) throws {
            let wish = BGProcessingTaskRequest(identifier: identifier)
            wish.requiresNetworkConnectivity = true
            wish.requiresExternalPower = false
            try BGTaskScheduler.shared.submit(wish)
        }

        private static func flush(_ client: @Sendable () async -> (any KeeplineClient)?) async -> Bool {
            guard let client = await client() else { return false }
            do {
                // Opens a suspended client, and changes nothing about whether the app wants a line: one that it has
                // disconnected stays so, and its queue waits.
                if client.status.line == .suspended { try client.foreground() }
                let isFlushed = try await client.flush(deadline: deadline)
                // The app may have come to the screen meanwhile, and uses the client.
                if await !isOnScreen { try await client.suspend(deadline: .seconds(2)) }
                return isFlushed
            } catch {
                return false
            }
        }

        @MainActor private static var isOnScreen: Bool {
            UIApplication.shared.applicationState != .background
        }

        /// A processing task has minutes; a queue that is not out by then has no line worth waiting for.
        private static let deadline = Duration.seconds(60)

        /// The system's task is handed from one thread to another, and touched by one at a time.
        private struct GivenTime: @unchecked Sendable {
            let task: BGTask

            func end(isFlushed: Bool) {
                task.setTaskCompleted(success: isFlushed)
            }
        }
    }
#endif
