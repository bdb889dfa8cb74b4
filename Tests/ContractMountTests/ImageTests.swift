import LinuxSystem
import MountTesting
import Testing

extension ContractMounts {
    /// Images: the nine tests of 2019 in our own words and what goes beyond them, by a C program that speaks to `.cmd`; and the commands.
    @Suite(.serialized, .timeLimit(.minutes(3))) struct ImageTests {
        /// As an ordinary user all but the one whose writers have other rights than who mounted.
        private static let rows = (1...15).map { (MountSite.User.root, $0) } + (1...15).filter { $0 != 14 }.map { (.nobody, $0) }

        @Test(arguments: rows) func row(user: MountSite.User, number: Int) async throws {
            try await ContractSite.run("bin/image-checklist --helper bin/incfs-contractd -t \(number) > said; cat said; grep -q '^ok \(number) ' said", as: user, seconds: 150)
        }

        private func inSite(as user: MountSite.User = .root, _ script: String) async throws {
            try await ContractSite.run("""
                mkdir -p src/sub/deep src/none
                seq 30000 > src/numbers; head -c 50001 /dev/urandom > src/sub/noise; printf x > src/sub/deep/x; : > src/empty
                ln src/numbers src/sub/deep/same; chmod 555 src/sub/deep/x
                names() { (cd "$1"; find . ! -name .cmd -printf '%p %y %m %n\\n' | grep -v '^\\. ' | sort); }

                """ + script, as: user, seconds: 100)
        }

        /// Made, copied, mounted elsewhere, unpacked: the same each time.
        @Test(arguments: MountSite.User.allCases) func anImageGoesAround(_ user: MountSite.User) async throws {
            try await inSite(as: user, """
                for raw in "" --raw; do
                    bin/incfs image create src -o made.img $raw -q
                    mkdir far; cp made.img far/copy.img
                    bin/incfs mount --image far/copy.img mnt
                    diff -r -x .cmd src mnt
                    names src > one; names mnt > two
                    # Directories count their links in their own way.
                    sed 's/ d \\([0-7]*\\) .*/ d \\1/' one > three; sed 's/ d \\([0-7]*\\) .*/ d \\1/' two | diff three -
                    bin/incfs unmount mnt
                    # Nothing came to it by being mounted.
                    cmp made.img far/copy.img
                    bin/incfs image extract far/copy.img unpacked -q
                    diff -r src unpacked; names unpacked | diff one -
                    rm -r far unpacked made.img
                done
                bin/incfs image create src -o made.img -q
                test $(bin/incfs image list made.img | wc -l) = 8
                bin/incfs image list made.img | grep -q '^-r-xr-xr-x 1 *1 1/1 sub/deep/x$'
                bin/incfs image list made.img --json | grep -q '"path" : "sub/deep/same"'
                """)
        }

        @Test(arguments: MountSite.User.allCases) func anImageIsMountedOnceAtATimeAndAgainAtOnce(_ user: MountSite.User) async throws {
            try await inSite(as: user, """
                : > image; mkdir second
                bin/incfs mount --image image mnt -o read_timeout_ms=5
                expect 1 bin/incfs mount --image image second; said EBUSY; said 'mounted already'
                ln image other; expect 1 bin/incfs mount --image other second; said EBUSY
                # What reads it may.
                bin/incfs image list image
                umount mnt
                for i in $(seq 20); do bin/incfs mount --image image mnt; umount mnt; done
                bin/incfs mount --image=image mnt
                bin/incfs unmount mnt
                expect 1 bin/incfs unmount mnt
                """)
        }

        @Test(arguments: MountSite.User.allCases) func whatCannotBeMountedIsSaid(_ user: MountSite.User) async throws {
            try await inSite(as: user, """
                expect 1 bin/incfs mount --image nothing mnt; said ENOENT; said 'image create'
                expect 1 bin/incfs mount --image src mnt; said EISDIR; said 'mount --backing'
                seq 100 > text; expect 1 bin/incfs mount --image text mnt; said EILSEQ
                : > image
                expect 1 bin/incfs mount --image image nowhere; said ENOENT
                expect 2 bin/incfs mount --image image mnt -o readahead=3; said 'only read_timeout_ms'
                expect 2 bin/incfs mount --image image mnt -o read_timeout_ms=3600001
                expect 2 bin/incfs mount --image image mnt -o read_timeout_ms
                bin/incfs mount --image image mnt -o read_timeout_ms=3600000,noatime
                # An image on a mount of ours would wait for itself.
                expect 2 bin/incfs mount --image mnt/.cmd mnt
                umount mnt
                test $(grep -c " $PWD/mnt " /proc/self/mountinfo) = 0
                """)
        }

        @Test func whatAnInterruptedWritingLeftIsSaidOnce() async throws {
            try await inSite("""
                bin/incfs image create src -o image -q; cp image whole
                printf 'the beginning of a block' >> image
                bin/incfs image list image 2> error > /dev/null; said '24 bytes at the end belong to nothing'
                expect 0 bin/incfs mount --image image mnt; said '24 bytes at the end belong to nothing'
                diff -r -x .cmd src mnt; umount mnt
                cmp image whole
                expect 0 bin/incfs mount --image image mnt; test ! -s error; umount mnt
                # Cut off in the middle: refused, or what is left is right. Never anything else.
                for size in 20 32 100 400 1000 5000 100000; do
                    head -c $size whole > image
                    if bin/incfs mount --image image mnt -o read_timeout_ms=1 2> error; then umount mnt; else grep -q 'EBADMSG' error; fi
                done
                """)
        }

        @Test func theCommandsRefuseWithTheirStatus() async throws {
            try await inSite("""
                bin/incfs image create src -o image -q
                expect 2 bin/incfs image create src -o image; said 'exists already'
                expect 2 bin/incfs image create nowhere -o other; test ! -e other
                ln -s x src/link; expect 2 bin/incfs image create src -o other; said 'src/link is neither a file nor a directory'; test ! -e other; rm src/link
                expect 2 bin/incfs image extract nothing unpacked
                expect 4 bin/incfs image list src/numbers; said 'image create'
                expect 4 bin/incfs image extract src/numbers unpacked; test ! -e unpacked
                mkdir unpacked; echo mine > unpacked/numbers
                expect 2 bin/incfs image extract image unpacked; said 'numbers exists already'; grep -qx mine unpacked/numbers
                expect 4 bin/incfs image list --json src/numbers; grep -q '"exit_code" : 4' output
                # A file without its blocks is not unpacked.
                head -c 300 image > cut; expect 4 bin/incfs image extract cut other; said 'cut off'; test ! -e other
                cp cut before; expect 4 bin/incfs image list cut; said 'cut off'
                expect 1 bin/incfs mount --image cut mnt; said 'EBADMSG'; cmp cut before
                expect 2 bin/incfs image create src; expect 2 bin/incfs mount --image image
                """)
        }

        /// A complete image needs no loader.
        @Test(arguments: MountSite.User.allCases) func aProgramRunsFromAnImage(_ user: MountSite.User) async throws {
            try await inSite(as: user, """
                cp /bin/ls src/prog; bin/incfs image create src -o image -q
                bin/incfs mount --image image mnt
                mnt/prog mnt/sub > output; grep -qx noise output
                umount mnt
                """)
        }
    }
}
