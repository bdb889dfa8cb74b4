import Glibc
import LinuxSystem

/// poll(2) on two descriptors; -1 leaves one out. Returns both `revents`: zeros on time-out (milliseconds) or signal.
func pollPair(_ first: (CInt, events: CInt), _ second: (CInt, events: CInt), timeoutMilliseconds: CInt) throws(Errno) -> (Int16, Int16) {
    var entries = [
        pollfd(fd: first.0, events: Int16(first.events), revents: 0),
        pollfd(fd: second.0, events: Int16(second.events), revents: 0),
    ]
    let ready = try SystemCalls.poll(&entries, timeoutMilliseconds: timeoutMilliseconds)
    return ready == 0 ? (0, 0) : (entries[0].revents, entries[1].revents)
}
