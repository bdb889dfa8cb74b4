import BlockLoading
import FileSource
import HTTPSource
import LinuxSystem

/// From an address to the source that serves it.
public enum PackageOrigin {
    /// `address`: an http(s) URL without fragment, or an absolute path of an envelope. `proxyEnvironment` answers for
    /// `http_proxy`, `https_proxy` and `no_proxy`.
    ///
    /// - Throws: `OriginURL.Invalid` for a URL that is not usable.
    public static func source(address: String, secrets: OriginSecrets = OriginSecrets(), proxyEnvironment: (String) -> String?) throws(OriginURL.Invalid) -> any RangeSource {
        let lower = address.lowercased()
        guard lower.hasPrefix("http://") || lower.hasPrefix("https://") else { return FileSource(envelope: FilePath(address)) }
        var configuration = HTTPSourceConfiguration()
        configuration.proxy = ProxySettings(environment: proxyEnvironment)
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
