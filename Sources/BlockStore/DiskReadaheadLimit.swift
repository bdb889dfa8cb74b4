import LinuxSystem

/// How far ahead a store reads for a reader in order: as far as the kernel would on the same disk, whose driver or administrator
/// knows what it needs (sysfs-block(5), `read_ahead_kb`).
enum DiskReadaheadLimit {
    /// In blocks: 1 MiB at least, so that hashing and the disk work at the same time; 8 MiB at most, so that many readers do not push
    /// each other's pages out of memory.
    static let range = DiskReadahead.firstWindow...2048

    /// The limit for the file system on device `device` (`st_dev`), in blocks. Reads sysfs; what is not found there counts as the least.
    static func blocks(device: UInt64) -> Int {
        // gnu_dev_major(3) and gnu_dev_minor(3).
        let major = (device >> 8) & 0xfff | (device >> 32) & ~0xfff
        let minor = device & 0xff | (device >> 12) & ~0xff
        // A disk, a partition (whose queue is its disk's), a file system with a number of its own.
        for path in ["/sys/dev/block/\(major):\(minor)/queue", "/sys/dev/block/\(major):\(minor)/../queue", "/sys/class/bdi/\(major):\(minor)"] {
            if let text = try? SystemCalls.contents(of: FilePath("\(path)/read_ahead_kb"), limit: 64) { return blocks(setting: text) }
        }
        return range.lowerBound
    }

    /// From the text of a `read_ahead_kb`.
    static func blocks(setting text: [UInt8]) -> Int {
        let digits = text.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
        guard let kib = Int(String(decoding: digits, as: UTF8.self)) else { return digits.isEmpty ? range.lowerBound : range.upperBound }
        return min(max(kib / 4, range.lowerBound), range.upperBound)
    }
}
