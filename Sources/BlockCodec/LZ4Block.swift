import CLZ4

/// Compresses single blocks in the block format of LZ4.
public enum LZ4Block {
    /// Compresses `source` into `target` and returns the bytes it took; nil when they do not fit, so that a target one byte shorter than the
    /// source asks "is it worth it?".
    public static func compress(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Int? {
        guard let start = source.baseAddress, let room = target.baseAddress else { return nil }
        let count = LZ4_compress_default(
            start.assumingMemoryBound(to: CChar.self), room.assumingMemoryBound(to: CChar.self), CInt(source.count), CInt(target.count))
        return count > 0 ? Int(count) : nil
    }
}
