import ControlAPI
import FUSEMount
import Glibc
import LinuxSystem

/// The path of a mountpoint, absolute and real, found without touching the mount itself: its daemon may be dead or its
/// origin away, and then whoever looks at it waits.
enum MountpointPath {
    /// For a mountpoint that is (probably) mounted.
    static func existing(_ text: String) throws(ControlError) -> String {
        var path = FilePath(text)
        path.lexicallyNormalize()
        if let last = path.lastComponent, last.kind == .regular {
            let parent = path.removingLastComponent()
            if let real = try? SystemCalls.realPath(parent.isEmpty ? "." : parent) { return real.appending(last).string }
        }
        do { return try SystemCalls.realPath(FilePath(text)).string } catch {
            throw ControlError(.mountpointUnusable, "\(text): \(error).", errno: error.rawValue)
        }
    }

    /// For a mountpoint that is to be mounted: an existing directory. Says on standard error if it is not empty.
    static func new(_ text: String) throws(ControlError) -> String {
        try removeDead(at: FilePath(text))
        let status: FileStatus, real: FilePath
        do {
            status = try SystemCalls.status(of: FilePath(text))
            real = try SystemCalls.realPath(FilePath(text))
        } catch {
            let hint: String? = switch error.rawValue {
            case ENOENT: "Make it first: mkdir -p '\(text)'"
            case ENOTCONN: "It is a mount whose server is gone. Remove it with: fusermount3 -u '\(text)'"
            default: nil
            }
            throw ControlError(.mountpointUnusable, "Cannot mount at \(text): \(error).", hint: hint,
                               exit: error == .permissionDenied ? .permission : nil, errno: error.rawValue)
        }
        guard status.kind == .directory else {
            throw ControlError(.mountpointUnusable, "Cannot mount at \(text): it is not a directory.", hint: "Name an existing directory.")
        }
        if let names = try? SystemCalls.list(real), !names.isEmpty { Terminal.note("\(text) is not empty; what is in it is hidden while the package is mounted.") }
        return real.string
    }

    /// Takes away a mount of ours that lost its daemon, and says so: who mounts there again wants that.
    static func removeDead(at path: FilePath) throws(ControlError) {
        do throws(MountError) {
            guard let place = try FUSEMount.removeDead(at: path) else { return }
            Terminal.note("the mount at \(Terminal.printable(place.string)) had lost its daemon; it is unmounted.")
        } catch { throw ControlError(.mountpointUnusable, "\(error)", errno: error.errno.rawValue) }
    }

    /// A path or pattern as it is inside the mount: a user may give it from the root of the file system as well.
    static func inside(_ text: String, of mountpoint: String) -> String {
        text.hasPrefix(mountpoint + "/") ? String(text.dropFirst(mountpoint.utf8.count + 1)) : text == mountpoint ? "" : text
    }
}
