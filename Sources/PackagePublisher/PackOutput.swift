import LinuxSystem

/// A pack as it is written: chunks one after another.
final class PackOutput {
    private let descriptor: CInt
    private let path: FilePath
    /// Bytes so far.
    private(set) var length: UInt64 = 0
    /// Bytes that the kernel was told to write to disk.
    private var started: UInt64 = 0
    /// How much is written before the disk is set to work: so that the sync at the end has little left to wait for.
    private static let writebackLength: UInt64 = 8 << 20

    /// Writes to an open, empty file, which stays the caller's.
    init(_ descriptor: CInt, _ path: FilePath) {
        self.descriptor = descriptor
        self.path = path
    }

    /// Appends `bytes` and returns where they lie.
    func append(_ bytes: UnsafeRawBufferPointer) throws(PublishError) -> UInt64 {
        let offset = length
        do { try SystemCalls.pwriteAll(descriptor, bytes, at: offset) } catch { throw .system(error, doing: "write", path) }
        length += UInt64(bytes.count)
        if length - started >= Self.writebackLength {
            SystemCalls.startWriteback(descriptor, at: started, length: length - started)
            started = length
        }
        return offset
    }
}
