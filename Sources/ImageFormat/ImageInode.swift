/// A file or a directory of an image. Does not change.
public final class ImageInode: Sendable {
    public let number: UInt64
    /// Bytes; 0 for directories.
    public let size: UInt64
    /// Kind and permissions, as st_mode has them.
    public let mode: UInt32
    /// Where its block entries are; nil without blocks.
    let map: UInt64?

    public var isDirectory: Bool { mode & 0o170000 == 0o040000 }
    /// Blocks of the file.
    public var blocks: UInt64 { ImageInode.blocks(size) }

    static func blocks(_ size: UInt64) -> UInt64 { size / UInt64(ImageLayout.blockSize) + (size % UInt64(ImageLayout.blockSize) == 0 ? 0 : 1) }
    /// Bytes of the block in the file: 4096, less for the last.
    func length(ofBlock block: UInt64) -> Int { Int(min(UInt64(ImageLayout.blockSize), size - block * UInt64(ImageLayout.blockSize))) }

    init(number: UInt64, size: UInt64, mode: UInt32, map: UInt64?) {
        self.number = number
        self.size = size
        self.mode = mode
        self.map = map
    }
}
