import ContractControl
import ContractVolume
import Glibc
import LinuxSystem

/// Removes `.index` and `.incomplete`, if they were made for mounts that are gone and are empty, a moment after the last unmount.
///
/// A daemon hears of an unmount when umount(2) has returned. Whoever unmounted may be emptying the directory by then, and would fail over an entry that
/// vanishes under its hands: so there is a while between the two. It is a process of its own, which keeps nothing open meanwhile.
///
///     incfs-contractd tidy DIRECTORY DEVICE INODE NAME...
enum Tidying {
    /// How long after the last unmount.
    static let graceMilliseconds: UInt64 = 2000

    /// Starts it for a directory whose daemon is about to end.
    static func start(_ directory: BackingDirectory, _ path: FilePath) {
        if directory.made.isEmpty { return }
        let words = [path.string] + identity(directory.rootStatus) + directory.made.map { String(decoding: $0, as: UTF8.self) }
        guard let null = try? SystemCalls.open("/dev/null", flags: O_RDWR) else { return }
        _ = try? SystemCalls.spawn("/proc/self/exe", ["incfs-contractd", "tidy"] + words, descriptors: [null.rawValue, null.rawValue, null.rawValue], newSession: true)
    }

    /// The process. `words` are what `start` gave.
    static func run(_ words: [String]) {
        usleep(UInt32(graceMilliseconds) * 1000)
        let path = FilePath(words[0])
        guard let status = try? SystemCalls.status(of: path), identity(status) == Array(words[1...2]),
            let lock = try? SystemCalls.open(ContractPlaces.lock(of: status), flags: O_RDWR | O_CREAT, mode: 0o600),
            // Mounted again: the directories are in use.
            (try? SystemCalls.lockExclusively(lock.rawValue)) != nil,
            let root = try? SystemCalls.open(path, flags: SystemCalls.pathOnly | O_DIRECTORY)
        else { return }
        // By a daemon of another user, too.
        let backing: OwnedDescriptor?
        do throws(Errno) { backing = try BackingLock.take(path) } catch { return }
        for name in words[3...] { try? SystemCalls.remove(Array(name.utf8), in: root.rawValue, directory: true) }
        _ = consume backing
        _ = lock.rawValue
    }

    /// Another directory at the same path is another directory.
    private static func identity(_ status: FileStatus) -> [String] { ["\(status.device)", "\(status.inode)"] }
}
