/// What every request starts with (`struct fuse_in_header`).
public struct FUSERequestHeader: Hashable, Sendable {
    /// The whole request's length in bytes, header included.
    public var length: UInt32
    /// The raw operation, see `FUSEOpcode`.
    public var opcode: UInt32
    /// The request's name; the reply carries it unchanged, resend bit and all.
    public var unique: UInt64
    /// The node it is about; 0 where there is none.
    public var nodeID: UInt64
    /// The caller's file system user and group, in the user namespace of the mount.
    public var uid: UInt32
    public var gid: UInt32
    /// The caller's *thread* id in the server's pid namespace (of the mount's time); 0 when it has none there.
    public var pid: UInt32

    /// The bit of `unique` that says: sent before, to a server that did not answer (7.40).
    public static let resendBit: UInt64 = 1 << 63

    /// True when an earlier server may already have begun with it.
    public var isResend: Bool { unique & Self.resendBit != 0 }

    @inlinable
    public init(length: UInt32, opcode: UInt32, unique: UInt64, nodeID: UInt64, uid: UInt32, gid: UInt32, pid: UInt32) {
        self.length = length
        self.opcode = opcode
        self.unique = unique
        self.nodeID = nodeID
        self.uid = uid
        self.gid = gid
        self.pid = pid
    }

    /// Reads the header of `bytes`, which must be exactly one request.
    @inlinable
    public static func parse(_ bytes: UnsafeRawBufferPointer) throws(FUSEParseError) -> FUSERequestHeader {
        guard bytes.count >= FUSELayout.InHeader.size, let base = bytes.baseAddress else { throw .headerTooShort }
        let header = FUSERequestHeader(
            length: base.u32(FUSELayout.InHeader.len),
            opcode: base.u32(FUSELayout.InHeader.opcode),
            unique: base.u64(FUSELayout.InHeader.unique),
            nodeID: base.u64(FUSELayout.InHeader.nodeid),
            uid: base.u32(FUSELayout.InHeader.uid),
            gid: base.u32(FUSELayout.InHeader.gid),
            pid: base.u32(FUSELayout.InHeader.pid))
        guard Int(header.length) == bytes.count else { throw .lengthMismatch }
        return header
    }
}
