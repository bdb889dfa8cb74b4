/// What a request wants changed. Names and values point into the request's buffer, without their NUL, and are good only
/// while the request is handled.
public enum FUSEChange: @unchecked Sendable {
    // Safety: the pointers are read only by the thread that handles the request.

    /// `mode` has the type and the permission bits; they are not yet reduced by `umask` unless the session said so in INIT.
    case mknod(name: UnsafeRawBufferPointer, mode: UInt32, rdev: UInt32, umask: UInt32)
    case mkdir(name: UnsafeRawBufferPointer, mode: UInt32, umask: UInt32)
    case unlink(name: UnsafeRawBufferPointer)
    case rmdir(name: UnsafeRawBufferPointer)
    /// From the request's node; `flags` are those of renameat2(2), 0 for RENAME.
    case rename(name: UnsafeRawBufferPointer, toDirectory: UInt64, toName: UnsafeRawBufferPointer, flags: UInt32)
    /// A new name, in the request's node, of the node `target`.
    case link(target: UInt64, name: UnsafeRawBufferPointer)
    case symlink(name: UnsafeRawBufferPointer, target: UnsafeRawBufferPointer)
    case setattr(FUSESetattr)
    /// `flags` are those of setxattr(2).
    case setxattr(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer, flags: UInt32)
    case removexattr(name: UnsafeRawBufferPointer)
    case write(fh: UInt64, offset: UInt64, data: UnsafeRawBufferPointer)
    case create(name: UnsafeRawBufferPointer, flags: UInt32, mode: UInt32, umask: UInt32)
    case fallocate(fh: UInt64, offset: UInt64, length: UInt64, mode: UInt32)
    /// TMPFILE and the copies between files.
    case other(FUSEOpcode)

    init(opcode: FUSEOpcode, payload: UnsafeRawBufferPointer) throws(FUSEParseError) {
        switch opcode {
        case .mknod:
            let base = try Self.fixed(payload, FUSELayout.MknodIn.size)
            self = .mknod(
                name: try Self.names(payload, from: FUSELayout.MknodIn.size, 1)[0], mode: base.u32(FUSELayout.MknodIn.mode),
                rdev: base.u32(FUSELayout.MknodIn.rdev), umask: base.u32(FUSELayout.MknodIn.umask))
        case .mkdir:
            let base = try Self.fixed(payload, FUSELayout.MkdirIn.size)
            self = .mkdir(
                name: try Self.names(payload, from: FUSELayout.MkdirIn.size, 1)[0], mode: base.u32(FUSELayout.MkdirIn.mode),
                umask: base.u32(FUSELayout.MkdirIn.umask))
        case .unlink: self = .unlink(name: try Self.names(payload, from: 0, 1)[0])
        case .rmdir: self = .rmdir(name: try Self.names(payload, from: 0, 1)[0])
        case .rename:
            let base = try Self.fixed(payload, FUSELayout.RenameIn.size)
            let names = try Self.names(payload, from: FUSELayout.RenameIn.size, 2)
            self = .rename(name: names[0], toDirectory: base.u64(FUSELayout.RenameIn.newdir), toName: names[1], flags: 0)
        case .rename2:
            let base = try Self.fixed(payload, FUSELayout.Rename2In.size)
            let names = try Self.names(payload, from: FUSELayout.Rename2In.size, 2)
            self = .rename(
                name: names[0], toDirectory: base.u64(FUSELayout.Rename2In.newdir), toName: names[1], flags: base.u32(FUSELayout.Rename2In.flags))
        case .link:
            let base = try Self.fixed(payload, FUSELayout.LinkIn.size)
            self = .link(target: base.u64(FUSELayout.LinkIn.oldnodeid), name: try Self.names(payload, from: FUSELayout.LinkIn.size, 1)[0])
        case .symlink:
            let names = try Self.names(payload, from: 0, 2)
            self = .symlink(name: names[0], target: names[1])
        case .setattr: self = .setattr(FUSESetattr(try Self.fixed(payload, FUSELayout.SetattrIn.size)))
        case .setxattr:
            let base = try Self.fixed(payload, FUSELayout.SetxattrIn.size)
            let name = try Self.names(payload, from: FUSELayout.SetxattrIn.size, 1)[0]
            let start = FUSELayout.SetxattrIn.size + name.count + 1
            let size = Int(base.u32(FUSELayout.SetxattrIn.bytes))
            guard size <= payload.count - start else { throw .payloadTooShort }
            self = .setxattr(
                name: name, value: UnsafeRawBufferPointer(rebasing: payload[start..<start + size]), flags: base.u32(FUSELayout.SetxattrIn.flags))
        case .removexattr: self = .removexattr(name: try Self.names(payload, from: 0, 1)[0])
        case .write:
            let base = try Self.fixed(payload, FUSELayout.WriteIn.size)
            let size = Int(base.u32(FUSELayout.WriteIn.bytes)), start = FUSELayout.WriteIn.size
            guard size <= payload.count - start else { throw .payloadTooShort }
            self = .write(
                fh: base.u64(FUSELayout.WriteIn.fh), offset: base.u64(FUSELayout.WriteIn.offset),
                data: UnsafeRawBufferPointer(rebasing: payload[start..<start + size]))
        case .create:
            let base = try Self.fixed(payload, FUSELayout.CreateIn.size)
            self = .create(
                name: try Self.names(payload, from: FUSELayout.CreateIn.size, 1)[0], flags: base.u32(FUSELayout.CreateIn.flags),
                mode: base.u32(FUSELayout.CreateIn.mode), umask: base.u32(FUSELayout.CreateIn.umask))
        case .fallocate:
            let base = try Self.fixed(payload, FUSELayout.FallocateIn.size)
            self = .fallocate(
                fh: base.u64(FUSELayout.FallocateIn.fh), offset: base.u64(FUSELayout.FallocateIn.offset),
                length: base.u64(FUSELayout.FallocateIn.length), mode: base.u32(FUSELayout.FallocateIn.mode))
        default: self = .other(opcode)
        }
    }

    private static func fixed(_ payload: UnsafeRawBufferPointer, _ size: Int) throws(FUSEParseError) -> UnsafeRawPointer {
        guard payload.count >= size, let base = payload.baseAddress else { throw .payloadTooShort }
        return base
    }

    /// `count` names, one behind the other, from `offset`; none may be empty.
    private static func names(_ payload: UnsafeRawBufferPointer, from offset: Int, _ count: Int) throws(FUSEParseError) -> [UnsafeRawBufferPointer] {
        var found: [UnsafeRawBufferPointer] = []
        var start = offset
        for _ in 0..<count {
            var end = start
            while end < payload.count && payload[end] != 0 { end += 1 }
            guard end < payload.count, end > start else { throw .badName }
            found.append(UnsafeRawBufferPointer(rebasing: payload[start..<end]))
            start = end + 1
        }
        return found
    }
}
