/// A block to be stored.
public struct ImageBlock: Hashable, Sendable {
    public var inode: UInt64
    public var block: UInt32
    /// Where its bytes are in the buffer that comes with it. Blocks lie one behind the other.
    public var data: Range<Int>
    public var isCompressed: Bool

    public init(inode: UInt64, block: UInt32, data: Range<Int>, isCompressed: Bool) {
        self.inode = inode
        self.block = block
        self.data = data
        self.isCompressed = isCompressed
    }
}
