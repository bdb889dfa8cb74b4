import LinuxSystem

/// What a mount counts of its reads, by the names that tools look for.
public struct ReadCounters: Hashable, Sendable {
    public var failedTimedOut: UInt64 = 0
    public var failedHashVerification: UInt64 = 0
    public var failedOther: UInt64 = 0
    public var delayedPending: UInt64 = 0
    public var delayedPendingMicroseconds: UInt64 = 0
    public var delayedMin: UInt64 = 0
    public var delayedMinMicroseconds: UInt64 = 0

    public init() {}

    /// The names, in the order of `values`.
    public static let names = [
        "reads_failed_timed_out", "reads_failed_hash_verification", "reads_failed_other", "reads_delayed_pending", "reads_delayed_pending_us",
        "reads_delayed_min", "reads_delayed_min_us",
    ]

    public var values: [UInt64] {
        [failedTimedOut, failedHashVerification, failedOther, delayedPending, delayedPendingMicroseconds, delayedMin, delayedMinMicroseconds]
    }

    /// A block read failed.
    public mutating func failed(_ error: Errno) {
        switch error {
        case .timedOutOnStream: failedTimedOut += 1
        case .badMessage: failedHashVerification += 1
        default: failedOther += 1
        }
    }
}

extension Errno {
    /// ETIME: what a read says whose block did not come in time.
    public static var timedOutOnStream: Errno { Errno(rawValue: 62) }
    /// ERANGE.
    public static var outOfRange: Errno { Errno(rawValue: 34) }
    /// E2BIG.
    public static var tooBig: Errno { Errno(rawValue: 7) }
    /// EMSGSIZE.
    public static var messageSize: Errno { Errno(rawValue: 90) }
    /// EKEYREJECTED.
    public static var keyRejected: Errno { Errno(rawValue: 129) }
    /// ENOTSUPP of the kernel, 524: no number that user space has a name for.
    public static var kernelNotSupported: Errno { Errno(rawValue: 524) }
    /// ERESTARTSYS of the kernel, 512: a signal ended a wait. Shown as the last error only.
    public static var kernelRestart: Errno { Errno(rawValue: 512) }
}

/// The last block read that failed (GET_LAST_READ_ERROR, 48 bytes):
///
///     OFFSET SIZE MEANING
///          0   16 file id
///         16    8 microseconds of CLOCK_MONOTONIC
///         24    4 block
///         28    4 the errno, negative
///         32    4 the reader's user
///         36   12 zero
public struct LastReadError: Hashable, Sendable {
    public var file = FileID()
    public var microseconds: UInt64 = 0
    public var block: UInt32 = 0
    public var error: Int32 = 0
    public var uid: UInt32 = 0

    public static let size = 48

    public init() {}

    public var encoded: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.size)
        bytes.withUnsafeMutableBytes { buffer in
            buffer.storeBytes(of: file.low.littleEndian, toByteOffset: 0, as: UInt64.self)
            buffer.storeBytes(of: file.high.littleEndian, toByteOffset: 8, as: UInt64.self)
            buffer.storeBytes(of: microseconds.littleEndian, toByteOffset: 16, as: UInt64.self)
            buffer.storeBytes(of: block.littleEndian, toByteOffset: 24, as: UInt32.self)
            buffer.storeBytes(of: error.littleEndian, toByteOffset: 28, as: Int32.self)
            buffer.storeBytes(of: uid.littleEndian, toByteOffset: 32, as: UInt32.self)
        }
        return bytes
    }
}
