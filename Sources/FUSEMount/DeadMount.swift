import Glibc
import LinuxSystem
import Synchronization

/// Mounts that their server has left without unmounting them, being killed: whatever is asked of them fails with ENOTCONN.
extension FUSEMount {
    /// How long a server that does not answer is waited for.
    static let answerMilliseconds: CInt = 1000
    /// How long somebody else who replaces a mount in the same directory is waited for.
    static let lockMilliseconds: UInt64 = 2000

    /// Processes that ask a server which does not answer, and where.
    private static let unanswered = Mutex<[(asking: pid_t, place: FilePath)]>([])

    /// True when a mount that shows at its place is one of a package, of backing files or of an image, made by this user, without a server. Has a process of
    /// its own ask it: a server that is there and does not answer, being stopped, would keep who asks from ending. False where it cannot be told, as without
    /// an answer within a second.
    public static func isDead(_ mount: MountTable.Entry) -> Bool {
        guard mount.isIncfs || mount.isContract, mount.user == geteuid() else { return false }
        let mountpoint = mount.mountpoint
        let isAsked = unanswered.withLock { unanswered in
            unanswered.removeAll { one in
                // nil: it runs.
                do throws(Errno) { return try SystemCalls.wait(for: one.asking, options: WNOHANG) != nil } catch { return true }
            }
            return unanswered.contains { $0.place == mountpoint }
        }
        guard !isAsked, let asking = try? SystemCalls.startAsking(mountpoint) else { return false }
        guard let process = try? SystemCalls.processDescriptor(asking) else { return false }
        if let events = try? SystemCalls.poll(process.rawValue, events: Int16(POLLIN), timeoutMilliseconds: answerMilliseconds), events == 0 {
            // In the kernel it lives until it is answered.
            try? SystemCalls.signal(asking, SIGKILL)
            unanswered.withLock { $0.append((asking, mountpoint)) }
            return false
        }
        guard let end = try? SystemCalls.wait(for: asking), end.status & 0x7F == 0 else { return false }
        return [ENOTCONN, ECONNABORTED].contains(end.status >> 8 & 0xFF)
    }

    /// Unmounts what shows at `path` if it is dead (`isDead`), and what then shows there likewise. Returns the place if there was one; a path that
    /// does not exist has none. Programs that still have it open lose nothing but errors. Throws as `unmount`.
    ///
    /// Whoever replaces a mount holds a lock of its directory while he looks and unmounts: the second of two would take away what the first has mounted
    /// anew. Where there can be no such lock it is done without.
    public static func removeDead(at path: FilePath) throws(MountError) -> FilePath? {
        // At its end a “.” would be looked up in the mount.
        var path = path
        while path.components.count > 1, path.lastComponent?.kind == .currentDirectory { path.removeLastComponent() }
        guard let place = try? SystemCalls.realPath(path), let first = shown(at: place), isDead(first) else { return nil }
        let lock = lock(ofDirectory: place.removingLastComponent())
        defer { if lock >= 0 { SystemCalls.close(lock) } }
        var found = false
        while let entry = shown(at: place), isDead(entry) {
            // What is mounted there by now may be another one.
            guard shown(at: place) == entry else { continue }
            do throws(MountError) { try unmount(place, lazy: true) } catch {
                // Somebody else has done it.
                if shown(at: place) == entry { throw error }
            }
            found = true
        }
        return found ? place : nil
    }

    private static func shown(at place: FilePath) -> MountTable.Entry? { (try? MountTable.current())?.topmost(at: place) }

    /// A descriptor that holds the lock; -1 where there is none.
    private static func lock(ofDirectory directory: FilePath) -> CInt {
        guard let descriptor = try? SystemCalls.open(directory, flags: O_RDONLY | O_DIRECTORY) else { return -1 }
        let isLocked = Retry.until(.now.adding(milliseconds: lockMilliseconds)) { () -> Bool? in
            do throws(Errno) { try SystemCalls.lockWhole(descriptor.rawValue) } catch { return error == .resourceTemporarilyUnavailable ? nil : false }
            return true
        }
        return isLocked == true ? descriptor.take() : -1
    }
}
