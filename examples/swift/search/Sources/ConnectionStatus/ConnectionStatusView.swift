#if canImport(SwiftUI)
    import KeeplineTypes
    import SearchCore
    import SwiftUI

    /// How the line is and what waits for it, in one line: truthful with nothing else than the client's status.
    ///
    /// Written for SwiftUI and not compiled in this project's own tests, which run on Linux.
    public struct ConnectionStatusView: View {
        private let client: any KeeplineClient
        @State private var status: Status

        /// Shows the status of this client, for as long as the view is on the screen.
        public init(client: any KeeplineClient) {
            self.client = client
            _status = State(initialValue: client.status)
        }

        public var body: some View {
            Label(status.summary, systemImage: symbol)
                .font(.footnote)
                .foregroundStyle(status.line.isOnline ? .secondary : .primary)
                .task {
                    // Ends with the view: the task is cancelled, and with it the reading.
                    for await next in client.statusChanges() { status = next }
                }
                .accessibilityLabel(Text(status.summary))
        }

        private var symbol: String {
            switch status.line {
            case .online: "checkmark.circle"
            case .connecting, .waiting: "arrow.triangle.2.circlepath"
            case .authRequired: "person.crop.circle.badge.exclamationmark"
            case .idle, .offline, .suspended, .closed: "wifi.slash"
            }
        }
    }
#endif
