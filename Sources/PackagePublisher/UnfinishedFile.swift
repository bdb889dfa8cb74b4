import CLinux
import Glibc
import LinuxSystem

/// A file under a hidden name that becomes visible under its final one when it is whole. It goes away with its owner.
///
/// The hidden name is always the same, and locked: a second publish of the same package stops, and one that was
/// killed leaves nothing that the next would not take over.
final class UnfinishedFile {
    let path: FilePath
    private let owned: OwnedDescriptor
    private var isPublished = false
    var descriptor: CInt { owned.rawValue }

    /// Creates or takes over `path`, empty.
    init(_ path: FilePath, final: FilePath) throws(PublishError) {
        self.path = path
        while true {
            let descriptor: OwnedDescriptor
            do { descriptor = try SystemCalls.open(path, flags: O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o644) } catch { throw .system(error, doing: "create", path) }
            do { try SystemCalls.lockExclusively(descriptor.rawValue) } catch {
                if error == .resourceTemporarilyUnavailable || error == .permissionDenied { throw .busy(final) }
                throw .system(error, doing: "lock", path)
            }
            // The one that held the lock may have renamed or removed the file meanwhile.
            let mine: FileStatus, there: FileStatus
            do { mine = try SystemCalls.status(of: descriptor.rawValue) } catch { throw .system(error, doing: "look at", path) }
            do { there = try SystemCalls.status(of: path, followSymbolicLinks: false) } catch { continue }
            guard mine.device == there.device, mine.inode == there.inode else { continue }
            do { try SystemCalls.truncate(descriptor.rawValue, to: 0) } catch { throw .system(error, doing: "empty", path) }
            owned = descriptor
            return
        }
    }

    deinit { if !isPublished { try? SystemCalls.unlink(path, missingIsFine: true) } }

    /// Makes its content durable.
    func sync() throws(PublishError) {
        do { try SystemCalls.fdatasync(descriptor) } catch { throw .system(error, doing: "write to disk", path) }
    }

    /// Gives it its final name, replacing what lay there.
    func publish(as final: FilePath) throws(PublishError) {
        do { try SystemCalls.rename(path, to: final) } catch { throw .system(error, doing: "rename to its final name", path) }
        isPublished = true
    }
}
