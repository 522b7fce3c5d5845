// Written for Apple's platforms, and not compiled in this project's own tests, which run on Linux.

#if canImport(Network)
    import Dispatch
    import KeeplineTypes
    import Network

    /// Tells a client when the device's network comes and goes, for as long as this is kept.
    ///
    /// ```swift
    /// let hints = NetworkHints(client)
    /// ```
    ///
    /// Without it the client notices the same things, a little later. It does not keep the client open.
    ///
    /// `NWPathMonitor` is started once, in `init`, and cancelled once, in `deinit`, and its own queue does the rest:
    /// so this is `Sendable`, whatever the SDK at hand says of the monitor.
    public final class NetworkHints: @unchecked Sendable {
        private let monitor = NWPathMonitor()

        /// Watches the network for this client.
        public init(_ client: any KeeplineClient) {
            monitor.pathUpdateHandler = { [weak client] path in
                // A client that was shut down wants no hints.
                if path.status == .satisfied {
                    try? client?.networkAvailable()
                } else {
                    try? client?.networkLost()
                }
            }
            monitor.start(queue: DispatchQueue(label: "keepline.network"))
        }

        deinit {
            monitor.cancel()
        }
    }
#endif
