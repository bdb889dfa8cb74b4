/// CRC-32 with the reflected polynomial 0xEDB88320, the initial value 0 and no final inversion (`crc32_le` of the kernel); eight
/// bytes at a time.
enum ImageChecksum {
    private struct Tables: @unchecked Sendable {
        // Safety: written once here, and only read afterwards.
        let words: UnsafePointer<UInt32>
        init() {
            let words = UnsafeMutablePointer<UInt32>.allocate(capacity: 8 * 256)
            for byte in 0..<256 { words[byte] = (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 0 ? value >> 1 : value >> 1 ^ 0xEDB8_8320 } }
            for table in 1..<8 { for byte in 0..<256 { words[table * 256 + byte] = words[(table - 1) * 256 + byte] >> 8 ^ words[Int(words[(table - 1) * 256 + byte] & 0xFF)] } }
            self.words = UnsafePointer(words)
        }
    }
    private static let tables = Tables()

    static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        let table = tables.words
        var sum: UInt32 = 0, position = 0
        while bytes.count - position >= 8 {
            let low = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self)) ^ sum
            let high = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: position + 4, as: UInt32.self))
            let first = table[7 * 256 + Int(low & 0xFF)] ^ table[6 * 256 + Int(low >> 8 & 0xFF)] ^ table[5 * 256 + Int(low >> 16 & 0xFF)] ^ table[4 * 256 + Int(low >> 24)]
            let second = table[3 * 256 + Int(high & 0xFF)] ^ table[2 * 256 + Int(high >> 8 & 0xFF)] ^ table[256 + Int(high >> 16 & 0xFF)] ^ table[Int(high >> 24)]
            sum = first ^ second
            position += 8
        }
        while position < bytes.count {
            sum = sum >> 8 ^ table[Int((sum ^ UInt32(bytes[position])) & 0xFF)]
            position += 1
        }
        return sum
    }

    static func of(_ bytes: [UInt8]) -> UInt32 { bytes.withUnsafeBytes { of($0) } }
}
