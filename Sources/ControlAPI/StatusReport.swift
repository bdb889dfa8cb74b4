/// What `incfs status --json` prints.
public struct StatusReport: Codable, Hashable, Sendable {
    public var daemonPid: Int32
    public var keeperPid: Int32
    /// The daemon's release.
    public var version: String
    /// The store's directory.
    public var store: String
    public var mounts: [MountStatus]
    /// Packages that are not mounted any more and are still being fetched (`--keep-filling`); nil if there are none.
    public var fills: [BackgroundFillStatus]?

    public init(daemonPid: Int32, keeperPid: Int32, version: String, store: String, mounts: [MountStatus]) {
        self.daemonPid = daemonPid
        self.keeperPid = keeperPid
        self.version = version
        self.store = store
        self.mounts = mounts
    }
}

/// One mount. Blocks are of 4096 bytes; bytes fetched are as they came over the wire.
public struct MountStatus: Codable, Hashable, Sendable {
    public var mountpoint: String
    /// The address without secrets in it.
    public var address: String
    /// The package's own name and release.
    public var name: String
    public var release: String
    /// The package's root digest, 64 hexadecimal digits.
    public var root: String
    public var blocksPresent: UInt64 = 0
    public var blocksTotal: UInt64 = 0
    public var bytesFetched: UInt64 = 0
    public var requests: UInt64 = 0
    /// Bytes fetched per second, over the last seconds.
    public var rateBytesPerSecond: Double = 0
    /// Of the fill; nil if it does not run or its speed is not known yet.
    public var secondsLeft: Double?
    public var readersWaiting: Int = 0
    public var waits: [ReaderWait] = []
    /// Why readers wait, as a sentence.
    public var waitReason: String?
    /// Seconds that readers waited since the mount, added up.
    public var waitSecondsTotal: Double = 0
    /// Files of which at least one byte was read.
    public var filesTouched: UInt64 = 0
    public var errors = ErrorCounts()
    /// Every block is here.
    public var complete = false
    public var fillState: FillState = .off
    /// Why the fill stands still, as a sentence, where that is not the origin's doing.
    public var fillNote: String?
    /// The last error as a sentence, if there was one.
    public var lastError: String?
    /// The last read that ended in an error, if one did.
    public var lastFailedRead: FailedRead?
    /// Of each process that a read has failed for lately (32 at most) its last one; the newest last.
    public var recentFailedReads: [FailedRead] = []
    /// Directories that take what is written over it now, by programs of `incfs run --writable` or by everybody.
    public var layers: [String] = []
    /// Only when asked for.
    public var files: [FileReport]?

    public init(mountpoint: String, address: String, name: String, release: String, root: String) {
        self.mountpoint = mountpoint
        self.address = address
        self.name = name
        self.release = release
        self.root = root
    }
}

/// A package that is fetched although it is not mounted.
public struct BackgroundFillStatus: Codable, Hashable, Sendable {
    public var name: String
    public var release: String
    /// 64 hexadecimal digits.
    public var root: String
    public var blocksPresent: UInt64
    public var blocksTotal: UInt64

    public init(name: String, release: String, root: String, blocksPresent: UInt64, blocksTotal: UInt64) {
        self.name = name
        self.release = release
        self.root = root
        self.blocksPresent = blocksPresent
        self.blocksTotal = blocksTotal
    }
}

/// Where the background fill is.
public enum FillState: String, Codable, Hashable, Sendable {
    /// Not asked for.
    case off
    case filling
    /// Waits for the origin to come back.
    case waiting
    /// Stopped: by an error, see `last_error`, or as `fill_note` says.
    case stopped
    case complete
}

/// A read that ended in an error.
public struct FailedRead: Codable, Hashable, Sendable {
    /// From 1, in the order of the mount's failed reads.
    public var number: UInt64
    public var path: String
    public var pathBytes: String?
    /// The first block that it asked for.
    public var block: UInt64
    /// The errno that the program saw.
    public var errno: Int32
    /// Why, for people.
    public var cause: String
    /// Who asked: the process, its parent, and so on up; empty where that is not known.
    public var processes: [Int32]

    public init(number: UInt64, path: WirePath, block: UInt64, errno: Int32, cause: String, processes: [Int32]) {
        self.number = number
        self.processes = processes
        self.path = path.path
        pathBytes = path.pathBytes
        self.block = block
        self.errno = errno
        self.cause = cause
    }
}

/// One parked read.
public struct ReaderWait: Codable, Hashable, Sendable {
    public var path: String
    public var pathBytes: String?
    /// The first missing block of the read, counted from the start of the file.
    public var block: UInt64
    /// How long it has waited.
    public var seconds: Double
    /// The reader's thread id as the kernel reports it; 0 if it is not visible from here.
    public var pid: UInt32

    public init(path: WirePath, block: UInt64, seconds: Double, pid: UInt32) {
        self.path = path.path
        pathBytes = path.pathBytes
        self.block = block
        self.seconds = seconds
        self.pid = pid
    }
}

public struct ErrorCounts: Codable, Hashable, Sendable {
    /// Stored or transferred blocks that did not match their digest.
    public var corruptBlocks: UInt64 = 0
    /// Blocks fetched again because of that.
    public var refetched: UInt64 = 0
    /// Reads that ended in an error.
    public var failedReads: UInt64 = 0
    public init() {}
    public init(corruptBlocks: UInt64, refetched: UInt64, failedReads: UInt64) {
        self.corruptBlocks = corruptBlocks
        self.refetched = refetched
        self.failedReads = failedReads
    }
}

/// One file of a mount.
public struct FileReport: Codable, Hashable, Sendable {
    public var path: String
    public var pathBytes: String?
    /// Bytes.
    public var size: UInt64
    public var blocksPresent: UInt64
    public var blocksTotal: UInt64
    public var touched: Bool

    public init(path: WirePath, size: UInt64, blocksPresent: UInt64, blocksTotal: UInt64, touched: Bool) {
        self.path = path.path
        pathBytes = path.pathBytes
        self.size = size
        self.blocksPresent = blocksPresent
        self.blocksTotal = blocksTotal
        self.touched = touched
    }
}
