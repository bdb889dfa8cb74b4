/// The checksum of old files: the reflected polynomial 0xEDB88320 with the initial value 0 and no final inversion.
enum BackingChecksum {
    static func of(_ bytes: [UInt8]) -> UInt32 {
        bytes.reduce(0) { sum, byte in (0..<8).reduce(sum ^ UInt32(byte)) { value, _ in value & 1 == 0 ? value >> 1 : value >> 1 ^ 0xEDB8_8320 } }
    }
}
