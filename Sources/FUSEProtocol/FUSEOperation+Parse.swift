extension FUSEOperation {
    /// Reads the part behind the header. Bytes past what we know are allowed: later minors append fields.
    @inlinable
    public static func parse(opcode: UInt32, payload: UnsafeRawBufferPointer) throws(FUSEParseError) -> FUSEOperation {
        // READ first and inline: it is what programs wait for.
        if opcode == FUSEOpcode.read.rawValue {
            guard payload.count >= FUSELayout.ReadIn.size else { throw .payloadTooShort }
            return .read(FUSERead(payload.baseAddress.unsafelyUnwrapped))
        }
        return try parseOther(opcode: opcode, payload: payload)
    }

    @usableFromInline @inline(never)
    static func parseOther(opcode raw: UInt32, payload: UnsafeRawBufferPointer) throws(FUSEParseError) -> FUSEOperation {
        guard let opcode = FUSEOpcode(rawValue: raw) else { return .unknown(opcode: raw) }
        switch opcode {
        case .lookup: return .lookup(name: try name(in: payload, from: 0))
        case .forget: return .forget(count: try fixed(payload, FUSELayout.ForgetIn.size).u64(FUSELayout.ForgetIn.nlookup))
        case .batchForget: return .batchForget(try forgetList(payload))
        case .getattr:
            let base = try fixed(payload, FUSELayout.GetattrIn.size)
            return .getattr(fh: base.u32(FUSELayout.GetattrIn.getattrFlags) & 1 != 0 ? base.u64(FUSELayout.GetattrIn.fh) : nil)
        case .readlink: return .readlink
        case .open: return .open(flags: try fixed(payload, FUSELayout.OpenIn.size).u32(FUSELayout.OpenIn.flags))
        case .opendir: return .opendir(flags: try fixed(payload, FUSELayout.OpenIn.size).u32(FUSELayout.OpenIn.flags))
        case .read: return .read(FUSERead(try fixed(payload, FUSELayout.ReadIn.size)))
        case .readdir: return .readdir(FUSERead(try fixed(payload, FUSELayout.ReadIn.size)))
        case .readdirplus: return .readdirplus(FUSERead(try fixed(payload, FUSELayout.ReadIn.size)))
        case .statfs: return .statfs
        case .release: return .release(fh: try fixed(payload, FUSELayout.ReleaseIn.size).u64(FUSELayout.ReleaseIn.fh))
        case .releasedir: return .releasedir(fh: try fixed(payload, FUSELayout.ReleaseIn.size).u64(FUSELayout.ReleaseIn.fh))
        case .flush: return .flush(fh: try fixed(payload, FUSELayout.FlushIn.size).u64(FUSELayout.FlushIn.fh))
        case .fsync, .fsyncdir: return .fsync(fh: try fixed(payload, FUSELayout.FsyncIn.size).u64(FUSELayout.FsyncIn.fh))
        case .getxattr:
            let size = try fixed(payload, FUSELayout.Getxattr.size).u32(FUSELayout.Getxattr.bytes)
            return .getxattr(name: try name(in: payload, from: FUSELayout.Getxattr.size), size: size)
        case .listxattr: return .listxattr(size: try fixed(payload, FUSELayout.Getxattr.size).u32(FUSELayout.Getxattr.bytes))
        case .access: return .access(mask: try fixed(payload, FUSELayout.AccessIn.size).u32(FUSELayout.AccessIn.mask))
        case .lseek:
            let base = try fixed(payload, FUSELayout.LseekIn.size)
            return .lseek(fh: base.u64(FUSELayout.LseekIn.fh), offset: base.u64(FUSELayout.LseekIn.offset), whence: base.u32(FUSELayout.LseekIn.whence))
        case .poll:
            let base = try fixed(payload, FUSELayout.PollIn.size)
            return .poll(FUSEPoll(
                fh: base.u64(FUSELayout.PollIn.fh), kh: base.u64(FUSELayout.PollIn.kh), flags: base.u32(FUSELayout.PollIn.flags),
                events: base.u32(FUSELayout.PollIn.events)))
        case .statx: return .statx(mask: try fixed(payload, FUSELayout.StatxIn.size).u32(FUSELayout.StatxIn.sxMask))
        case .ioctl: return .ioctl(try ioctl(payload))
        case .interrupt: return .interrupt(unique: try fixed(payload, FUSELayout.InterruptIn.size).u64(FUSELayout.InterruptIn.unique))
        case .`init`: return .initialize(try FUSEInit(payload: payload))
        case .destroy: return .destroy
        case .setattr, .symlink, .mknod, .mkdir, .unlink, .rmdir, .rename, .rename2, .link, .write, .setxattr, .removexattr,
            .create, .tmpfile, .fallocate, .copyFileRange, .copyFileRange64:
            return .modifying(FUSEModification(opcode: opcode, payload: payload))
        case .getlk, .setlk, .setlkw, .bmap, .notifyReply, .setupmapping, .removemapping, .syncfs:
            return .unknown(opcode: raw)
        }
    }

    /// The payload's start, after a check that `size` bytes are there.
    @inline(__always)
    private static func fixed(_ payload: UnsafeRawBufferPointer, _ size: Int) throws(FUSEParseError) -> UnsafeRawPointer {
        guard payload.count >= size, let base = payload.baseAddress else { throw .payloadTooShort }
        return base
    }

    /// The NUL-terminated name that starts at `offset`, without its NUL.
    private static func name(in payload: UnsafeRawBufferPointer, from offset: Int) throws(FUSEParseError) -> UnsafeRawBufferPointer {
        var end = offset
        while end < payload.count && payload[end] != 0 { end += 1 }
        guard end < payload.count, end > offset else { throw .badName }
        return UnsafeRawBufferPointer(rebasing: payload[offset..<end])
    }

    private static func forgetList(_ payload: UnsafeRawBufferPointer) throws(FUSEParseError) -> FUSEForgetList {
        let count = Int(try fixed(payload, FUSELayout.BatchForgetIn.size).u32(FUSELayout.BatchForgetIn.count))
        let start = FUSELayout.BatchForgetIn.size
        // 32 bits times 16 cannot overflow 64.
        let length = count * FUSELayout.ForgetOne.size
        guard length <= payload.count - start else { throw .payloadTooShort }
        return FUSEForgetList(UnsafeRawBufferPointer(rebasing: payload[start..<start + length]))
    }

    private static func ioctl(_ payload: UnsafeRawBufferPointer) throws(FUSEParseError) -> FUSEIoctl {
        let base = try fixed(payload, FUSELayout.IoctlIn.size)
        let start = FUSELayout.IoctlIn.size
        let length = Int(base.u32(FUSELayout.IoctlIn.inSize))
        guard length <= payload.count - start else { throw .payloadTooShort }
        return FUSEIoctl(
            fh: base.u64(FUSELayout.IoctlIn.fh), flags: base.u32(FUSELayout.IoctlIn.flags), command: base.u32(FUSELayout.IoctlIn.cmd),
            argument: base.u64(FUSELayout.IoctlIn.arg), outSize: base.u32(FUSELayout.IoctlIn.outSize),
            input: UnsafeRawBufferPointer(rebasing: payload[start..<start + length]))
    }
}
