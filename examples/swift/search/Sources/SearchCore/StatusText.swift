import KeeplineTypes

extension Status {
    /// The status in a few words, for a line at the edge of a screen.
    public var summary: String {
        let waiting = pending == 0 ? "" : ", \(pending) waiting"
        return line.summary + waiting + (parked == 0 ? "" : ", \(parked) need you")
    }
}

extension Line {
    /// The state of the line in a few words.
    public var summary: String {
        switch self {
        case .idle: "not connected"
        case .connecting: "connecting"
        case .online: "online"
        case .waiting(let retryIn, _, let reason):
            "no line (\(reason.rawValue)), again in \(retryIn.components.seconds + 1) s"
        case .offline: "no network"
        case .suspended: "asleep"
        case .authRequired: "sign in again"
        case .closed: "closed"
        }
    }
}
