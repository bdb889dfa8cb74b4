import ArgumentParser
import ControlAPI
import Glibc
import LinuxSystem

/// How a private origin is asked, on every command that takes an address. Only names of files and commands are handed on.
struct AccessOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Send the lines “Name: value” of this file with every request to the address's own host.", valueName: "file"))
    var headerFile: String?

    @Option(help: ArgumentHelp("Send the lines that this shell command prints; it runs again when the server answers 401 or 403.", valueName: "command"))
    var headerCommand: String?

    @Option(help: ArgumentHelp("The certificate (PEM) to show to the address's own host.", valueName: "file"))
    var clientCert: String?

    @Option(help: ArgumentHelp("The private key (PEM) of --client-cert. Default: it is in the same file.", valueName: "file"))
    var clientKey: String?

    /// With absolute paths: the daemon has another current directory. nil when there is nothing to say.
    func resolved() throws(ControlError) -> OriginAccess? {
        if clientKey != nil && clientCert == nil { throw ControlError(.usage, "--client-key needs --client-cert.") }
        let access = OriginAccess(
            headerFile: try headerFile.map(Self.existing), headerCommand: headerCommand, clientCertificate: try clientCert.map(Self.existing),
            clientKey: try (clientKey ?? clientCert).map(Self.existing), netrc: try Self.netrc())
        return access == OriginAccess() ? nil : access
    }

    private static func existing(_ path: String) throws(ControlError) -> String {
        do { return try SystemCalls.realPath(FilePath(path)).string } catch {
            throw ControlError(.usage, "Cannot use \(path): \(error).", errno: error.rawValue)
        }
    }

    /// `$NETRC`, which must exist, else `~/.netrc` if it does.
    private static func netrc() throws(ControlError) -> String? {
        if let name = getenv("NETRC").map({ String(cString: $0) }), !name.isEmpty { return try existing(name) }
        guard let home = getenv("HOME").map({ String(cString: $0) }), !home.isEmpty else { return nil }
        let path = FilePath(home).appending(".netrc")
        return (try? SystemCalls.status(of: path)) == nil ? nil : try existing(path.string)
    }
}
