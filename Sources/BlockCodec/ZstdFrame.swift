/// What the start of a Zstandard frame asks for (RFC 8878, 3.1.1).
///
///     OFFSET SIZE MEANING
///          0    4 magic, 0xFD2FB528; 0x184D2A50 to 0x184D2A5F is a frame to be skipped
///          4    1 descriptor: bits 7, 6 size of the content size, 5 a single segment, 2 a checksum, 1, 0 size of the dictionary id
///          5    1 window, only without a single segment: bits 7 to 3 its exponent - 10, 2 to 0 eighths that are added
enum ZstdFrame {
    /// The published interface gives a decoder no more window than a block has bytes.
    static let largestWindow: UInt64 = 4096

    /// Whether a reader of the published interface decodes the frame into `room` bytes: one whose window is no larger than a block, or whose
    /// content is known to fit in. (libzstd alone would also take formats from before the first release.)
    static func isDecodable(_ frame: UnsafeRawBufferPointer, room: Int) -> Bool {
        guard frame.count >= 5 else { return false }
        let magic = UInt32(littleEndian: frame.loadUnaligned(as: UInt32.self))
        if magic & 0xFFFF_FFF0 == 0x184D_2A50 { return true }
        guard magic == 0xFD2F_B528 else { return false }
        let descriptor = frame[4]
        // In a single segment the content is the window, and libzstd refuses what does not fit in.
        if descriptor & 0x20 != 0 { return true }
        guard frame.count >= 6 else { return false }
        let base = UInt64(1) << (10 + UInt64(frame[5] >> 3))
        if base + base / 8 * UInt64(frame[5] & 7) <= largestWindow { return true }
        return contentSize(frame, descriptor).map { $0 <= UInt64(room) } ?? false
    }

    /// The content size of a frame with a window; nil where it does not say it.
    private static func contentSize(_ frame: UnsafeRawBufferPointer, _ descriptor: UInt8) -> UInt64? {
        // The dictionary id, of 0, 1, 2 or 4 bytes, stands before it.
        let at = 6 + (1 << Int(descriptor & 3)) / 2
        switch descriptor >> 6 {
        case 1: return frame.count >= at + 2 ? UInt64(UInt16(littleEndian: frame.loadUnaligned(fromByteOffset: at, as: UInt16.self))) + 256 : nil
        case 2: return frame.count >= at + 4 ? UInt64(UInt32(littleEndian: frame.loadUnaligned(fromByteOffset: at, as: UInt32.self))) : nil
        case 3: return frame.count >= at + 8 ? UInt64(littleEndian: frame.loadUnaligned(fromByteOffset: at, as: UInt64.self)) : nil
        default: return nil
        }
    }
}
