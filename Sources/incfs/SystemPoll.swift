import Glibc
import LinuxSystem

enum SystemPoll {
    /// Whether `descriptor` becomes readable within the time.
    static func readable(_ descriptor: CInt, milliseconds: CInt) throws(Errno) -> Bool {
        try SystemCalls.poll(descriptor, events: Int16(POLLIN), timeoutMilliseconds: milliseconds) != 0
    }
}
