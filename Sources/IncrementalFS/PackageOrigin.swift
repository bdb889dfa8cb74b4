import BlockLoading
import FileSource
import HTTPSource
import LinuxSystem

/// From an address to the source that serves it.
public enum PackageOrigin {
    /// `address`: an http(s) URL without fragment, or an absolute path of an envelope. `environment` answers for
    /// `http_proxy`, `https_proxy` and `no_proxy`, and for `SSL_CERT_FILE` and `SSL_CERT_DIR`.
    ///
    /// - Throws: `OriginURL.Invalid` for a URL that is not usable.
    public static func source(address: String, secrets: OriginSecrets = OriginSecrets(), environment: (String) -> String?) throws(OriginURL.Invalid) -> any RangeSource {
        let lower = address.lowercased()
        guard lower.hasPrefix("http://") || lower.hasPrefix("https://") else { return FileSource(envelope: FilePath(address)) }
        var configuration = HTTPSourceConfiguration()
        configuration.proxy = ProxySettings(environment: environment)
        configuration.authorities = TrustedAuthorities.path(environment: environment)
        configuration.secrets = secrets
        return try HTTPSource(address: address, configuration: configuration)
    }

    /// `address` for people and logs: without credentials and query.
    public static func display(address: String) -> String {
        let lower = address.lowercased()
        guard lower.hasPrefix("http://") || lower.hasPrefix("https://") else { return address }
        return (try? OriginURL(address))?.display ?? "an address that cannot be used"
    }
}
