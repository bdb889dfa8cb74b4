/// Packs directory entries into a reply of READDIR or READDIRPLUS until it is full.
///
/// READDIRPLUS counts one lookup for every entry with a node id, except "." and "..", which must be given node id 0.
public struct FUSEDirectoryBuffer {
    private let buffer: UnsafeMutableRawBufferPointer
    /// Bytes used so far.
    public private(set) var count = 0

    /// The longest name the kernel takes (`FUSE_NAME_MAX` of the oldest kernels), bytes.
    public static let maximumName = 1024

    /// Packs into the first `limit` bytes of `buffer`: what the request's `size` says.
    public init(_ buffer: UnsafeMutableRawBufferPointer, limit: Int) {
        self.buffer = UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(max(0, limit)))
    }

    /// The packed entries; empty is the end of the directory.
    public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[..<count]) }

    /// Appends one entry of READDIR (`struct fuse_dirent`). `cookie` is where the next READDIR goes on behind this entry,
    /// never 0. `mode` gives the type. False when it does not fit; nothing is written then.
    public mutating func append(ino: UInt64, cookie: UInt64, mode: UInt32, name: UnsafeRawBufferPointer) -> Bool {
        guard let base = reserve(FUSELayout.Dirent.name + name.count) else { return false }
        write(at: base, ino, cookie, mode, name)
        return true
    }

    /// Appends one entry of READDIRPLUS (`struct fuse_direntplus`).
    public mutating func appendPlus(_ entry: FUSEEntry, cookie: UInt64, name: UnsafeRawBufferPointer) -> Bool {
        guard let base = reserve(FUSELayout.EntryOut.size + FUSELayout.Dirent.name + name.count) else { return false }
        entry.encode(at: base)
        write(at: base + FUSELayout.EntryOut.size, entry.attributes.ino, cookie, entry.attributes.mode, name)
        return true
    }

    /// Takes the next `length` bytes, rounded up to 8 (`FUSE_REC_ALIGN`), cleared.
    private mutating func reserve(_ length: Int) -> UnsafeMutableRawPointer? {
        let padded = (length + 7) & ~7
        guard padded <= buffer.count - count, let start = buffer.baseAddress else { return nil }
        let base = start + count
        base.initializeMemory(as: UInt8.self, repeating: 0, count: padded)
        count += padded
        return base
    }

    private func write(at base: UnsafeMutableRawPointer, _ ino: UInt64, _ cookie: UInt64, _ mode: UInt32, _ name: UnsafeRawBufferPointer) {
        base.put(ino, at: FUSELayout.Dirent.ino)
        base.put(cookie, at: FUSELayout.Dirent.off)
        base.put(UInt32(name.count), at: FUSELayout.Dirent.namelen)
        // DT_* of readdir(3) are the type bits of the mode shifted down.
        base.put((mode & 0o170000) >> 12, at: FUSELayout.Dirent.type)
        if let source = name.baseAddress { (base + FUSELayout.Dirent.name).copyMemory(from: source, byteCount: name.count) }
    }
}
