/// How a store behaves. The defaults are for a daemon under the usual limit of 1024 open files.
public struct StoreOptions: Sendable {
    /// Hash each block when it comes from the disk. Without it a read returns what the disk returns.
    public var verify = true
    /// Descriptors kept open for objects, at most (those in use at this moment come on top). 16 or more.
    public var maxOpenFiles = 384
    /// Bytes of leaf digests of complete objects kept in memory, at most: 32 bytes for each 4096 of content.
    public var maxLeafMemory = 24 << 20
    /// Objects with more bytes of leaf digests than this (4 MiB: those of 512 MiB) have them read from their file as they are needed.
    public var maxWholeLeaves = 4 << 20
    /// A slab file takes no further object past this many bytes. 64 KiB or more.
    public var slabSize: UInt64 = 64 << 20
    /// The boot under which "written" is believed; nil asks the kernel.
    public var boot: BootID?

    public init() {}

    /// Objects of at most this many bytes go to a slab when they are filled in one piece.
    static let smallObjectSize: UInt64 = 16 << 10
    /// Larger objects are refused: 16 TiB, the longest file that ext4 takes.
    static let maximumObjectSize: UInt64 = 16 << 40
}
