/// How a private origin is asked: where the secrets are, never the secrets themselves. It is kept for a daemon that is restarted,
/// which reads them again.
public struct OriginAccess: Codable, Hashable, Sendable {
    /// An absolute path: lines `Name: value` that go with every request to the address's own origin.
    public var headerFile: String?
    /// A command for /bin/sh that prints such lines; run again when the origin answers 401 or 403.
    public var headerCommand: String?
    /// An absolute path: the client's certificate chain, PEM.
    public var clientCertificate: String?
    /// An absolute path: its private key, PEM.
    public var clientKey: String?
    /// An absolute path: logins by host, as curl(1) and ftp(1) read them.
    public var netrc: String?

    public init(headerFile: String? = nil, headerCommand: String? = nil, clientCertificate: String? = nil, clientKey: String? = nil, netrc: String? = nil) {
        self.headerFile = headerFile
        self.headerCommand = headerCommand
        self.clientCertificate = clientCertificate
        self.clientKey = clientKey
        self.netrc = netrc
    }
}
