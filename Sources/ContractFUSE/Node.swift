import ContractVolume
import FUSEProtocol
import LinuxSystem
import Synchronization

/// The special files of a mount's root.
enum SpecialFile: Int, Sendable, CaseIterable {
    case pendingReads = 0, log, blocksWritten

    var name: [UInt8] { SpecialName.files[rawValue] }
    /// 2, 3, 4: as in the kernel implementation.
    var inode: UInt64 { UInt64(rawValue) + 2 }
}

/// A file or directory that the kernel knows. Held by an `O_PATH` descriptor, so that renames and unlinks do not concern it and
/// its inode number is nobody else's while it lives.
final class Node: Sendable {
    enum Kind: Hashable, Sendable {
        case root, index, incomplete, directory, regular
        case special(SpecialFile)
    }

    /// Never used twice.
    let id: UInt64
    let kind: Kind
    /// -1 for special files.
    let descriptor: CInt
    let key: NodeTable.Key
    /// Special files: who looked first; others: not used.
    let owner: (uid: UInt32, gid: UInt32)
    /// The visible size, the identity and the verity mark, from the attributes of the backing file; the first two never change.
    let facts = Mutex(Facts())
    /// What OPEN made of a regular file, shared by all that open it while the node lives.
    let opened = Mutex<OpenedFile?>(nil)
    /// security.selinux of a special file.
    let label = Mutex<[UInt8]?>(nil)

    struct Facts: Sendable {
        var size: UInt64?
        var identity: FileID??
        var isVerity: Bool?
    }

    init(id: UInt64, kind: Kind, descriptor: consuming OwnedDescriptor?, key: NodeTable.Key, owner: (uid: UInt32, gid: UInt32) = (0, 0)) {
        self.id = id
        self.kind = kind
        if let descriptor { self.descriptor = descriptor.take() } else { self.descriptor = -1 }
        self.key = key
        self.owner = owner
    }

    deinit { if descriptor >= 0 { SystemCalls.close(descriptor) } }

    var isDirectory: Bool {
        switch kind {
        case .root, .index, .incomplete, .directory: true
        default: false
        }
    }

    var isSpecial: Bool { if case .special = kind { true } else { false } }

    /// How long the kernel may keep the attributes: those of a special file never change, and a loader opens them for each block.
    var attributesValidSeconds: UInt64 { isSpecial ? FUSEEntry.forever : 0 }

    /// `.index` and `.incomplete`: what lies in them is ours to change.
    var isReserved: Bool { kind == .index || kind == .incomplete }

    /// `user.incfs.size`, 0 when it is absent or ill-formed.
    func visibleSize() -> UInt64 {
        if let size = facts.withLock({ $0.size }) { return size }
        let size = BackingAttributes.size(ofDescriptor: descriptor) ?? 0
        facts.withLock { $0.size = size }
        return size
    }

    /// `user.incfs.id`; nil for mapped and foreign files.
    func identity() -> FileID? {
        if let identity = facts.withLock({ $0.identity }) { return identity }
        let identity = BackingAttributes.identity(ofDescriptor: descriptor)
        facts.withLock { $0.identity = .some(identity) }
        return identity
    }

    func isVerity() -> Bool {
        if let is_ = facts.withLock({ $0.isVerity }) { return is_ }
        let marked = BackingAttributes.isVerity(descriptor)
        facts.withLock { $0.isVerity = marked }
        return marked
    }
}
