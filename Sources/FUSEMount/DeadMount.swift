import Glibc
import LinuxSystem

/// Mounts that their server has left without unmounting them, being killed: whatever is asked of them fails with ENOTCONN.
extension FUSEMount {
    /// How long a server that does not answer is waited for.
    static let answerMilliseconds: CInt = 1000

    /// True when the mount that shows at `mountpoint` is a FUSE mount without a server. Has a process of its own ask it: a server that is there and does
    /// not answer, being stopped, would keep who asks from ending. False where it cannot be told: no answer within a second, another user's.
    public static func isDead(_ mountpoint: FilePath) -> Bool {
        guard let table = try? MountTable.current(), let entry = table.topmost(at: mountpoint), entry.isFUSE else { return false }
        guard let asking = try? SystemCalls.startAsking(mountpoint) else { return false }
        if let process = try? SystemCalls.processDescriptor(asking),
            let events = try? SystemCalls.poll(process.rawValue, events: Int16(POLLIN), timeoutMilliseconds: answerMilliseconds), events != 0,
            let end = try? SystemCalls.wait(for: asking), end.status & 0x7F == 0
        { return [ENOTCONN, ECONNABORTED].contains(end.status >> 8 & 0xFF) }
        // It ends when it is answered, and is reaped with the other children.
        try? SystemCalls.signal(asking, SIGKILL)
        return false
    }

    /// Unmounts what shows at `path` if it is one of ours and dead, and what then shows there likewise. Returns the place if there was one; a path that
    /// does not exist has none. Programs that still have it open lose nothing but errors. Throws as `unmount`.
    public static func removeDead(at path: FilePath) throws(MountError) -> FilePath? {
        guard let place = try? SystemCalls.realPath(path) else { return nil }
        var found = false
        while let entry = (try? MountTable.current())?.topmost(at: place), entry.isIncfs || entry.isContract, isDead(place) {
            try unmount(place, lazy: true)
            found = true
        }
        return found ? place : nil
    }
}
