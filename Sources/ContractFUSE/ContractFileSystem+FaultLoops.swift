import Glibc
import LinuxSystem

extension ContractFileSystem {
    /// The longest that a loop is worked on, in looks of a millisecond each.
    private static let looks = 200

    /// Ends a loop of the kernel's over a page that cannot be read: shows it the file as ending in front of that page, which it
    /// takes as an error at last, and then as it is again. Who reads meanwhile asks for the size first and gets the true
    /// one; a program that has mapped the file and touches a page behind it in these milliseconds gets SIGBUS.
    func endFaultLoop(thread: UInt32, node id: UInt64, offset: UInt64) {
        callThreads.run { [self] in
            defer { reading.loops.forget(thread: thread) }
            guard let node = nodes.node(id), let path = directory.relativePath(of: node.descriptor), !path.isEmpty else { return }
            for _ in 0..<Self.looks {
                helpers.show(path, node: id, size: offset)
                let since = MonotonicTime.now
                usleep(2000)
                if !reading.loops.goesOn(thread: thread, since: since) { break }
            }
            helpers.show(path, node: id, size: nil)
        }
    }
}
