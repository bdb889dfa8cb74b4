/// The requests of the protocol (`enum fuse_opcode`), with the minor version that brought each.
public enum FUSEOpcode: UInt32, Sendable, CaseIterable {
    case lookup = 1  // 7.1
    /// No reply.
    case forget = 2  // 7.1
    case getattr = 3  // 7.1
    case setattr = 4  // 7.1
    case readlink = 5  // 7.1
    case symlink = 6  // 7.1
    case mknod = 8  // 7.1
    case mkdir = 9  // 7.1
    case unlink = 10  // 7.1
    case rmdir = 11  // 7.1
    case rename = 12  // 7.1
    case link = 13  // 7.1
    case open = 14  // 7.1
    case read = 15  // 7.1
    case write = 16  // 7.1
    case statfs = 17  // 7.1
    case release = 18  // 7.1
    case fsync = 20  // 7.1
    case setxattr = 21  // 7.1
    case getxattr = 22  // 7.1
    case listxattr = 23  // 7.1
    case removexattr = 24  // 7.1
    case flush = 25  // 7.1
    case `init` = 26  // 7.1
    case opendir = 27  // 7.1
    case readdir = 28  // 7.1
    case releasedir = 29  // 7.1
    case fsyncdir = 30  // 7.2
    case getlk = 31  // 7.7
    case setlk = 32  // 7.7
    case setlkw = 33  // 7.7
    case access = 34  // 7.3
    case create = 35  // 7.3
    /// Names another request by its unique id; may be answered with EAGAIN to have it sent again, else no reply.
    case interrupt = 36  // 7.7
    case bmap = 37  // 7.8
    case destroy = 38  // 7.8
    case ioctl = 39  // 7.11
    case poll = 40  // 7.11
    /// The kernel's answer to `NOTIFY_RETRIEVE`; no reply.
    case notifyReply = 41  // 7.15
    /// No reply.
    case batchForget = 42  // 7.16
    case fallocate = 43  // 7.19
    case readdirplus = 44  // 7.21
    case rename2 = 45  // 7.23
    case lseek = 46  // 7.24
    case copyFileRange = 47  // 7.28
    case setupmapping = 48  // 7.31
    case removemapping = 49  // 7.31
    case syncfs = 50  // 7.34
    case tmpfile = 51  // 7.37
    case statx = 52  // 7.39
    case copyFileRange64 = 53  // 7.45
}

/// Unsolicited messages to the kernel (`enum fuse_notify_code`); the code travels in the `error` field, positive.
public enum FUSENotifyCode: Int32, Sendable, CaseIterable {
    case poll = 1  // 7.11
    case invalInode = 2  // 7.12
    case invalEntry = 3  // 7.12
    case store = 4  // 7.15
    case retrieve = 5  // 7.15
    case delete = 6  // 7.18
    case resend = 7  // 7.40
    case incEpoch = 8  // 7.44
    case prune = 9  // 7.45
}
