/// Who answers on the socket.
public struct HelloReport: Codable, Hashable, Sendable {
    public var daemonPid: Int32
    public var version: String
    public init(daemonPid: Int32, version: String) { self.daemonPid = daemonPid; self.version = version }
}

/// A mount that is usable.
public struct MountReport: Codable, Hashable, Sendable {
    public var mountpoint: String
    /// Tells it from later mounts at the same place.
    public var number: UInt64
    public var address: String
    public var name: String
    public var release: String
    /// 64 hexadecimal digits.
    public var root: String
    public var files: UInt64
    /// The bytes of all regular files.
    public var bytes: UInt64
    public var daemonPid: Int32
    /// The program that the publisher meant to be run, if any: its path inside the package.
    public var entry: String?
    public var entryBytes: String?
    /// What the user is told once: that the address is accepted from now on, or has a newer release.
    public var notice: String?

    public init(
        mountpoint: String, number: UInt64 = 0, address: String, name: String, release: String, root: String, files: UInt64, bytes: UInt64, daemonPid: Int32, entry: WirePath? = nil, notice: String? = nil
    ) {
        self.notice = notice
        self.mountpoint = mountpoint
        self.number = number
        self.address = address
        self.name = name
        self.release = release
        self.root = root
        self.files = files
        self.bytes = bytes
        self.daemonPid = daemonPid
        self.entry = entry?.path
        entryBytes = entry?.pathBytes
    }
}

/// How far a long request is.
public struct ProgressReport: Codable, Hashable, Sendable {
    /// Blocks, or bytes where there are none.
    public var done: UInt64
    /// 0: not known.
    public var total: UInt64
    public var bytesPerSecond: Double
    public var secondsLeft: Double?
    /// Something to tell a person, e.g. why it does not go on.
    public var note: String?

    public init(done: UInt64, total: UInt64, bytesPerSecond: Double = 0, secondsLeft: Double? = nil, note: String? = nil) {
        self.done = done
        self.total = total
        self.bytesPerSecond = bytesPerSecond
        self.secondsLeft = secondsLeft
        self.note = note
    }
}

/// The result of checking what is stored.
public struct VerifyReport: Codable, Hashable, Sendable {
    public var blocksChecked: UInt64
    /// Blocks that are not here yet: nothing to check.
    public var blocksMissing: UInt64
    public var problems: [VerifyProblem]

    public init(blocksChecked: UInt64, blocksMissing: UInt64, problems: [VerifyProblem]) {
        self.blocksChecked = blocksChecked
        self.blocksMissing = blocksMissing
        self.problems = problems
    }
}

/// A run of blocks of one file with the same problem.
public struct VerifyProblem: Codable, Hashable, Sendable {
    public var path: String
    public var pathBytes: String?
    public var firstBlock: UInt64
    public var blockCount: UInt64
    /// A sentence.
    public var problem: String

    public init(path: WirePath, firstBlock: UInt64, blockCount: UInt64, problem: String) {
        self.path = path.path
        pathBytes = path.pathBytes
        self.firstBlock = firstBlock
        self.blockCount = blockCount
        self.problem = problem
    }
}
