import Synchronization

/// Stops a publish from another thread or a signal source. The publish then removes what it has written and throws `cancelled`.
public final class PublishCancellation: Sendable {
    private let flag = Atomic(false)
    public init() {}
    /// Asks for the stop; returns at once.
    public func cancel() { flag.store(true, ordering: .relaxed) }
    /// True once somebody asked.
    public var isCancelled: Bool { flag.load(ordering: .relaxed) }
}
