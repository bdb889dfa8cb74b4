/// One request of every kind, as the kernel sends it. Shared by the tests that read them and those that cut them short.
enum RequestFixtures {
    static let lookup = request(1, text("bin"), [0])  // name
    static let forget = request(2, u64(3))  // nlookup
    static let getattr = request(3, u32(0), u32(0), u64(0))  // getattr_flags, dummy, fh
    static let getattrOfHandle = request(3, u32(1), u32(0), u64(99))
    static let readlink = request(5)
    static let open = request(14, u32(0x8020), u32(0))  // flags, open_flags
    static let read = request(
        15,
        u64(99),  // fh
        u64(0x1_0000_0000),  // offset
        u32(4096),  // size
        u32(0),  // read_flags
        u64(5),  // lock_owner
        u32(0x8000),  // flags
        u32(0))  // padding
    static let readDirect = request(15, u64(99), u64(0), u32(131072), u32(2), u64(5), u32(0), u32(0))
    static let statfs = request(17)
    static let release = request(18, u64(99), u32(0), u32(0), u64(0))  // fh, flags, release_flags, lock_owner
    static let fsync = request(20, u64(99), u32(1), u32(0))  // fh, fsync_flags, padding
    static let getxattr = request(22, u32(64), u32(0), text("user.x"), [0])  // size, padding, name
    static let listxattr = request(23, u32(0), u32(0))  // size, padding
    static let flush = request(25, u64(99), u32(0), u32(0), u64(5))  // fh, unused, padding, lock_owner
    static let initialize38 = request(
        26, node: 0,
        u32(7),  // major
        u32(38),  // minor
        u32(131072),  // max_readahead
        u32(0x73FF_FFFB),  // flags
        u32(0x0000_000F),  // flags2
        zeros(44))  // unused
    static let initialize45 = request(26, node: 0, u32(7), u32(45), u32(131072), u32(0x73FF_FFFB), u32(0x0000_07FF), zeros(44))
    static let opendir = request(27, u32(0x18000), u32(0))
    static let readdir = request(28, u64(0), u64(2), u32(4096), u32(0), u64(0), u32(0), u32(0))
    static let releasedir = request(29, u64(98), u32(0), u32(0), u64(0))
    static let fsyncdir = request(30, u64(98), u32(0), u32(0))
    static let access = request(34, u32(4), u32(0))  // mask, padding
    static let interrupt = request(36, unique: 0x1123, node: 0, u64(0x1122))  // unique
    static let destroy = request(38, node: 0)
    static let ioctl = request(
        39,
        u64(99),  // fh
        u32(0),  // flags
        u32(0xC004_6686),  // cmd
        u64(0x7FFF_0000),  // arg
        u32(4),  // in_size
        u32(68),  // out_size
        [1, 0, 32, 0])
    static let poll = request(40, u64(99), u64(17), u32(1), u32(0x41))  // fh, kh, flags, events
    static let notifyReply = request(41, u64(0), u64(0), u32(0), u32(0), u64(0), u64(0))
    static let batchForget = request(
        42, node: 0,
        u32(2),  // count
        u32(0),  // dummy
        u64(5), u64(1),  // nodeid, nlookup
        u64(6), u64(2))
    static let readdirplus = request(44, u64(0), u64(0), u32(8192), u32(0), u64(0), u32(0), u32(0))
    static let lseek = request(46, u64(99), u64(8192), u32(3), u32(0))  // fh, offset, whence, padding
    static let statx = request(52, u32(0), u32(0), u64(0), u32(0), u32(0xFFF))  // getattr_flags, reserved, fh, sx_flags, sx_mask

    /// Those that change the tree; their payloads are not looked at.
    static let modifying: [UInt32] = [4, 6, 8, 9, 10, 11, 12, 13, 16, 21, 24, 35, 43, 45, 47, 51, 53]
    static let unserved: [UInt32] = [31, 32, 33, 37, 41, 48, 49, 50, 7, 19, 54, 4096, 0, .max]

    static let all: [[UInt8]] = [
        lookup, forget, getattr, getattrOfHandle, readlink, open, read, readDirect, statfs, release, fsync, getxattr, listxattr, flush,
        initialize38, initialize45, opendir, readdir, releasedir, fsyncdir, access, interrupt, destroy, ioctl, poll, notifyReply, batchForget,
        readdirplus, lseek, statx,
    ]
}
