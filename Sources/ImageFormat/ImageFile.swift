import Glibc
import LinuxSystem
import Synchronization

/// An image that is open. Any thread; those that append wait for each other.
///
/// What was appended counts from the moment when it is complete: data before its entry, a record before the link to it. A process
/// that dies between the two leaves bytes at the end that the next opening for writing takes away.
public final class ImageFile: Sendable {
    public enum Access: Sendable {
        case reading
        /// With what is on the disk at each return from a change of the tree, should the power fail.
        case writing(durable: Bool)
    }

    struct Appending: Sendable {
        /// Where the next byte goes.
        var end: UInt64
        /// The last record; 0 is none.
        var last: UInt64
        var records: Int
    }

    let descriptor: CInt
    let isDurable: Bool
    /// Data behind it is not there.
    let limit: UInt64
    let appending: Mutex<Appending>
    let tree: Mutex<ImageTree>
    /// Held for each change of the block maps, and for a look at them that must be right.
    let maps = Mutex(())
    /// What was found at the end; of an image opened for writing: what was taken away.
    public let findings: ImageFindings
    /// Seconds of CLOCK_REALTIME of the file's last change when it was opened.
    public let modifiedSeconds: Int64

    /// Takes the descriptor over. An empty file that is opened for writing becomes an empty volume.
    public init(_ descriptor: consuming OwnedDescriptor, _ access: Access) throws(ImageError) {
        let raw = descriptor.rawValue
        let status = try ImageError.attempt("its status") { () throws(Errno) in try SystemCalls.status(of: raw) }
        guard status.kind == .regular else { throw ImageError(.invalidArgument, "it is no regular file") }
        if status.size == 0, case .writing = access {
            try ImageError.attempt("writing the superblock") { () throws(Errno) in try SystemCalls.pwriteAll(raw, bytes: ImageSuperblock.encoded(first: 0), at: 0) }
        }
        let replay = try ImageReplay(raw)
        if case .writing(let durable) = access {
            isDurable = durable
            limit = .max
            try ImageError.attempt("taking away what was not written whole") { () throws(Errno) in try Self.repair(raw, replay) }
        } else {
            isDurable = false
            limit = status.size
        }
        findings = replay.findings
        modifiedSeconds = status.modifiedSeconds
        appending = Mutex(Appending(end: replay.end, last: replay.last, records: replay.records))
        tree = Mutex(replay.tree)
        self.descriptor = descriptor.take()
    }

    deinit { SystemCalls.close(descriptor) }

    private static func repair(_ descriptor: CInt, _ replay: ImageReplay) throws(Errno) {
        guard !replay.findings.isEmpty else { return }
        // Entries first: what is appended next may lie where they point to.
        for place in replay.lostEntries { try SystemCalls.pwriteAll(descriptor, bytes: [UInt8](repeating: 0, count: ImageLayout.entrySize), at: place) }
        try SystemCalls.truncate(descriptor, to: replay.end)
        try SystemCalls.fdatasync(descriptor)
    }

    /// Where it stands which record follows `last`.
    static func linkField(after last: UInt64) -> UInt64 { last == 0 ? ImageLayout.firstRecordField : last + UInt64(ImageLayout.nextField) }

    // MARK: Looking

    public var root: ImageInode { inode(ImageLayout.rootInode)! }
    public func inode(_ number: UInt64) -> ImageInode? { tree.withLock { $0.inodes[number] } }
    /// Every inode, in the order of their numbers.
    public var inodes: [ImageInode] { tree.withLock { $0.inodes.values.sorted { $0.number < $1.number } } }
    /// Names of a file; of a directory as st_nlink counts them.
    public func links(of inode: ImageInode) -> UInt32 { tree.withLock { $0.links(of: inode) } }
    /// What a name leads to.
    public func child(_ name: [UInt8], of directory: ImageInode) -> ImageInode? {
        tree.withLock { tree in tree.directories[directory.number]?.entries[name].flatMap { tree.inodes[$0] } }
    }
    /// The names in a directory in the order of their bytes.
    public func entries(of directory: ImageInode) -> [(name: [UInt8], inode: ImageInode)] {
        let entries = tree.withLock { tree in tree.directories[directory.number]?.entries.compactMap { entry in tree.inodes[entry.value].map { (name: entry.key, inode: $0) } } ?? [] }
        return entries.sorted { $0.name.lexicographicallyPrecedes($1.name) }
    }
    /// The directory that has the directory's name; the root's is the root, one without a name has none.
    public func parent(of directory: ImageInode) -> UInt64? {
        directory.number == ImageLayout.rootInode ? ImageLayout.rootInode : tree.withLock { $0.directories[directory.number]?.parent }
    }

    /// On the disk, all of it. Throws as fsync(2).
    public func sync() throws(Errno) { try SystemCalls.fsync(descriptor) }
}
