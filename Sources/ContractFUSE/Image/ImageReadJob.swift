import ContractVolume
import FUSESession
import ImageFormat
import LinuxSystem

/// A READ of an image's file that is not answered yet. Belongs to whoever took it out of the table; the table's lock guards it
/// while it is in.
final class ImageReadJob: @unchecked Sendable {
    // Safety: touched only by its owner, see above.
    let reply: ParkedReply
    let thread: Int32
    let uid: UInt32
    let inode: ImageInode
    let offset: UInt64
    let count: Int
    let isDirect: Bool
    /// Bytes so far.
    var data: [UInt8] = []
    /// Set while it waits for a block.
    var serial: UInt32?

    init(reply: ParkedReply, thread: Int32, uid: UInt32, inode: ImageInode, offset: UInt64, count: Int, isDirect: Bool) {
        self.reply = reply
        self.thread = thread
        self.uid = uid
        self.inode = inode
        self.offset = offset
        self.count = count
        self.isDirect = isDirect
        data.reserveCapacity(count)
    }

    /// The block that is wanted next.
    var block: UInt32 { UInt32((offset + UInt64(data.count)) / Geometry.blockSize) }
    var key: BlockKey { ImageReadJob.key(inode.number, block) }

    /// What a read of an image waits for, as the table of waiting reads has it: the inode stands for the file's identity.
    static func key(_ inode: UInt64, _ block: UInt32) -> BlockKey { BlockKey(file: FileID(low: inode), block: block) }
}
