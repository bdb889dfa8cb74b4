import BlockLoading
import Glibc
import LinuxSystem
import Synchronization

/// What a private origin is shown: where the secrets are, never the secrets. Absolute paths.
public struct OriginSecrets: Sendable, Equatable {
    /// Lines `Name: value`.
    public var headerFile: String?
    /// A command for /bin/sh that prints such lines.
    public var headerCommand: String?
    /// A certificate chain and its key, PEM: shown to the address's own origin only.
    public var clientCertificate: String?
    public var clientKey: String?
    /// Logins by host (netrc(5)).
    public var netrc: String?

    public init(headerFile: String? = nil, headerCommand: String? = nil, clientCertificate: String? = nil, clientKey: String? = nil, netrc: String? = nil) {
        self.headerFile = headerFile
        self.headerCommand = headerCommand
        self.clientCertificate = clientCertificate
        self.clientKey = clientKey
        self.netrc = netrc
    }

    /// Whether headers may have to be added to requests.
    var hasHeaders: Bool { headerFile != nil || headerCommand != nil || netrc != nil }
}
