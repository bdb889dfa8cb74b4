import FUSEProtocol
import Testing

/// Our constants and offsets against the header of the system. It may be older than we are; what it has must agree.
@Suite struct KernelHeaderTests {
    let header: KernelHeader
    init() throws { header = try KernelHeader() }

    /// "batchForget" → "BATCH_FORGET", "rename2" → "RENAME2", "copyFileRange64" → "COPY_FILE_RANGE_64".
    static func upperSnake(_ name: String) -> String {
        var result = ""
        var previousIsLetter = false
        for character in name {
            let breaks = character.isUppercase || (character.isNumber && previousIsLetter && name != "rename2")
            if breaks { result += "_" }
            result += character.uppercased()
            previousIsLetter = character.isLetter
        }
        return result
    }

    @Test func theHeaderIsReadAtAll() {
        #expect(header.constants["FUSE_KERNEL_VERSION"] == 7)
        #expect((header.constants["FUSE_KERNEL_MINOR_VERSION"] ?? 0) >= 31)
        #expect(header.constants["FUSE_ROOT_ID"] == FUSELimits.rootNodeID)
        #expect(header.constants["FUSE_MIN_READ_BUFFER"] == UInt64(FUSELimits.minimumReadBuffer))
        #expect(header.structures["fuse_in_header"]?[""] == 40)
    }

    @Test func opcodes() {
        var found = 0
        for opcode in FUSEOpcode.allCases {
            let name = "FUSE_" + Self.upperSnake("\(opcode)")
            guard let value = header.constants[name] else {
                #expect(opcode.rawValue > 51, "\(name) is not in the header")
                continue
            }
            #expect(value == UInt64(opcode.rawValue), "\(name)")
            found += 1
        }
        #expect(found >= 45)
    }

    @Test func notifyCodes() {
        for code in FUSENotifyCode.allCases {
            let name = "FUSE_NOTIFY_" + Self.upperSnake("\(code)")
            if let value = header.constants[name] {
                #expect(value == UInt64(code.rawValue), "\(name)")
            } else {
                #expect(code.rawValue > 6, "\(name) is not in the header")
            }
        }
    }

