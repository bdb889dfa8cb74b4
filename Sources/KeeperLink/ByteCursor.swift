/// Reads little-endian fields from bytes that came from somebody else; every read is checked against the end.
struct ByteCursor {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    /// Bytes not read yet.
    var remaining: Int { bytes.endIndex - position }

    mutating func take(_ count: Int) throws(KeeperLinkError) -> ArraySlice<UInt8> {
        guard count >= 0, count <= remaining else {
            throw .malformed("a field of \(count) bytes where \(remaining) are left")
        }
        defer { position += count }
        return bytes[position..<position + count]
    }

    mutating func integer<T: FixedWidthInteger>(_: T.Type = T.self) throws(KeeperLinkError) -> T {
        let field = try take(MemoryLayout<T>.size)
        var value: UInt64 = 0
        for byte in field.reversed() { value = value << 8 | UInt64(byte) }
        return T(truncatingIfNeeded: value)
    }

    /// The end must have been reached: bytes that nobody reads are a sign of another version.
    func finish() throws(KeeperLinkError) {
        guard remaining == 0 else { throw .malformed("\(remaining) bytes too many") }
    }
}

extension [UInt8] {
    /// Appends `value`, least significant byte first.
    mutating func append<T: FixedWidthInteger>(littleEndian value: T) {
        var rest = UInt64(truncatingIfNeeded: value)
        for _ in 0..<MemoryLayout<T>.size {
            append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }
}
