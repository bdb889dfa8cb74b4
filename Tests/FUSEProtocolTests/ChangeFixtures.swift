/// One request of every kind that changes the tree, as the kernel sends it.
enum ChangeFixtures {
    static let mknod = request(8, u32(0o100644), u32(0x0103), u32(0o022), u32(0), text("node"), [0])  // mode, rdev, umask, padding, name
    static let mkdir = request(9, u32(0o777), u32(0o022), text("dir"), [0])  // mode, umask, name
    static let unlink = request(10, text("gone"), [0])
    static let rmdir = request(11, text("empty"), [0])
    static let rename = request(12, u64(9), text("from"), [0], text("to"), [0])  // newdir, both names
    static let rename2 = request(45, u64(9), u32(1), u32(0), text("from"), [0], text("to"), [0])  // newdir, flags, padding, both names
    static let link = request(13, u64(5), text("second"), [0])  // oldnodeid, newname
    static let symlink = request(6, text("name"), [0], text("../target"), [0])
    /// mode, uid, size, atime, mtime_now, fh
    static let setattr = request(
        4,
        u32(1 << 0 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 5 | 1 << 8), u32(0),  // valid, padding
        u64(99), u64(4096), u64(0),  // fh, size, lock_owner
        i64(-1), i64(3), i64(4),  // atime, mtime, ctime
        u32(10), u32(20), u32(30),  // their nanoseconds
        u32(0o100555), u32(0), u32(1000), u32(1001), u32(0))  // mode, unused, uid, gid, unused
    static let setxattr = request(21, u32(5), u32(1), text("user.x"), [0], text("value"))  // size, flags, name, value
    static let removexattr = request(24, text("user.x"), [0])
    static let write = request(16, u64(99), u64(4096), u32(3), u32(0), u64(0), u32(0o100001), u32(0), text("abc"))  // fh, offset, size, …, data
    static let create = request(35, u32(0o101), u32(0o100600), u32(0o077), u32(0), text("new"), [0])  // flags, mode, umask, open_flags, name
    static let fallocate = request(43, u64(99), u64(1), u64(2), u32(3), u32(0))  // fh, offset, length, mode, padding

    static let all: [[UInt8]] = [
        mknod, mkdir, unlink, rmdir, rename, rename2, link, symlink, setattr, setxattr, removexattr, write, create, fallocate,
    ]
}
