/// Names a package at its origin, for requests that need no mount.
public struct PackageReference: Codable, Hashable, Sendable {
    /// An `http:` or `https:` URL without fragment, or an absolute path.
    public var address: String
    /// The root digest that the package must have: 64 lower-case hexadecimal digits. nil: not pinned.
    public var root: String?
    /// The caller accepts whatever the address serves.
    public var insecure: Bool
    /// The caller accepts nothing that is not pinned, but paths.
    public var requirePin: Bool
    public var network: NetworkEnvironment
    public var access: OriginAccess?

    /// As in `MountRequest`.
    private enum CodingKeys: String, CodingKey { case address, root, insecure, requirePin, network = "proxies", access }

    public init(address: String, root: String?, insecure: Bool, requirePin: Bool = false, network: NetworkEnvironment, access: OriginAccess? = nil) {
        self.address = address
        self.root = root
        self.insecure = insecure
        self.requirePin = requirePin
        self.network = network
        self.access = access
    }
}

/// Makes an ordinary directory of a package. Answered when it is there under its name; cancelled before that, nothing is.
public struct FetchRequest: Codable, Hashable, Sendable {
    public var package: PackageReference
    /// An absolute path, of nothing or of an empty directory.
    public var directory: String
    public init(package: PackageReference, directory: String) { self.package = package; self.directory = directory }
}

/// What is in a package, or in one of its directories.
public struct ListRequest: Codable, Hashable, Sendable {
    public var package: PackageReference
    /// Inside the package; empty is its root.
    public var path: WirePath
    /// With everything below.
    public var recursive: Bool
    public init(package: PackageReference, path: WirePath, recursive: Bool) { self.package = package; self.path = path; self.recursive = recursive }
}

/// The bytes of one file, as `content` lines before the answer.
public struct CatRequest: Codable, Hashable, Sendable {
    public var package: PackageReference
    public var path: WirePath
    public init(package: PackageReference, path: WirePath) { self.package = package; self.path = path }
}
