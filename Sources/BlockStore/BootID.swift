import Glibc
import LinuxSystem

/// Identifies one boot of the machine: what is in the page cache survives the death of a process, not the next boot.
public struct BootID: Sendable, Hashable {
    let high: UInt64
    let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The kernel's `/proc/sys/kernel/random/boot_id` (random(4)). Where that cannot be read, a random value: then nothing
    /// that was merely written is believed, which costs hashing and is never wrong.
    public static var current: BootID {
        var text = [UInt8](repeating: 0, count: 64)
        var digits: [UInt64] = []
        if let file = try? SystemCalls.open("/proc/sys/kernel/random/boot_id", flags: O_RDONLY) {
            let count = text.withUnsafeMutableBytes { (try? SystemCalls.read(file.rawValue, into: $0)) ?? 0 }
            for byte in text[..<count] {
                switch byte {
                case 0x30...0x39: digits.append(UInt64(byte - 0x30))
                case 0x61...0x66: digits.append(UInt64(byte - 0x61 + 10))
                default: break
                }
            }
        }
        guard digits.count == 32 else { return BootID(high: .random(in: 1...UInt64.max), low: .random(in: 1...UInt64.max)) }
        return BootID(high: digits[..<16].reduce(0) { $0 << 4 | $1 }, low: digits[16...].reduce(0) { $0 << 4 | $1 })
    }
}
