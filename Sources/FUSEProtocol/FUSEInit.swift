/// The kernel's offer (`struct fuse_init_in`).
public struct FUSEInit: Hashable, Sendable {
    public var major: UInt32
    public var minor: UInt32
    /// Bytes of readahead that the kernel would do.
    public var maxReadahead: UInt32
    /// What the kernel can do; `flags2` is in it when `initExtension` is.
    public var flags: FUSEInitFlags

    public init(major: UInt32, minor: UInt32, maxReadahead: UInt32, flags: FUSEInitFlags) {
        self.major = major
        self.minor = minor
        self.maxReadahead = maxReadahead
        self.flags = flags
    }

    /// Only the version numbers are sure to be there: a newer major may have any layout behind them.
    init(payload: UnsafeRawBufferPointer) throws(FUSEParseError) {
        guard payload.count >= 8, let base = payload.baseAddress else { throw .payloadTooShort }
        self.init(major: base.u32(FUSELayout.InitIn.major), minor: base.u32(FUSELayout.InitIn.minor), maxReadahead: 0, flags: [])
        guard major == FUSEVersion.major, minor >= 6 else { return }
        guard payload.count >= FUSELayout.InitIn.sizeBeforeExtension else { throw .payloadTooShort }
        maxReadahead = base.u32(FUSELayout.InitIn.maxReadahead)
        flags = FUSEInitFlags(rawValue: UInt64(base.u32(FUSELayout.InitIn.flags)))
        if flags.contains(.initExtension) {
            guard payload.count >= FUSELayout.InitIn.flags2 + 4 else { throw .payloadTooShort }
            flags.rawValue |= UInt64(base.u32(FUSELayout.InitIn.flags2)) << 32
        }
    }
}
