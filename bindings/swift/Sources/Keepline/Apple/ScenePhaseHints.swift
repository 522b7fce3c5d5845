// Written for Apple's platforms, and not compiled in this project's own tests, which run on Linux.

#if canImport(SwiftUI)
    import KeeplineTypes
    import SwiftUI

    #if canImport(UIKit) && !os(watchOS)
        import UIKit
    #endif

    @available(iOSApplicationExtension, unavailable)
    @available(tvOSApplicationExtension, unavailable)
    extension View {
        /// Tells a client when the app comes to the screen and leaves it. On iOS that matters: the system kills an app
        /// that is suspended while it holds a database's lock.
        ///
        /// When the app leaves the screen, the client gets out what it can within `deadline` and closes every file; the
        /// app asks the system for that time. On macOS, where apps are not suspended, it goes on.
        public func keepline(_ client: any KeeplineClient, deadline: Duration = .seconds(5)) -> some View {
            modifier(ScenePhaseHints(client: client, deadline: deadline))
        }
    }

    @available(iOSApplicationExtension, unavailable)
    @available(tvOSApplicationExtension, unavailable)
    private struct ScenePhaseHints: ViewModifier {
        @Environment(\.scenePhase) private var phase

        let client: any KeeplineClient
        let deadline: Duration

        func body(content: Content) -> some View {
            content.onChange(of: phase) { phase in
                switch phase {
                case .active: try? client.foreground()
                case .background: leave()
                default: break
                }
            }
        }

        @MainActor private func leave() {
            #if canImport(UIKit) && !os(watchOS)
                let client = client, deadline = deadline
                let time = UIApplication.shared.beginBackgroundTask(withName: "keepline")
                Task { @MainActor in
                    try? await client.background(deadline: deadline)
                    UIApplication.shared.endBackgroundTask(time)
                }
            #endif
        }
    }
#endif
