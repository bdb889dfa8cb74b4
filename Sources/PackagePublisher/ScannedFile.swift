import CLinux
import Glibc
import LinuxSystem
import PackageFormat

/// A file with content, as the listing of the directory found it.
struct ScannedFile: Sendable {
    /// Its node in the tree.
    var node: Int
    var path: FilePath
    var device: UInt64
    var inode: UInt64
    /// Bytes.
    var size: UInt64
    var modifiedSeconds: Int64
    var modifiedNanoseconds: UInt32

    /// Opens it and makes sure that it is still the file that was listed.
    func open() throws(PublishError) -> OwnedDescriptor {
        let descriptor: OwnedDescriptor
        do {
            descriptor = try SystemCalls.open(path, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        } catch {
            throw error == .noSuchFileOrDirectory || error == .tooManySymbolicLinkLevels ? .changed(path) : .system(error, doing: "open", path)
        }
        _ = try check(descriptor.rawValue)
        return descriptor
    }

    /// Throws `changed` unless the open file has the listed identity, size and modification time. Returns its present state.
    func check(_ descriptor: CInt) throws(PublishError) -> FileStatus {
        let now: FileStatus
        do { now = try SystemCalls.status(of: descriptor) } catch { throw .system(error, doing: "look at", path) }
        guard now.kind == .regular, now.device == device, now.inode == inode, now.size == size,
            now.modifiedSeconds == modifiedSeconds, now.modifiedNanoseconds == modifiedNanoseconds
        else { throw .changed(path) }
        return now
    }

    /// The file's data segments.
    func segments(_ descriptor: CInt, _ now: FileStatus) throws(PublishError) -> [DataSegment] {
        do { return try DataSegment.all(of: descriptor, now) } catch { throw .system(error, doing: "look for holes in", path) }
    }

    /// Fills `buffer` from `offset`; a short read means that the file shrank.
    func read(_ descriptor: CInt, into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(PublishError) {
        let count: Int
        do { count = try SystemCalls.preadAll(descriptor, into: buffer, at: offset) } catch { throw .system(error, doing: "read", path) }
        if count < buffer.count { throw .changed(path) }
    }
}
