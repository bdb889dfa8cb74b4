import Glibc
import LinuxSystem

/// Says that a daemon serves a backing directory, to daemons of other users too: theirs have their files elsewhere (`ContractPlaces`), and two writers would
/// append over each other.
public enum BackingLock {
    /// Held as long as the descriptor is open. nil where it cannot be told: a directory of root's, which only root mounts, one that we may not read, or
    /// a file system that locks no directories. Throws `EAGAIN` when another daemon serves the directory.
    public static func take(_ directory: FilePath) throws(Errno) -> OwnedDescriptor? {
        guard try SystemCalls.status(of: directory).uid != 0 else { return nil }
        let descriptor: OwnedDescriptor
        do throws(Errno) { descriptor = try SystemCalls.open(directory, flags: O_RDONLY | O_DIRECTORY) } catch { return nil }
        do throws(Errno) { try SystemCalls.lockWhole(descriptor.rawValue) } catch {
            if error == .resourceTemporarilyUnavailable { throw error }
            return nil
        }
        return descriptor
    }
}
