/// Where each field of the kernel's structures lies, in bytes from the start of its structure. Little-endian machines and
/// big-endian ones alike: the protocol is in the machine's own order. A test holds these against `linux/fuse.h`.
public enum FUSELayout {
    /// `struct fuse_in_header`.
    public enum InHeader {
        public static let len = 0, opcode = 4, unique = 8, nodeid = 16, uid = 24, gid = 28, pid = 32, totalExtlen = 36
        public static let size = 40
    }
    /// `struct fuse_out_header`.
    public enum OutHeader {
        public static let len = 0, error = 4, unique = 8
        public static let size = 16
    }
    /// `struct fuse_init_in`; 16 bytes before 7.36.
    public enum InitIn {
        public static let major = 0, minor = 4, maxReadahead = 8, flags = 12, flags2 = 16
        public static let size = 64
        public static let sizeBeforeExtension = 16
    }
    /// `struct fuse_init_out` (`maxStackDepth` 7.40, `requestTimeout` 7.43).
    public enum InitOut {
        public static let major = 0, minor = 4, maxReadahead = 8, flags = 12, maxBackground = 16, congestionThreshold = 18
        public static let maxWrite = 20, timeGran = 24, maxPages = 28, mapAlignment = 30, flags2 = 32, maxStackDepth = 36
        public static let requestTimeout = 40
        public static let size = 64
    }
    /// `struct fuse_attr`.
    public enum Attr {
        public static let ino = 0, fileSize = 8, blocks = 16, atime = 24, mtime = 32, ctime = 40
        public static let atimensec = 48, mtimensec = 52, ctimensec = 56, mode = 60, nlink = 64, uid = 68, gid = 72
        public static let rdev = 76, blksize = 80, flags = 84
        public static let size = 88
    }
    /// `struct fuse_attr_out`.
    public enum AttrOut {
        public static let attrValid = 0, attrValidNsec = 8, attr = 16
        public static let size = 104
    }
    /// `struct fuse_entry_out`.
    public enum EntryOut {
        public static let nodeid = 0, generation = 8, entryValid = 16, attrValid = 24, entryValidNsec = 32, attrValidNsec = 36
        public static let attr = 40
        public static let size = 128
    }
    /// `struct fuse_kstatfs`.
    public enum Statfs {
        public static let blocks = 0, bfree = 8, bavail = 16, files = 24, ffree = 32, bsize = 40, namelen = 44, frsize = 48
        public static let size = 80
    }
    public enum ForgetIn {
        public static let nlookup = 0
        public static let size = 8
    }
    public enum BatchForgetIn {
        public static let count = 0
        public static let size = 8
    }
    public enum ForgetOne {
        public static let nodeid = 0, nlookup = 8
        public static let size = 16
    }
    public enum GetattrIn {
        public static let getattrFlags = 0, fh = 8
        public static let size = 16
    }
    public enum OpenIn {
        public static let flags = 0, openFlags = 4
        public static let size = 8
    }
    /// `struct fuse_open_out`; `backingID` was padding before 7.40.
    public enum OpenOut {
        public static let fh = 0, openFlags = 8, backingID = 12
        public static let size = 16
    }
    /// `struct fuse_read_in`, also of READDIR and READDIRPLUS.
    public enum ReadIn {
        public static let fh = 0, offset = 8, bytes = 16, readFlags = 20, lockOwner = 24, flags = 32
        public static let size = 40
    }
    public enum ReleaseIn {
        public static let fh = 0, flags = 8, releaseFlags = 12, lockOwner = 16
        public static let size = 24
    }
    public enum FlushIn {
        public static let fh = 0, lockOwner = 16
        public static let size = 24
    }
    public enum FsyncIn {
        public static let fh = 0, fsyncFlags = 8
        public static let size = 16
    }
    /// `struct fuse_getxattr_in` and `fuse_getxattr_out`, also of LISTXATTR.
    public enum Getxattr {
        public static let bytes = 0
        public static let size = 8
    }
    public enum AccessIn {
        public static let mask = 0
        public static let size = 8
    }
    public enum LseekIn {
        public static let fh = 0, offset = 8, whence = 16
        public static let size = 24
    }
    public enum LseekOut {
        public static let offset = 0
        public static let size = 8
    }
    public enum InterruptIn {
        public static let unique = 0
        public static let size = 8
    }
    public enum IoctlIn {
        public static let fh = 0, flags = 8, cmd = 12, arg = 16, inSize = 24, outSize = 28
        public static let size = 32
    }
    public enum IoctlOut {
        public static let result = 0, flags = 4, inIovs = 8, outIovs = 12
        public static let size = 16
    }
    public enum PollIn {
        public static let fh = 0, kh = 8, flags = 16, events = 20
        public static let size = 24
    }
    public enum PollOut {
        public static let revents = 0
        public static let size = 8
    }
    /// `struct fuse_statx_in` (7.39).
    public enum StatxIn {
        public static let getattrFlags = 0, fh = 8, sxFlags = 16, sxMask = 20
        public static let size = 24
    }
    public enum MknodIn {
        public static let mode = 0, rdev = 4, umask = 8
        public static let size = 16
    }
    public enum MkdirIn {
        public static let mode = 0, umask = 4
        public static let size = 8
    }
    public enum RenameIn {
        public static let newdir = 0
        public static let size = 8
    }
    /// `struct fuse_rename2_in` (7.23).
    public enum Rename2In {
        public static let newdir = 0, flags = 8
        public static let size = 16
    }
    public enum LinkIn {
        public static let oldnodeid = 0
        public static let size = 8
    }
    public enum SetattrIn {
        public static let valid = 0, fh = 8, fileSize = 16, lockOwner = 24, atime = 32, mtime = 40, ctime = 48
        public static let atimensec = 56, mtimensec = 60, ctimensec = 64, mode = 68, uid = 76, gid = 80
        public static let size = 88
    }
    /// `struct fuse_setxattr_in` without `FUSE_SETXATTR_EXT`, which we do not ask for.
    public enum SetxattrIn {
        public static let bytes = 0, flags = 4
        public static let size = 8
    }
    public enum WriteIn {
        public static let fh = 0, offset = 8, bytes = 16, writeFlags = 20, lockOwner = 24, flags = 32
        public static let size = 40
    }
    public enum CreateIn {
        public static let flags = 0, mode = 4, umask = 8, openFlags = 12
        public static let size = 16
    }
    public enum FallocateIn {
        public static let fh = 0, offset = 8, length = 16, mode = 24
        public static let size = 32
    }
    public enum Dirent {
        public static let ino = 0, off = 8, namelen = 16, type = 20, name = 24
    }
    public enum NotifyInvalInodeOut {
        public static let ino = 0, off = 8, len = 16
        public static let size = 24
    }
    public enum NotifyInvalEntryOut {
        public static let parent = 0, namelen = 8, flags = 12
        public static let size = 16
    }
    public enum NotifyDeleteOut {
        public static let parent = 0, child = 8, namelen = 16
        public static let size = 24
    }
    public enum NotifyStoreOut {
        public static let nodeid = 0, offset = 8, bytes = 16
        public static let size = 24
    }
    public enum NotifyPollWakeupOut {
        public static let kh = 0
        public static let size = 8
    }
}
