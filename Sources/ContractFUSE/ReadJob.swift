import ContractVolume
import FUSESession
import LinuxSystem

/// A READ that is not answered yet. Belongs to whoever took it out of the table; the table's lock guards it while it is in.
final class ReadJob: @unchecked Sendable {
    // Safety: touched only by its owner, see above.
    let reply: ParkedReply
    let thread: Int32
    let uid: UInt32
    let opened: OpenedFile
    /// The first byte and the number of bytes wanted, inside the file.
    let offset: UInt64
    let count: Int
    let isDirect: Bool
    let limits: ReadLimits
    let began = MonotonicTime.now
    /// What the retry that the kernel makes of a failed page is known by.
    let nodeID: UInt64
    /// Bytes so far, from the start of `data`.
    var done = 0
    /// As long as what is wanted, made when the first block is there: who only waits holds no memory for it.
    var data: [UInt8] = []
    /// Delays that are owed when all is read, in microseconds.
    var owedDelay: UInt64 = 0
    /// Set while it waits for a block.
    var serial: UInt32?

    init(reply: ParkedReply, thread: Int32, uid: UInt32, opened: OpenedFile, nodeID: UInt64, offset: UInt64, count: Int, isDirect: Bool, limits: ReadLimits) {
        self.reply = reply
        self.thread = thread
        self.uid = uid
        self.opened = opened
        self.nodeID = nodeID
        self.offset = offset
        self.count = count
        self.isDirect = isDirect
        self.limits = limits
    }

    /// The block, of the file that has the data, that is wanted next.
    var nextBlock: UInt32 { opened.firstBlock + UInt32((offset + UInt64(done)) / Geometry.blockSize) }
    var key: BlockKey { opened.file.key(of: nextBlock) }
}
