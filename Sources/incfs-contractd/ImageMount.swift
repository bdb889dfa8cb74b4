import ContractControl
import ContractVolume
import FUSEMount
import Glibc
import LinuxSystem

/// Mounts an image: one file that is a whole volume. What is done in the caller's own process, and so in his namespaces.
enum ImageMount {
    /// How long the daemon of a mount that is just ending is waited for.
    static let lockMilliseconds: UInt64 = 3000

    /// Mounts the image `source` on `target`; the mount is usable when this returns.
    static func mount(_ source: String, _ target: String, _ words: MountWords) throws(Failure) {
        let timeout = try readTimeout(words.contract)
        let image = try open(source)
        let path = try Failure.attempt(source) { () throws(Errno) in try SystemCalls.realPath(FilePath(source)) }
        let place = try Failure.attempt(source) { () throws(Errno) in try SystemCalls.quietStatus(of: image.rawValue) }
        if let table = try? MountTable.current(),
            table.entries.contains(where: { $0.isContract && $0.device.major == place.deviceMajor && $0.device.minor == place.deviceMinor })
        { throw Failure(.invalidArgument, "\(source) lies on an Incremental FS mount: it would wait for itself") }
        try lock(image.rawValue, source)

        let mount = try NewMount(NewMount.Kind(source: path.string, subtype: "incremental-fs", attributes: words.attributes), on: target)
        do throws(Failure) {
            for note in try ImageDaemon.start(image.rawValue, mount.device.rawValue, timeout, source) { print("incfs: \(source): \(note)", to: &standardError) }
            try mount.attach()
        } catch {
            mount.undo()
            throw error
        }
        if geteuid() != 0, let note = UserNotes.memory { print("incfs: note: \(note)", to: &standardError) }
    }

    private static func open(_ source: String) throws(Failure) -> OwnedDescriptor {
        do throws(Errno) { return try SystemCalls.open(FilePath(source), flags: O_RDWR) } catch {
            let hint =
                switch error {
                case .noSuchFileOrDirectory: "there is no such file. An empty one becomes an empty volume, a directory becomes one with: incfs image create"
                case .isDirectory: "it is a directory. One of backing files is mounted with: incfs mount --backing"
                default: "\(error)"
                }
            throw Failure(error, "\(source): \(hint)")
        }
    }

    /// One daemon for an image: it has the lock of the file as long as it lives.
    private static func lock(_ image: CInt, _ source: String) throws(Failure) {
        let isLocked = try Retry.until(.now.adding(milliseconds: lockMilliseconds)) { () throws(Failure) -> Bool? in
            do throws(Errno) { try SystemCalls.lockExclusively(image) } catch {
                guard error == .resourceTemporarilyUnavailable || error == .permissionDenied else { throw Failure(error, "\(source) cannot be locked: \(error)") }
                return nil
            }
            return true
        }
        if isLocked == nil { throw Failure(.resourceBusy, "\(source) is in use: it is mounted already. An image is mounted once at a time") }
    }

    /// The one option that an image has.
    private static func readTimeout(_ text: String) throws(Failure) -> UInt32 {
        for item in text.split(separator: ",") where !item.hasPrefix("read_timeout_ms=") {
            throw Failure(.invalidArgument, "\(item): an image has no such mount option, only read_timeout_ms")
        }
        do throws(ContractOptions.Refusal) { return try ContractOptions(parsing: text).readTimeoutMilliseconds } catch { throw Failure(error.errno, error.description) }
    }
}
