import Synchronization

/// Events of a session that should be rare. Kept at a fixed address so that a reply can be a trivial value.
struct FUSECounters: ~Copyable {
    let forgottenReplies = Atomic<UInt64>(0)
    let lateReplies = Atomic<UInt64>(0)
    let failedReplies = Atomic<UInt64>(0)
    let malformedRequests = Atomic<UInt64>(0)
    let interruptedReads = Atomic<UInt64>(0)
}

/// What a session has counted since it began.
public struct FUSESessionStatistics: Hashable, Sendable {
    /// Replies dropped unanswered by the file system; EIO was sent. Each is a bug.
    public var forgottenReplies: UInt64
    /// Replies that nobody waited for any more: killed callers, a mount that went away, requests sent again.
    public var lateReplies: UInt64
    /// Replies that the kernel refused. Each is a bug.
    public var failedReplies: UInt64
    /// Bytes from the device that were no request.
    public var malformedRequests: UInt64
    /// Parked requests given up because their caller was dying.
    public var interruptedReads: UInt64

    public init(forgottenReplies: UInt64 = 0, lateReplies: UInt64 = 0, failedReplies: UInt64 = 0, malformedRequests: UInt64 = 0, interruptedReads: UInt64 = 0) {
        self.forgottenReplies = forgottenReplies
        self.lateReplies = lateReplies
        self.failedReplies = failedReplies
        self.malformedRequests = malformedRequests
        self.interruptedReads = interruptedReads
    }
}
