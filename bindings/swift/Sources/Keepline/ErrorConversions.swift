import KeeplineCore
import KeeplineTypes

// The core's errors as the package's own. What the generated code throws besides (a panic that was caught, an answer
// that could not be read) is a bug below; each error has a case that an app treats in the right way.

/// An error of the package that the core throws in another form.
protocol CoreMirrored: Error {
    associatedtype Core: Error

    init(_ core: Core)

    /// What a bug below is taken for.
    static var unexpected: Self { get }
}

extension CoreMirrored {
    /// What `call` gives, with the core's error in the package's form.
    static func from<T>(_ call: () async throws -> T) async throws(Self) -> T {
        do {
            return try await call()
        } catch {
            throw (error as? Core).map(Self.init) ?? unexpected
        }
    }

    /// As ``from(_:)``, for a call that does not wait.
    static func from<T>(_ call: () throws -> T) throws(Self) -> T {
        do {
            return try call()
        } catch {
            throw (error as? Core).map(Self.init) ?? unexpected
        }
    }
}

extension OpenError: CoreMirrored {
    static let unexpected = OpenError.io

    init(_ core: CoreOpenError) {
        switch core {
        case .BadUrl: self = .badURL
        case .BadConfig(let option): self = .badConfiguration(option: option)
        case .InUse: self = .inUse
        case .StoreBusy: self = .storeBusy
        case .Corrupt: self = .corrupt
        case .NewerSchema(let found): self = .newerSchema(found: found)
        case .DiskFull: self = .diskFull
        case .WrongKey: self = .wrongKey
        case .Io: self = .io
        }
    }
}

extension SubmitError: CoreMirrored {
    static let unexpected = SubmitError.store

    init(_ core: CoreSubmitError) {
        switch core {
        case .NotJson: self = .notJSON
        case .TooLarge(let bytes, let limit): self = .tooLarge(bytes: bytes, limit: limit)
        case .BadField(let field): self = .badField(field)
        case .QueueFull: self = .queueFull
        case .TooManyLanes: self = .tooManyLanes
        case .IdConflict: self = .idConflict
        case .DiskFull: self = .diskFull
        case .Suspended: self = .suspended
        case .Store: self = .store
        case .Closed: self = .closed
        }
    }
}

extension ControlError: CoreMirrored {
    static let unexpected = ControlError.store

    init(_ core: CoreControlError) {
        switch core {
        case .NotFound: self = .notFound
        case .Settled: self = .settled
        case .NotParked: self = .notParked
        case .Suspended: self = .suspended
        case .Store: self = .store
        case .Closed: self = .closed
        }
    }
}

extension OutcomeError {
    init(_ core: CoreOutcomeError) {
        switch core {
        case .NotFound: self = .notFound
        case .BadReply: self = .badReply
        // Giving up is the caller's own doing, and said as a `CancellationError` before this.
        case .Closed, .GivenUp: self = .closed
        }
    }
}

extension CallError {
    init(_ core: CoreCallError) {
        switch core {
        case .NotJson: self = .notJSON
        case .TooLarge(let bytes, let limit): self = .tooLarge(bytes: bytes, limit: limit)
        case .BadField(let field): self = .badField(field)
        case .NotOnline: self = .notOnline
        case .Busy: self = .busy
        case .TimedOut: self = .timedOut
        case .Rejected(let rejection, let text): self = .rejected(Rejection(code: rejection, text: text))
        case .BadReply: self = .badReply
        case .Closed, .GivenUp: self = .closed
        }
    }
}

extension EventsError: CoreMirrored {
    static let unexpected = EventsError.store

    init(_ core: CoreEventsError) {
        switch core {
        case .InUse: self = .inUse
        case .TooMany: self = .tooMany
        case .Suspended: self = .suspended
        case .Store: self = .store
        case .Closed: self = .closed
        case .BadStream: self = .badStream
        }
    }
}

extension StoreError: CoreMirrored {
    static let unexpected = StoreError.io

    init(_ core: CoreStoreError) {
        switch core {
        case .Full: self = .diskFull
        case .Busy: self = .busy
        case .Corrupt: self = .corrupt
        case .Io: self = .io
        case .Suspended: self = .suspended
        case .Closed: self = .closed
        }
    }
}

extension ClosedError: CoreMirrored {
    static let unexpected = ClosedError()

    init(_ core: CoreClosedError) {
        self.init()
    }
}
