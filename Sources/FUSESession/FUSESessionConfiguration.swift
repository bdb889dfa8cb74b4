import FUSEProtocol
import LinuxSystem

/// How a session works.
public struct FUSESessionConfiguration: Sendable {
    /// Threads that answer requests. Each locks about 1.1 MiB of memory, of the 8 MiB that `RLIMIT_MEMLOCK` usually allows.
    public var workers: Int
    /// How long a worker looks for the next request before it sleeps, in nanoseconds, while requests come closely one after
    /// the other; 0 never. Waking a sleeping processor costs more than a small answer. Off by itself on a single processor.
    public var spinNanoseconds: UInt64
    /// What INIT asks for.
    public var negotiation: FUSENegotiation
    /// How long an interrupt waits for its request to be parked by another thread, in milliseconds.
    public var interruptGraceMilliseconds: UInt64
    /// Reads `/proc/<tid>/status`; replaced in tests.
    package var callerStatus: @Sendable (Int32) -> CallerStatus

    public init(
        workers: Int = SystemCalls.processorCount, spinNanoseconds: UInt64 = SystemCalls.processorCount > 1 ? 50_000 : 0,
        negotiation: FUSENegotiation = FUSENegotiation()
    ) {
        precondition(workers >= 1)
        self.workers = workers
        self.spinNanoseconds = spinNanoseconds
        self.negotiation = negotiation
        interruptGraceMilliseconds = 1000
        callerStatus = CallerStatus.read(thread:)
    }
}
