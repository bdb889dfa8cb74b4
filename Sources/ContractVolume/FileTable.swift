import Glibc
import LinuxSystem
import Synchronization

/// A file as OPEN finds it: a backing file's data, or a window of another's.
public struct OpenedFile: Sendable {
    public let file: VolumeFile
    /// What the file shows, in bytes.
    public let size: UInt64
    /// The block of `file` that shows as block 0.
    public let firstBlock: UInt32
    public let isMapped: Bool
}

/// The backing files of a directory that are open, each once, whoever opened it: two objects would append over each other.
public final class FileTable: Sendable {
    private struct Key: Hashable, Sendable {
        var device: UInt64
        var inode: UInt64
    }
    private struct Slot: Sendable { weak var file: VolumeFile? }
    private let files = Mutex<[Key: Slot]>([:])
    /// The `.index` directory.
    let index: CInt

    public init(index: CInt) { self.index = index }

    /// Opens the file behind an `O_PATH` descriptor. Throws as `BackingParser`; `ENOENT` when a mapped file's source is gone.
    public func open(_ path: CInt) throws(Errno) -> OpenedFile {
        let (parsed, file) = try parse(path)
        guard let offset = parsed?.mappedOffset else { return OpenedFile(file: file!, size: file!.size, firstBlock: 0, isMapped: false) }
        // What the window shows must have numbers, and be found without waiting: a name there may be anything.
        let (first, blocks) = (offset / Geometry.blockSize, Geometry.dataBlocks(size: parsed!.size))
        guard first <= Geometry.mostDataBlocks, blocks <= Geometry.mostDataBlocks - first else { throw .invalidArgument }
        let source = try SystemCalls.open(name: parsed!.identity.text, in: index, flags: SystemCalls.pathOnly | O_NOFOLLOW)
        let (again, sourceFile) = try parse(source.rawValue)
        // The source of a mapped file has an identity of its own: it cannot be mapped itself.
        guard let sourceFile, again?.mappedOffset == nil else { throw .badMessage }
        return OpenedFile(file: sourceFile, size: parsed!.size, firstBlock: UInt32(first), isMapped: true)
    }

    /// The file's object, or what its header says when it is a mapped one.
    private func parse(_ path: CInt) throws(Errno) -> (BackingParser?, VolumeFile?) {
        let status = try SystemCalls.status(of: path)
        guard status.kind == .regular else { throw .badMessage }
        let key = Key(device: status.device, inode: status.inode)
        if let file = files.withLock({ $0[key]?.file }) { return (nil, file) }
        let descriptor = try SystemCalls.open(SystemCalls.path(ofDescriptor: path), flags: O_RDWR)
        let parsed = try BackingParser(descriptor.rawValue)
        if parsed.mappedOffset != nil { return (parsed, nil) }
        let made = VolumeFile(parsed, descriptor: descriptor)
        // Somebody may have been faster: his is the one.
        return (nil, files.withLock { files in
            if let other = files[key]?.file { return other }
            if files.count > 1024, files.count.isMultiple(of: 1024) { files = files.filter { $0.value.file != nil } }
            files[key] = Slot(file: made)
            return made
        })
    }
}
