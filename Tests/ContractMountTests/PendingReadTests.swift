import LinuxSystem
import MountTesting
import Testing

extension ContractMounts {
    /// Ten thousand reads of missing blocks wait at once and are filled in random order: none is lost, none gets another's bytes, nothing hangs, and
    /// waiting costs the daemon little memory.
    ///
    /// A reader is a thread with a small stack, so that each waits in the kernel by itself; the load is that of the benchmarks. Who mounts and who reads: root;
    /// root, and an ordinary user on root's mount; an ordinary user, whose mounts the kernel allows fewer reads in the background than these.
    @Suite(.serialized, .timeLimit(.minutes(5))) struct PendingReadTests {
        @Test(arguments: [(MountSite.User.root, ""), (.root, "--uid 65534"), (.nobody, "")]) func tenThousandAtOnce(user: MountSite.User, reader: String) async throws {
            try await ContractSite.run("""
                root="$SOURCES/.."
                cc -O1 -Wall -I "$root/Sources/CIncrementalFS/include" -o load "$root/Benchmarks/contract.c" -llz4 -lcrypto -lpthread
                bin/incfs-contractd mount backing mnt -o readahead=0,read_timeout_ms=600000
                ./load pending mnt 10000 --pid $(daemon_of "$PWD/mnt") \(reader) > result || { cat result; exit 1; }
                cat result
                grep -q '"waiting":10000,"answered":10000,"wrong":0,' result
                before=$(sed 's/.*"rss_before_kb":\\([0-9]*\\).*/\\1/' result); full=$(sed 's/.*"rss_full_kb":\\([0-9]*\\).*/\\1/' result)
                test "$before" -gt 0 && test $((full - before)) -le 5120
                umount mnt
                """, as: user, prepare: user == .root ? "" : "test $(cat /sys/module/fuse/parameters/max_user_bgreq) -lt 10000", seconds: 200)
        }
    }
}
