import Glibc
import NIOSSL

/// Whose certificates are believed: the system's authorities, or those that the environment names, as OpenSSL and curl take them.
public enum TrustedAuthorities {
    /// A file of certificates (`SSL_CERT_FILE`) or a directory of such (`SSL_CERT_DIR`), instead of the system's. Read once.
    static let fromEnvironment: String? = path { name in getenv(name).map { String(cString: $0) } }

    /// What `environment` names of the two; nil: the system's.
    public static func path(environment: (String) -> String?) -> String? {
        for name in ["SSL_CERT_FILE", "SSL_CERT_DIR"] { if let path = environment(name), !path.isEmpty { return path } }
        return nil
    }

    /// - Parameter path: nil for the system's.
    static func configuration(_ path: String?) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        if let path { configuration.trustRoots = .file(path) }
        return configuration
    }
}
