/// IOCTL (`struct fuse_ioctl_in`), with the bytes the kernel copied from the caller.
public struct FUSEIoctl: @unchecked Sendable {
    // Safety: `input` points into the request's buffer and is read only while the request is handled.
    public var fh: UInt64
    /// `FUSE_IOCTL_*`.
    public var flags: UInt32
    /// The command, as the caller gave it.
    public var command: UInt32
    /// The caller's third argument: usually an address in his memory.
    public var argument: UInt64
    /// The most bytes that an answer may carry.
    public var outSize: UInt32
    /// `in_size` bytes copied from the caller.
    public var input: UnsafeRawBufferPointer

    /// `FUSE_IOCTL_DIR`: the file is a directory (7.18).
    public static let directoryFlag: UInt32 = 1 << 4

    public init(fh: UInt64, flags: UInt32, command: UInt32, argument: UInt64, outSize: UInt32, input: UnsafeRawBufferPointer) {
        self.fh = fh
        self.flags = flags
        self.command = command
        self.argument = argument
        self.outSize = outSize
        self.input = input
    }
}

/// POLL (`struct fuse_poll_in`).
public struct FUSEPoll: Hashable, Sendable {
    public var fh: UInt64
    /// The name for a later NOTIFY_POLL.
    public var kh: UInt64
    /// `scheduleNotify` when the caller is about to sleep.
    public var flags: UInt32
    /// The events asked for, of poll(2).
    public var events: UInt32

    /// `FUSE_POLL_SCHEDULE_NOTIFY` (7.11).
    public static let scheduleNotify: UInt32 = 1 << 0

    public init(fh: UInt64, kh: UInt64, flags: UInt32, events: UInt32) {
        self.fh = fh
        self.kh = kh
        self.flags = flags
        self.events = events
    }
}

/// BATCH_FORGET's list: pairs of node id and lookup count.
public struct FUSEForgetList: @unchecked Sendable {
    // Safety: the bytes lie in the request's buffer and are read only while the request is handled.
    let bytes: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// How many pairs there are.
    public var count: Int { bytes.count / FUSELayout.ForgetOne.size }

    /// The pair number `index`, from 0. Traps past the end.
    public subscript(index: Int) -> (nodeID: UInt64, lookups: UInt64) {
        precondition(index >= 0 && index < count)
        let base = bytes.baseAddress! + index * FUSELayout.ForgetOne.size
        return (base.u64(FUSELayout.ForgetOne.nodeid), base.u64(FUSELayout.ForgetOne.nlookup))
    }
}
