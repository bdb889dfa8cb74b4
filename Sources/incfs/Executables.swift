import ControlAPI
import Glibc
import LinuxSystem

/// The other executables of the installation.
enum Executables {
    /// `$INCFS_LIBEXEC`, else beside this executable, else in `../libexec/incfs`.
    static func path(of name: String) throws(ControlError) -> FilePath {
        var directories: [FilePath] = []
        if let text = getenv("INCFS_LIBEXEC").map({ String(cString: $0) }), !text.isEmpty { directories.append(FilePath(text)) }
        if let own = try? SystemCalls.realPath("/proc/self/exe") {
            let here = own.removingLastComponent()
            directories += [here, here.removingLastComponent().appending("libexec").appending("incfs")]
        }
        for directory in directories {
            let path = directory.appending(name)
            if path.withPlatformString({ access($0, X_OK) }) == 0 { return path }
        }
        throw ControlError(.daemonUnavailable, "\(name) is not there; looked in \(directories.map(\.string).joined(separator: ", ")).",
                           hint: "Install incfs again, or set INCFS_LIBEXEC to the directory that has it.")
    }
}
