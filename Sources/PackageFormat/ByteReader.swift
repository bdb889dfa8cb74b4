import Integrity

/// A bounds-checked little-endian cursor. Every parse of untrusted fields goes through it.
struct ByteReader {
    private let bytes: UnsafeRawBufferPointer
    private(set) var offset = 0
    /// Names the thing parsed, for errors.
    private let what: String

    init(_ bytes: UnsafeRawBufferPointer, of what: String) {
        self.bytes = bytes
        self.what = what
    }

    var remaining: Int { bytes.count - offset }

    /// The next `count` bytes.
    mutating func take(_ count: Int) throws(PackageError) -> UnsafeRawBufferPointer {
        guard count >= 0, count <= remaining else { throw .malformed("the \(what) ends inside a field") }
        defer { offset += count }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + count)])
    }

    mutating func integer<T: FixedWidthInteger>(_: T.Type = T.self) throws(PackageError) -> T {
        T(littleEndian: try take(MemoryLayout<T>.size).loadUnaligned(as: T.self))
    }

    mutating func digest() throws(PackageError) -> Digest { Digest(try take(Digest.length)) }

    /// Skips `count` bytes that must be zero.
    mutating func reserved(_ count: Int) throws(PackageError) {
        for byte in try take(count) where byte != 0 { throw .malformed("a reserved byte of the \(what) is not zero") }
    }

    /// Refuses bytes behind the last field.
    func finish() throws(PackageError) {
        guard remaining == 0 else { throw .malformed("\(remaining) bytes follow the \(what)'s last field") }
    }
}

extension UnsafeRawBufferPointer {
    /// A little-endian integer at `offset`, bounds-checked.
    @inline(__always)
    func little<T: FixedWidthInteger>(_: T.Type, _ offset: Int) -> T {
        T(littleEndian: loadUnaligned(fromByteOffset: offset, as: T.self))
    }

    /// The same, of the type that the context asks for.
    @inline(__always)
    func little<T: FixedWidthInteger>(_ offset: Int) -> T { little(T.self, offset) }
}

/// Appends little-endian fields.
struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    mutating func integer(_ value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
    mutating func raw(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }
    mutating func digest(_ value: Digest) { value.withUnsafeBytes { bytes.append(contentsOf: $0) } }
    mutating func zeros(_ count: Int) { bytes.append(contentsOf: repeatElement(0, count: count)) }
}
