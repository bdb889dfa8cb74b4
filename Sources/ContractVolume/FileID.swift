/// The identity of a file: 16 bytes that its creator chose.
public struct FileID: Hashable, Sendable {
    /// Bytes 0…7 and 8…15, each as a little-endian number: the order of the bytes is that of the interface.
    public var low: UInt64
    public var high: UInt64

    public init(low: UInt64 = 0, high: UInt64 = 0) {
        self.low = low
        self.high = high
    }

    /// From the 16 bytes at the start of `bytes`; traps if there are fewer.
    public init(_ bytes: UnsafeRawBufferPointer) {
        low = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self))
        high = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }

    /// The 16 bytes.
    public var bytes: [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: low >> (8 * UInt64($0))) } + (0..<8).map { UInt8(truncatingIfNeeded: high >> (8 * UInt64($0))) }
    }

    /// 32 lower-case hexadecimal digits, byte 0 first: the name in `.index`.
    public var text: [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    }

    /// From 32 lower-case hexadecimal digits; nil for anything else.
    public init?(text: some Collection<UInt8>) {
        guard text.count == 32 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 16)
        for (index, digit) in text.enumerated() {
            let value: UInt8
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
            default: return nil
            }
            bytes[index / 2] = bytes[index / 2] << 4 | value
        }
        self = bytes.withUnsafeBytes { FileID($0) }
    }
}