    @Test func flags() {
        let flags: [(String, FUSEInitFlags)] = [
            ("ASYNC_READ", .asyncRead), ("POSIX_LOCKS", .posixLocks), ("FILE_OPS", .fileOperations), ("ATOMIC_O_TRUNC", .atomicTruncate),
            ("EXPORT_SUPPORT", .exportSupport), ("BIG_WRITES", .bigWrites), ("DONT_MASK", .dontMask), ("SPLICE_WRITE", .spliceWrite),
            ("SPLICE_MOVE", .spliceMove), ("SPLICE_READ", .spliceRead), ("FLOCK_LOCKS", .flockLocks), ("HAS_IOCTL_DIR", .ioctlOnDirectories),
            ("AUTO_INVAL_DATA", .autoInvalidateData), ("DO_READDIRPLUS", .readdirplus), ("READDIRPLUS_AUTO", .readdirplusAuto),
            ("ASYNC_DIO", .asyncDirectIO), ("WRITEBACK_CACHE", .writebackCache), ("NO_OPEN_SUPPORT", .noOpenSupport),
            ("PARALLEL_DIROPS", .parallelDirectoryOperations), ("HANDLE_KILLPRIV", .handleKillPrivileges), ("POSIX_ACL", .posixACL),
            ("ABORT_ERROR", .abortError), ("MAX_PAGES", .maxPages), ("CACHE_SYMLINKS", .cacheSymlinks), ("NO_OPENDIR_SUPPORT", .noOpendirSupport),
            ("EXPLICIT_INVAL_DATA", .explicitInvalidateData), ("MAP_ALIGNMENT", .mapAlignment), ("SUBMOUNTS", .submounts),
            ("HANDLE_KILLPRIV_V2", .handleKillPrivilegesV2), ("SETXATTR_EXT", .setxattrExtension), ("INIT_EXT", .initExtension),
            ("INIT_RESERVED", .initReserved), ("SECURITY_CTX", .securityContext), ("HAS_INODE_DAX", .inodeDAX),
            ("CREATE_SUPP_GROUP", .createSupplementaryGroup), ("HAS_EXPIRE_ONLY", .expireOnly), ("DIRECT_IO_ALLOW_MMAP", .directIOAllowMmap),
            ("PASSTHROUGH", .passthrough), ("NO_EXPORT_SUPPORT", .noExportSupport), ("HAS_RESEND", .hasResend), ("ALLOW_IDMAP", .allowIDMap),
            ("OVER_IO_URING", .overIOUring), ("REQUEST_TIMEOUT", .requestTimeout),
        ]
        var found = 0
        for (name, flag) in flags {
            guard let value = header.constants["FUSE_" + name] else {
                // What 7.38 and older headers may lack.
                #expect(flag.rawValue >= FUSEInitFlags.securityContext.rawValue, "FUSE_\(name) is not in the header")
                continue
            }
            #expect(value == flag.rawValue, "FUSE_\(name)")
            found += 1
        }
        #expect(found >= 32)
        let open: [(String, FUSEOpenFlags)] = [
            ("DIRECT_IO", .directIO), ("KEEP_CACHE", .keepCache), ("NONSEEKABLE", .nonSeekable), ("CACHE_DIR", .cacheDirectory), ("STREAM", .stream),
            ("NOFLUSH", .noFlush), ("PARALLEL_DIRECT_WRITES", .parallelDirectWrites), ("PASSTHROUGH", .passthrough),
        ]
        for (name, flag) in open {
            if let value = header.constants["FOPEN_" + name] { #expect(value == UInt64(flag.rawValue), "FOPEN_\(name)") }
        }
        #expect(header.constants["FUSE_READ_LOCKOWNER"] == UInt64(FUSERead.lockOwnerFlag))
        #expect(header.constants["FUSE_POLL_SCHEDULE_NOTIFY"] == UInt64(FUSEPoll.scheduleNotify))
        #expect(header.constants["FUSE_IOCTL_DIR"] == UInt64(FUSEIoctl.directoryFlag))
        #expect(header.constants["FUSE_EXPIRE_ONLY"] == 1 && header.constants["FUSE_GETATTR_FH"] == 1)
    }

    @Test(arguments: layouts) func layout(_ expected: Layout) throws {
        let actual = try #require(header.structures[expected.name], "no struct \(expected.name)")
        for (field, offset) in expected.fields {
            #expect(try #require(actual[field], "no \(expected.name).\(field)") == offset, "\(expected.name).\(field)")
        }
        if let size = expected.size { #expect(actual[""] == size, "size of \(expected.name)") }
    }

    struct Layout: Sendable, CustomTestStringConvertible {
        let name: String
        let size: Int?
        let fields: [(String, Int)]
        init(_ name: String, _ size: Int?, _ fields: [(String, Int)]) { (self.name, self.size, self.fields) = (name, size, fields) }
        var testDescription: String { name }
    }

    typealias L = FUSELayout
    static let layouts: [Layout] = [
        Layout("fuse_in_header", L.InHeader.size, [
            ("len", L.InHeader.len), ("opcode", L.InHeader.opcode), ("unique", L.InHeader.unique), ("nodeid", L.InHeader.nodeid), ("uid", L.InHeader.uid),
            ("gid", L.InHeader.gid), ("pid", L.InHeader.pid),
        ]),
        Layout("fuse_out_header", L.OutHeader.size, [("len", L.OutHeader.len), ("error", L.OutHeader.error), ("unique", L.OutHeader.unique)]),
        Layout("fuse_init_in", L.InitIn.size, [
            ("major", L.InitIn.major), ("minor", L.InitIn.minor), ("max_readahead", L.InitIn.maxReadahead), ("flags", L.InitIn.flags), ("flags2", L.InitIn.flags2),
        ]),
        Layout("fuse_init_out", L.InitOut.size, [
            ("major", L.InitOut.major), ("minor", L.InitOut.minor), ("max_readahead", L.InitOut.maxReadahead), ("flags", L.InitOut.flags),
            ("max_background", L.InitOut.maxBackground), ("congestion_threshold", L.InitOut.congestionThreshold), ("max_write", L.InitOut.maxWrite),
            ("time_gran", L.InitOut.timeGran), ("max_pages", L.InitOut.maxPages), ("map_alignment", L.InitOut.mapAlignment), ("flags2", L.InitOut.flags2),
        ]),
        Layout("fuse_attr", L.Attr.size, [
            ("ino", L.Attr.ino), ("size", L.Attr.fileSize), ("blocks", L.Attr.blocks), ("atime", L.Attr.atime), ("mtime", L.Attr.mtime), ("ctime", L.Attr.ctime),
            ("atimensec", L.Attr.atimensec), ("mtimensec", L.Attr.mtimensec), ("ctimensec", L.Attr.ctimensec), ("mode", L.Attr.mode), ("nlink", L.Attr.nlink),
            ("uid", L.Attr.uid), ("gid", L.Attr.gid), ("rdev", L.Attr.rdev), ("blksize", L.Attr.blksize), ("flags", L.Attr.flags),
        ]),
        Layout("fuse_attr_out", L.AttrOut.size, [("attr_valid", L.AttrOut.attrValid), ("attr_valid_nsec", L.AttrOut.attrValidNsec), ("attr", L.AttrOut.attr)]),
        Layout("fuse_entry_out", L.EntryOut.size, [
            ("nodeid", L.EntryOut.nodeid), ("generation", L.EntryOut.generation), ("entry_valid", L.EntryOut.entryValid), ("attr_valid", L.EntryOut.attrValid),
            ("entry_valid_nsec", L.EntryOut.entryValidNsec), ("attr_valid_nsec", L.EntryOut.attrValidNsec), ("attr", L.EntryOut.attr),
        ]),
        Layout("fuse_kstatfs", L.Statfs.size, [
            ("blocks", L.Statfs.blocks), ("bfree", L.Statfs.bfree), ("bavail", L.Statfs.bavail), ("files", L.Statfs.files), ("ffree", L.Statfs.ffree),
            ("bsize", L.Statfs.bsize), ("namelen", L.Statfs.namelen), ("frsize", L.Statfs.frsize),
        ]),
        Layout("fuse_forget_in", L.ForgetIn.size, [("nlookup", L.ForgetIn.nlookup)]),
        Layout("fuse_batch_forget_in", L.BatchForgetIn.size, [("count", L.BatchForgetIn.count)]),
        Layout("fuse_forget_one", L.ForgetOne.size, [("nodeid", L.ForgetOne.nodeid), ("nlookup", L.ForgetOne.nlookup)]),
        Layout("fuse_getattr_in", L.GetattrIn.size, [("getattr_flags", L.GetattrIn.getattrFlags), ("fh", L.GetattrIn.fh)]),
        Layout("fuse_open_in", L.OpenIn.size, [("flags", L.OpenIn.flags), ("open_flags", L.OpenIn.openFlags)]),
        Layout("fuse_open_out", L.OpenOut.size, [("fh", L.OpenOut.fh), ("open_flags", L.OpenOut.openFlags)]),
        Layout("fuse_read_in", L.ReadIn.size, [
            ("fh", L.ReadIn.fh), ("offset", L.ReadIn.offset), ("size", L.ReadIn.bytes), ("read_flags", L.ReadIn.readFlags), ("lock_owner", L.ReadIn.lockOwner),
            ("flags", L.ReadIn.flags),
        ]),
        Layout("fuse_release_in", L.ReleaseIn.size, [
            ("fh", L.ReleaseIn.fh), ("flags", L.ReleaseIn.flags), ("release_flags", L.ReleaseIn.releaseFlags), ("lock_owner", L.ReleaseIn.lockOwner),
        ]),
        Layout("fuse_flush_in", L.FlushIn.size, [("fh", L.FlushIn.fh), ("lock_owner", L.FlushIn.lockOwner)]),
        Layout("fuse_fsync_in", L.FsyncIn.size, [("fh", L.FsyncIn.fh), ("fsync_flags", L.FsyncIn.fsyncFlags)]),
        Layout("fuse_getxattr_in", L.Getxattr.size, [("size", L.Getxattr.bytes)]),
        Layout("fuse_getxattr_out", L.Getxattr.size, [("size", L.Getxattr.bytes)]),
        Layout("fuse_access_in", L.AccessIn.size, [("mask", L.AccessIn.mask)]),
        Layout("fuse_lseek_in", L.LseekIn.size, [("fh", L.LseekIn.fh), ("offset", L.LseekIn.offset), ("whence", L.LseekIn.whence)]),
        Layout("fuse_lseek_out", L.LseekOut.size, [("offset", L.LseekOut.offset)]),
        Layout("fuse_interrupt_in", L.InterruptIn.size, [("unique", L.InterruptIn.unique)]),
        Layout("fuse_ioctl_in", L.IoctlIn.size, [
            ("fh", L.IoctlIn.fh), ("flags", L.IoctlIn.flags), ("cmd", L.IoctlIn.cmd), ("arg", L.IoctlIn.arg), ("in_size", L.IoctlIn.inSize), ("out_size", L.IoctlIn.outSize),
        ]),
        Layout("fuse_ioctl_out", L.IoctlOut.size, [
            ("result", L.IoctlOut.result), ("flags", L.IoctlOut.flags), ("in_iovs", L.IoctlOut.inIovs), ("out_iovs", L.IoctlOut.outIovs),
        ]),
        Layout("fuse_poll_in", L.PollIn.size, [("fh", L.PollIn.fh), ("kh", L.PollIn.kh), ("flags", L.PollIn.flags), ("events", L.PollIn.events)]),
        Layout("fuse_poll_out", L.PollOut.size, [("revents", L.PollOut.revents)]),
        Layout("fuse_mknod_in", L.MknodIn.size, [("mode", L.MknodIn.mode), ("rdev", L.MknodIn.rdev), ("umask", L.MknodIn.umask)]),
        Layout("fuse_mkdir_in", L.MkdirIn.size, [("mode", L.MkdirIn.mode), ("umask", L.MkdirIn.umask)]),
        Layout("fuse_rename_in", L.RenameIn.size, [("newdir", L.RenameIn.newdir)]),
        Layout("fuse_rename2_in", L.Rename2In.size, [("newdir", L.Rename2In.newdir), ("flags", L.Rename2In.flags)]),
        Layout("fuse_link_in", L.LinkIn.size, [("oldnodeid", L.LinkIn.oldnodeid)]),
        Layout("fuse_setattr_in", L.SetattrIn.size, [
            ("valid", L.SetattrIn.valid), ("fh", L.SetattrIn.fh), ("size", L.SetattrIn.fileSize), ("lock_owner", L.SetattrIn.lockOwner),
            ("atime", L.SetattrIn.atime), ("mtime", L.SetattrIn.mtime), ("ctime", L.SetattrIn.ctime), ("atimensec", L.SetattrIn.atimensec),
            ("mtimensec", L.SetattrIn.mtimensec), ("ctimensec", L.SetattrIn.ctimensec), ("mode", L.SetattrIn.mode), ("uid", L.SetattrIn.uid),
            ("gid", L.SetattrIn.gid),
        ]),
        Layout("fuse_setxattr_in", nil, [("size", L.SetxattrIn.bytes), ("flags", L.SetxattrIn.flags), ("setxattr_flags", L.SetxattrIn.size)]),
        Layout("fuse_write_in", L.WriteIn.size, [
            ("fh", L.WriteIn.fh), ("offset", L.WriteIn.offset), ("size", L.WriteIn.bytes), ("write_flags", L.WriteIn.writeFlags),
            ("lock_owner", L.WriteIn.lockOwner), ("flags", L.WriteIn.flags),
        ]),
        Layout("fuse_create_in", L.CreateIn.size, [
            ("flags", L.CreateIn.flags), ("mode", L.CreateIn.mode), ("umask", L.CreateIn.umask), ("open_flags", L.CreateIn.openFlags),
        ]),
        Layout("fuse_fallocate_in", L.FallocateIn.size, [
            ("fh", L.FallocateIn.fh), ("offset", L.FallocateIn.offset), ("length", L.FallocateIn.length), ("mode", L.FallocateIn.mode),
        ]),
        Layout("fuse_dirent", nil, [
            ("ino", L.Dirent.ino), ("off", L.Dirent.off), ("namelen", L.Dirent.namelen), ("type", L.Dirent.type), ("name", L.Dirent.name),
        ]),
        Layout("fuse_notify_inval_inode_out", L.NotifyInvalInodeOut.size, [
            ("ino", L.NotifyInvalInodeOut.ino), ("off", L.NotifyInvalInodeOut.off), ("len", L.NotifyInvalInodeOut.len),
        ]),
        Layout("fuse_notify_inval_entry_out", L.NotifyInvalEntryOut.size, [
            ("parent", L.NotifyInvalEntryOut.parent), ("namelen", L.NotifyInvalEntryOut.namelen), ("flags", L.NotifyInvalEntryOut.flags),
        ]),
        Layout("fuse_notify_delete_out", L.NotifyDeleteOut.size, [
            ("parent", L.NotifyDeleteOut.parent), ("child", L.NotifyDeleteOut.child), ("namelen", L.NotifyDeleteOut.namelen),
        ]),
        Layout("fuse_notify_store_out", L.NotifyStoreOut.size, [
            ("nodeid", L.NotifyStoreOut.nodeid), ("offset", L.NotifyStoreOut.offset), ("size", L.NotifyStoreOut.bytes),
        ]),
        Layout("fuse_notify_poll_wakeup_out", L.NotifyPollWakeupOut.size, [("kh", L.NotifyPollWakeupOut.kh)]),
    ]
}
