import ArgumentParser
import ControlAPI
import Glibc
import LinuxSystem

/// Where data is kept, on every command that talks to a daemon.
struct StoreOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The directory that keeps fetched data. Default: $INCFS_STORE, else /var/cache/incfs (root) or ~/.cache/incfs.", valueName: "dir"))
    var store: String?
}

/// What `mount`, `run` and `verify` may take without a digest.
struct TrustOptions: ParsableArguments {
    @Flag(help: "Accept whatever the address serves, without a digest in it, and remember nothing.")
    var insecure = false

    @Flag(help: "Accept nothing without a digest in its address, but paths of this machine.")
    var requirePin = false

    func validate() throws {
        if insecure && requirePin { throw ValidationError("--insecure and --require-pin say the opposite of each other.") }
    }
}

extension PackageAddress {
    /// What the user wrote, from the current directory.
    init(argument: String) throws(ControlError) {
        guard let here = try? SystemCalls.realPath(".") else { throw ControlError(.usage, "The current directory does not exist any more.", hint: "Use absolute paths.") }
        try self.init(argument, relativeTo: here)
    }
}

extension NetworkEnvironment {
    /// Of this process; a path is one from the current directory.
    static var current: NetworkEnvironment {
        var result = NetworkEnvironment { name in getenv(name).map { String(cString: $0) } }
        if let path = result.authorities, !path.hasPrefix("/"), let here = try? SystemCalls.realPath(".") { result.authorities = here.appending(path).string }
        return result
    }
}
