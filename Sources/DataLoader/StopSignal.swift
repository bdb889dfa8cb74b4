import Glibc
import LinuxSystem
import SystemPackage

/// Wakes a thread that waits for a descriptor, and tells it to end.
final class StopSignal: Sendable {
    private let event: OwnedDescriptor

    /// - Throws: `EMFILE`, `ENFILE`.
    init() throws(Errno) { event = try SystemCalls.eventDescriptor() }

    func set() { SystemCalls.signal(event: event.rawValue) }

    /// True when `descriptor` has something to read; false when it is time to end. Blocks.
    func waits(for descriptor: CInt) -> Bool {
        while true {
            var entries = [pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0), pollfd(fd: event.rawValue, events: Int16(POLLIN), revents: 0)]
            let ready = poll(&entries, 2, -1)
            if ready < 0 {
                if errno == EINTR { continue }
                return false
            }
            if entries[1].revents != 0 { return false }
            if entries[0].revents & Int16(POLLIN) != 0 { return true }
            // POLLERR, POLLHUP: the mount is gone.
            if entries[0].revents != 0 { return false }
        }
    }
}
