import LinuxSystem

/// What the daemon wants mounted. The keeper adds nothing but what root or `fusermount3` needs.
public struct MountRequest: Sendable, Equatable {
    /// Absolute and free of symbolic links; a directory.
    public var mountpoint: FilePath
    /// Shown as the source in the mount table.
    public var fsname: String
    /// The part of the type behind `fuse.`.
    public var subtype: String
    public var readOnly: Bool
    /// No program can be started from it.
    public var noExec: Bool
    /// Other users may enter; implies `defaultPermissions`.
    public var allowOther: Bool
    /// The kernel checks the permission bits.
    public var defaultPermissions: Bool
    /// Largest READ in bytes.
    public var maxRead: UInt32
    /// Readahead window in KiB to set as root; 0 leaves the kernel's own.
    public var readAheadKiB: UInt32
    /// Cloned device descriptors beside the first one, 0 to `maximumClones`.
    public var clones: UInt16

    /// More clones than worker threads make sense: one per core, with room for large machines.
    public static let maximumClones: UInt16 = 32
    /// PATH_MAX.
    public static let maximumPath = 4096
    public static let maximumName = 255

    public init(
        mountpoint: FilePath, fsname: String, subtype: String = "incfs", readOnly: Bool = true, noExec: Bool = false, allowOther: Bool = false,
        defaultPermissions: Bool = false, maxRead: UInt32 = 1 << 20, readAheadKiB: UInt32 = 0, clones: UInt16 = 0
    ) {
        self.mountpoint = mountpoint
        self.fsname = fsname
        self.subtype = subtype
        self.readOnly = readOnly
        self.noExec = noExec
        self.allowOther = allowOther
        self.defaultPermissions = defaultPermissions
        self.maxRead = maxRead
        self.readAheadKiB = readAheadKiB
        self.clones = clones
    }
}

/// How a mount was made.
public enum MountKind: UInt16, Sendable {
    /// By mount(2).
    case privileged = 0
    /// By `fusermount3`.
    case fusermount = 1
}

/// How an unmount is meant.
public enum UnmountMode: UInt32, Sendable {
    /// `EBUSY` while somebody has files open.
    case normal = 0
    /// Out of sight at once, gone with the last user.
    case lazy = 1
    /// Somebody else has unmounted it: only forget it.
    case alreadyGone = 2
}

/// A mount as both sides name it.
public struct MountIdentity: Sendable, Equatable {
    /// Unique in the life of one keeper.
    public var id: UInt64
    public var mountpoint: FilePath
    public var kind: MountKind
    /// The `st_dev` of the mount, found without asking it; `minor` names `/sys/fs/fuse/connections/<minor>`.
    public var major: UInt32
    public var minor: UInt32
    /// A companion of the daemon's comes last among the descriptors.
    public var hasCompanion: Bool

    public init(id: UInt64, mountpoint: FilePath, kind: MountKind, major: UInt32, minor: UInt32, hasCompanion: Bool = false) {
        self.hasCompanion = hasCompanion
        self.id = id
        self.mountpoint = mountpoint
        self.kind = kind
        self.major = major
        self.minor = minor
    }
}
