/// What a request asks for. Trivial payloads; names and raw bytes point into the request's buffer, without their NUL, and
/// are good only while the request is handled.
public enum FUSEOperation: @unchecked Sendable {
    // Safety: the pointers are read only by the thread that handles the request.

    /// The entry `name` of the directory. Its reply counts one lookup.
    case lookup(name: UnsafeRawBufferPointer)
    /// The kernel gave up that many lookups. No reply.
    case forget(count: UInt64)
    /// The same for many nodes. No reply.
    case batchForget(FUSEForgetList)
    /// stat(2); with the handle when the caller has one.
    case getattr(fh: UInt64?)
    case readlink
    /// open(2) flags without `O_CREAT`, `O_EXCL`, `O_NOCTTY`; 0x20 marks the open of an exec.
    case open(flags: UInt32)
    case read(FUSERead)
    case statfs
    case release(fh: UInt64)
    case releasedir(fh: UInt64)
    case flush(fh: UInt64)
    /// FSYNC or FSYNCDIR.
    case fsync(fh: UInt64)
    /// `size` 0 asks for the length alone.
    case getxattr(name: UnsafeRawBufferPointer, size: UInt32)
    case listxattr(size: UInt32)
    case opendir(flags: UInt32)
    case readdir(FUSERead)
    case readdirplus(FUSERead)
    /// access(2)'s mask.
    case access(mask: UInt32)
    /// Only `SEEK_DATA` (3) and `SEEK_HOLE` (4) arrive; the kernel does the others itself.
    case lseek(fh: UInt64, offset: UInt64, whence: UInt32)
    case poll(FUSEPoll)
    /// statx(2) with a mask that GETATTR cannot answer. ENOSYS once turns it off.
    case statx(mask: UInt32)
    case ioctl(FUSEIoctl)
    /// A signal reached the caller of the request `unique`.
    case interrupt(unique: UInt64)
    case initialize(FUSEInit)
    case destroy
    /// Something that would change the tree: EROFS on a read-only one.
    case modifying(FUSEModification)
    /// Something we do not serve: ENOSYS, which the kernel often remembers and does not ask again.
    case unknown(opcode: UInt32)

    /// False for what the kernel sends without waiting for an answer.
    @inlinable public var expectsReply: Bool {
        switch self {
        case .forget, .batchForget, .interrupt: false
        case .unknown(let opcode): opcode != FUSEOpcode.notifyReply.rawValue
        default: true
        }
    }
}
