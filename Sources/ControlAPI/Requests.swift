/// Ends a mount.
public struct UnmountRequest: Codable, Hashable, Sendable {
    public var mountpoint: String
    /// Detach now and let open files finish (umount2(2), `MNT_DETACH`).
    public var lazy: Bool
    /// The number of the mount (`MountReport.number`) of which one use is given back: it is unmounted with the last, lazily if need be. nil: the mount
    /// ends, whoever uses it.
    public var release: UInt64?
    /// The layer that this use wrote to (`MountRequest.layer`).
    public var layer: String?

    public init(mountpoint: String, lazy: Bool = false, release: UInt64? = nil, layer: String? = nil) {
        self.mountpoint = mountpoint
        self.lazy = lazy
        self.release = release
        self.layer = layer
    }
}

/// Asks for the state of one mount, or of all.
public struct StatusRequest: Codable, Hashable, Sendable {
    /// nil: every mount of the daemon.
    public var mountpoint: String?
    /// With a list of files, which can be long.
    public var files: Bool
    public init(mountpoint: String? = nil, files: Bool = false) { self.mountpoint = mountpoint; self.files = files }
}

/// Blocks until every block of a mount, or of some of its files, is there. Progress comes about twice a second.
public struct WaitRequest: Codable, Hashable, Sendable {
    public var mountpoint: String
    /// Seconds; then the error code `timed_out`. nil: no limit.
    public var timeoutSeconds: Double?
    /// Patterns (glob(7), `*` within one name) of files and directories inside the package: only these are waited for, and they
    /// come before everything that nobody waits for. nil: everything, in no hurry.
    public var patterns: [WirePath]?

    public init(mountpoint: String, timeoutSeconds: Double? = nil, patterns: [WirePath]? = nil) {
        self.mountpoint = mountpoint
        self.timeoutSeconds = timeoutSeconds
        self.patterns = patterns
    }
}

/// Reads every stored block again and compares it with its digest. Exactly one of `mountpoint` and `address` is set.
public struct VerifyRequest: Codable, Hashable, Sendable {
    public var mountpoint: String?
    /// As in `MountRequest`: what the store holds of the package at this address.
    public var address: String?
    public var root: String?
    public var insecure: Bool
    public var network: NetworkEnvironment
    public var access: OriginAccess?

    /// As in `MountRequest`.
    private enum CodingKeys: String, CodingKey { case mountpoint, address, root, insecure, network = "proxies", access }

    public init(mountpoint: String) {
        self.mountpoint = mountpoint
        insecure = false
        network = NetworkEnvironment()
    }

    public init(address: String, root: String?, insecure: Bool, network: NetworkEnvironment, access: OriginAccess? = nil) {
        self.address = address
        self.root = root
        self.insecure = insecure
        self.network = network
        self.access = access
    }
}

/// Fetches files before somebody reads them. Answered at once; the status shows how far it is.
public struct PrefetchRequest: Codable, Hashable, Sendable {
    public var mountpoint: String
    /// Paths inside the package, of files or directories.
    public var paths: [WirePath]
    public init(mountpoint: String, paths: [WirePath]) { self.mountpoint = mountpoint; self.paths = paths }
}

/// Ends daemon and keeper.
public struct StopRequest: Codable, Hashable, Sendable {
    /// Only if nothing is mounted; otherwise nothing happens and the answer is success.
    public var onlyIfIdle: Bool
    public init(onlyIfIdle: Bool = false) { self.onlyIfIdle = onlyIfIdle }
}
