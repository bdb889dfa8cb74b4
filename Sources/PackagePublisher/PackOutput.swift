import LinuxSystem

/// A pack as it is written: chunks one after another.
final class PackOutput {
    private let descriptor: CInt
    private let path: FilePath
    /// Bytes so far.
    private(set) var length: UInt64 = 0

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
        return offset
    }
}
