import FUSEProtocol
import FUSESession
import VolumeFUSE

/// The control: the same file system, and one allocation for each request. The count has to see it.
final class AllocatingFileSystem: FUSEFileSystem {
    private let fileSystem: PackageFileSystem

    init(_ fileSystem: PackageFileSystem) { self.fileSystem = fileSystem }

    func handle(_ request: borrowing FUSERequest, _ reply: consuming FUSEReply, buffer: UnsafeMutableRawBufferPointer) {
        UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 8).deallocate()
        fileSystem.handle(request, reply, buffer: buffer)
    }

    func processID(ofParked unique: UInt64) -> Int32? { fileSystem.processID(ofParked: unique) }
    func interruptParked(unique: UInt64) { fileSystem.interruptParked(unique: unique) }
}
