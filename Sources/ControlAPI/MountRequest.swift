/// Mounts the package at an address. The answer comes when the mount is usable.
public struct MountRequest: Codable, Hashable, Sendable {
    /// An `http:` or `https:` URL without fragment, or an absolute path.
    public var address: String
    /// The root digest that the package must have: 64 lower-case hexadecimal digits. nil: not pinned.
    public var root: String?
    /// An absolute path of an existing directory.
    public var mountpoint: String
    /// Fetch everything in the background.
    public var fill: Bool
    /// Seconds after which a read of a missing block fails with ETIME; nil: it waits while the origin is unreachable.
    public var readTimeoutSeconds: Double?
    /// The caller accepts whatever the address serves.
    public var insecure: Bool
    /// The caller accepts nothing without a pin, but paths.
    public var requirePin: Bool
    /// Other users may look in (fuse(4), `allow_other`).
    public var allowOther: Bool
    /// No program can be started from it (mount(8), `noexec`).
    public var noExec: Bool
    /// Unmount (lazily) when the connection that asked for the mount ends: nothing stays behind a killed command.
    public var lease: Bool
    /// Others may use the same mount: a request for the same package at the same place joins it. `mountpoint` need not exist, and
    /// where another release is mounted there, one beside it is taken; the report says which. Always with `lease`: the last
    /// connection that ends takes the mount with it.
    public var shared: Bool
    /// After the unmount the fill goes on until everything is there. nil, as in records of earlier releases: it does not.
    public var keepFilling: Bool?
    /// The directory that takes what is written over the mount. With `shared` it is one caller's, who holds its lock; otherwise the daemon holds that
    /// for as long as the mount lasts, and the mount fails with `busy` where somebody has it.
    public var layer: String?
    public var network: NetworkEnvironment
    public var access: OriginAccess?

    /// `network` has the name that it had when it was proxies alone: what was written before can be read.
    private enum CodingKeys: String, CodingKey {
        case address, root, mountpoint, fill, readTimeoutSeconds, insecure, requirePin, allowOther, noExec, lease, shared, keepFilling, layer, network = "proxies", access
    }

    public init(
        address: String, root: String? = nil, mountpoint: String, fill: Bool = true, readTimeoutSeconds: Double? = nil,
        insecure: Bool = false, requirePin: Bool = false, allowOther: Bool = false, noExec: Bool = false, lease: Bool = false, shared: Bool = false,
        keepFilling: Bool? = nil, layer: String? = nil, network: NetworkEnvironment = NetworkEnvironment(), access: OriginAccess? = nil
    ) {
        self.address = address
        self.root = root
        self.mountpoint = mountpoint
        self.fill = fill
        self.readTimeoutSeconds = readTimeoutSeconds
        self.insecure = insecure
        self.requirePin = requirePin
        self.allowOther = allowOther
        self.noExec = noExec
        self.lease = lease
        self.shared = shared
        self.keepFilling = keepFilling
        self.layer = layer
        self.network = network
        self.access = access
    }
}

/// What the caller's environment says of the network: the daemon may have been started from another one.
public struct NetworkEnvironment: Codable, Hashable, Sendable {
    public var httpProxy: String?
    public var httpsProxy: String?
    public var noProxy: String?
    /// The file (`SSL_CERT_FILE`) or else the directory (`SSL_CERT_DIR`) of the certificates of authorities to believe instead of the system's.
    public var authorities: String?

    public init(httpProxy: String? = nil, httpsProxy: String? = nil, noProxy: String? = nil, authorities: String? = nil) {
        self.httpProxy = httpProxy
        self.httpsProxy = httpsProxy
        self.noProxy = noProxy
        self.authorities = authorities
    }

    /// Reads `http_proxy`, `https_proxy` and `no_proxy`; the upper-case names of the last two count when the lower-case ones
    /// are not set, and `SSL_CERT_FILE` or `SSL_CERT_DIR`. `HTTP_PROXY` is ignored, as curl(1) does: a CGI server sets it from a request header.
    public init(environment: (String) -> String?) {
        func value(_ names: String...) -> String? {
            for name in names { if let found = environment(name), !found.isEmpty { return found } }
            return nil
        }
        self.init(httpProxy: value("http_proxy", "all_proxy", "ALL_PROXY"),
                  httpsProxy: value("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"),
                  noProxy: value("no_proxy", "NO_PROXY"), authorities: value("SSL_CERT_FILE", "SSL_CERT_DIR"))
    }
}
