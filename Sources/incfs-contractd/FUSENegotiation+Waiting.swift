import FUSEProtocol
import Glibc
import LinuxSystem

extension FUSENegotiation {
    /// On an ordinary user's mount readahead is done by whoever reads, not in the background.
    ///
    /// The kernel counts reads in the background, those of one page by read(2) among them, and allows such a mount no more than
    /// /sys/module/fuse/parameters/max_user_bgreq of them: when so many wait for their blocks, no other read that needs readahead begins, of data that
    /// is present neither, and the loader's own may be one of them. In the foreground nothing is counted. Root's mounts may have as many as we ask for.
    mutating func leaveReadaheadInForeground() {
        if !Self.mayHaveMany { wanted.remove(.asyncRead) }
    }

    /// What the kernel asks of who answers INIT: `CAP_SYS_ADMIN`, and not only over a user namespace.
    private static var mayHaveMany: Bool {
        guard geteuid() == 0, let map = try? SystemCalls.contents(of: "/proc/self/uid_map", limit: 4096) else { return false }
        let numbers = map.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }.map { String(decoding: $0, as: UTF8.self) }
        return numbers == ["0", "0", "4294967295"]
    }
}
