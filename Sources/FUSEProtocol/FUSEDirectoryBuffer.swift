/// Packs directory entries into a reply of READDIR or READDIRPLUS until it is full.
///
/// READDIRPLUS counts one lookup for every entry with a node id, except "." and "..", which must be given node id 0.
public struct FUSEDirectoryBuffer {
    private let buffer: UnsafeMutableRawBufferPointer
    /// Bytes used so far.
    public private(set) var count = 0

    /// Packs into `buffer`: at most the bytes that the request's `size` allows.
    public init(_ buffer: UnsafeMutableRawBufferPointer) { self.buffer = buffer }

    /// The packed entries; empty is the end of the directory.
    public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[..<count]) }

    /// Appends one entry of READDIR (`struct fuse_dirent`). `offset` is the cookie with which the next READDIR goes on behind
    /// this entry, never 0; `type` is a `DT_*` of readdir(3). False when it does not fit; nothing is written then.
    public mutating func append(name: UnsafeRawBufferPointer, offset: UInt64, inode: UInt64, type: UInt32) -> Bool {
        guard let base = reserve(FUSELayout.Dirent.name + name.count) else { return false }
        write(at: base, name, offset, inode, type)
        return true
    }

    /// Appends one entry of READDIRPLUS (`struct fuse_direntplus`); the inode number is that of the entry's attributes.
    public mutating func append(name: UnsafeRawBufferPointer, offset: UInt64, type: UInt32, entry: FUSEEntry) -> Bool {
        guard let base = reserve(FUSELayout.EntryOut.size + FUSELayout.Dirent.name + name.count) else { return false }
        entry.encode(at: base)
        write(at: base + FUSELayout.EntryOut.size, name, offset, entry.attributes.ino, type)
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

    private func write(at base: UnsafeMutableRawPointer, _ name: UnsafeRawBufferPointer, _ offset: UInt64, _ inode: UInt64, _ type: UInt32) {
        base.put(inode, at: FUSELayout.Dirent.ino)
        base.put(offset, at: FUSELayout.Dirent.off)
        base.put(UInt32(name.count), at: FUSELayout.Dirent.namelen)
        base.put(type, at: FUSELayout.Dirent.type)
        if let source = name.baseAddress { (base + FUSELayout.Dirent.name).copyMemory(from: source, byteCount: name.count) }
    }
}
