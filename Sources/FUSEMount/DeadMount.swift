import Glibc
import LinuxSystem

/// Mounts that their server has left without unmounting them, being killed: whatever is asked of them fails with ENOTCONN.
extension FUSEMount {
    /// How long a server that does not answer is waited for.
    static let answerMilliseconds: UInt64 = 1000

    /// True when the mount that shows at `mountpoint` is a FUSE mount without a server. Asks it (statfs(2)): not for a process that serves it or keeps its
    /// device open. False where it cannot be told: no answer within a second, another user's.
    public static func isDead(_ mountpoint: FilePath) -> Bool {
        guard let table = try? MountTable.current(), let entry = table.topmost(at: mountpoint), entry.isFUSE else { return false }
        let answer = Condition<Errno??>(nil)
        Thread(name: "mount-asking") {
            var failure: Errno?
            do throws(Errno) { _ = try SystemCalls.space(at: mountpoint) } catch { failure = error }
            answer.update { $0 = .some(failure) }
        }.detach()
        let failure = answer.wait(until: MonotonicTime.now.adding(milliseconds: answerMilliseconds)) { $0 }
        return failure == .some(.socketNotConnected) || failure == .some(Errno(rawValue: ECONNABORTED))
    }

    /// Unmounts what shows at `path` if it is one of ours and dead, and what then shows there likewise. Returns the place if there was one; a path that
    /// does not exist has none. Programs that still have it open lose nothing but errors. As `isDead` for who may ask; throws as `unmount`.
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
