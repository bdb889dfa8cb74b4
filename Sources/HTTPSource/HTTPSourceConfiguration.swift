/// What can be set on an HTTP source. Times are in milliseconds.
public struct HTTPSourceConfiguration: Sendable {
    /// A connection (with TLS) must stand within this time.
    public var connectTimeout: Int64 = 10_000
    /// A connection on which an answer is due and no byte comes for so long has stalled.
    public var stallTimeout: Int64 = 10_000
    /// Connections per host, at most; no less than a loader's requests in flight, its reserve for demands included.
    public var connectionsPerHost = 16
    /// Unused connections are closed after this time; below the 60 to 75 s of usual servers.
    public var idleTimeout: Int64 = 55_000
    /// Redirects that one request follows, at most.
    public var redirectLimit = 10
    /// Which proxy to go through.
    public var proxy = ProxySettings.current
    /// A file or directory of the CA certificates to believe; nil for the system's.
    public var authorities = TrustedAuthorities.fromEnvironment
    /// What opens a private origin.
    public var secrets = OriginSecrets()
    /// The User-Agent header.
    public var userAgent = "incremental-fs"

    public init() {}
}

/// What an HTTP source has met. Counters only grow.
public struct HTTPSourceStatistics: Sendable, Equatable {
    /// Requests sent, redirects and refused ones included.
    public var requests: UInt64 = 0
    /// Redirects followed.
    public var redirects: UInt64 = 0
    /// Answers whose ETag or Last-Modified was another than before.
    public var changedAtOrigin: UInt64 = 0
    /// Whole files read because the server ignored Range.
    public var wholeFiles: UInt64 = 0

    public init() {}
}
