import Glibc
import KeeperTesting
import LinuxSystem
import Testing

/// Real mounts in a mount namespace of their own. They need root, /dev/fuse, and the packages fuse3 and util-linux; without
/// them they fail.
@Suite(.serialized) struct KeeperMountTests {
    /// A keeper with one mount of the test daemon, number 1, on `point`.
    static func mounted(_ mounter: Mounter, clones: Int = 1, daemonArguments: [String] = [], options: [String] = []) throws -> (keeper: KeeperUnderTest, point: FilePath) {
        try #require(getuid() == 0, "these tests need root: run them as root or with sudo")
        try #require(access("/dev/fuse", F_OK) == 0, "these tests need /dev/fuse: modprobe fuse")
        let keeper = try KeeperUnderTest(daemonArguments, options: options, setting: mounter.setting)
        try #require(keeper.word == "R", "\(keeper.log)")
        let point = keeper.directory.appending("mount point")
        try SystemCalls.makeDirectory(point, mode: 0o755)
        if mounter == .nobody { chown("\(point)", 65534, 65534) }
        // Orders are split at spaces; a link stands for the name with one.
        let link = keeper.directory.appending("link")
        #expect(symlink("\(point)", "\(link)") == 0)
        let answer = try keeper.order("mount \(link) \(clones)")
        #expect(answer == "1 \(mounter == .root ? "privileged" : "fusermount") \(point) \(clones + 1)", "\(keeper.log)")
        return (keeper, point)
    }

    /// Reads the whole file `data` as the mounter; true when every byte is right.
    static func reads(_ keeper: KeeperUnderTest, _ point: FilePath, _ mounter: Mounter) throws -> Bool {
        try keeper.run(mounter, "sha256sum < '\(point)/data'").contains(expectedDigest())
    }

    /// A command that prints the lines of the mount table about this keeper's mounts, or `none`: others on the machine have mounts of their own.
    static func table(_ keeper: KeeperUnderTest) -> String { "grep -F ' \(keeper.directory)/' /proc/self/mountinfo | grep fuse.incfs || echo none" }

    /// What sha256sum prints for the file, computed from the rule of its content.
    static func expectedDigest() throws -> String {
        let directory = try KeeperUnderTest.temporaryDirectory()
        defer { try? SystemCalls.removeTree(directory) }
        let bytes = [UInt64](unsafeUninitializedCapacity: 1 << 20) { buffer, count in
            for index in 0..<(1 << 20) { buffer[index] = UInt64(index).littleEndian }
            count = 1 << 20
        }
        let file = try SystemCalls.open(directory.appending("x"), flags: O_RDWR | O_CREAT)
        try bytes.withUnsafeBytes { try SystemCalls.pwriteAll(file.rawValue, $0, at: 0) }
        return String(try Shell.run("sha256sum < \(directory)/x").prefix(64))
    }

    @Test(arguments: Mounter.allCases) func mountsServesAndUnmounts(_ mounter: Mounter) throws {
        let (keeper, point) = try Self.mounted(mounter, clones: 3)
        let line = try keeper.run(mounter, Self.table(keeper))
        #expect(line.contains("nosuid") && line.contains("nodev") && line.contains(" ro,") && line.contains("fuse.incfs test,fs "), "\(line)")
        #expect(try Self.reads(keeper, point, mounter))
        #expect(try keeper.order("unmount 1 normal") == "unmounted")
        #expect(try keeper.run(mounter, Self.table(keeper)) == "none\n")
        // Nothing of it is kept.
        #expect(!(try keeper.descriptors().contains("/dev/fuse")))
        #expect(try keeper.order("exit 0") == "")
        #expect(try keeper.waitForExit() == 0)
    }

    @Test(arguments: Mounter.allCases) func aReadUnderWayOutlivesTheDaemon(_ mounter: Mounter) throws {
        let (keeper, point) = try Self.mounted(mounter)
        let digest = try Self.expectedDigest()
        for round in 1...3 {
            #expect(try keeper.order("hold") == "held")
            // Direct reads: nothing comes out of the page cache.
            let reader = try Shell(keeper.command(mounter, "dd if='\(point)/data' bs=1M iflag=direct status=none | sha256sum"))
            while try keeper.order("held") == "0" { usleep(1000) }
            let before = try keeper.who()
            kill(before.pid, SIGKILL)
            #expect(try KeeperUnderTest.waitForEnd(of: before.pid))
            #expect(try reader.output().hasPrefix(digest), "round \(round)")
            #expect(try keeper.who().epoch == before.epoch + 1)
        }
    }

    @Test func aStoppedDaemonIsReplacedUnderARead() throws {
        let (keeper, point) = try Self.mounted(.root, options: ["--watchdog", "1"])
        let stopped = try keeper.who()
        kill(stopped.pid, SIGSTOP)
        #expect(try Self.reads(keeper, point, .root))
        #expect(try keeper.who().epoch == 2)
    }

    @Test(arguments: Mounter.allCases) func unmountingByHandIsNoticed(_ mounter: Mounter) throws {
        let (keeper, point) = try Self.mounted(mounter)
        _ = try keeper.run(mounter, mounter == .root ? "umount '\(point)'" : "fusermount3 -u '\(point)'")
        while try keeper.order("mounts") != "" { usleep(1000) }
        while try keeper.descriptors().contains("/dev/fuse") { usleep(1000) }
        _ = try keeper.order("exit 0")
        #expect(try keeper.waitForExit() == 0)
    }

    @Test(arguments: Mounter.allCases) func sigtermEndsAMountThatIsInUse(_ mounter: Mounter) throws {
        let (keeper, point) = try Self.mounted(mounter)
        let user = try Shell(keeper.command(mounter, "exec 4< '\(point)/data'; echo open; exec sleep 60"))
        #expect(user.firstLine() == "open")
        #expect(try keeper.order("unmount 1 normal").hasPrefix("failed 16 "))
        // Asked in its namespace, which the user of the mount keeps alive.
        kill(keeper.pid, SIGTERM)
        #expect(try keeper.waitForExit(seconds: 20) == 0)
        #expect(try Shell.run("nsenter -t \(user.pid) -m -- sh -c \"\(Self.table(keeper))\"") == "none\n")
        user.end()
    }

    @Test func aDaemonThatEndsWithMountsIsReplaced() throws {
        let (keeper, point) = try Self.mounted(.root)
        _ = try keeper.order("exit 0")
        #expect(try keeper.who().epoch == 2)
        #expect(try Self.reads(keeper, point, .root))
    }

    @Test func refusalsAreSentences() throws {
        let (keeper, point) = try Self.mounted(.root)
        #expect(try keeper.order("mount \(keeper.directory)/link 0").contains("is mounted there already"))
        #expect(try keeper.order("mount \(keeper.directory)/nothing 0").contains("mkdir -p"))
        #expect(try keeper.order("mount \(keeper.directory)/link/data 0").contains("failed"))
        #expect(try keeper.order("unmount 5 normal").contains("there is no mount number 5"))
        // Something on top of it: the wrong one would go.
        _ = try keeper.run(.root, "mount -t tmpfs none '\(point)'")
        #expect(try keeper.order("unmount 1 normal").contains("something else is mounted over it"))
        _ = try keeper.run(.root, "umount '\(point)'")
        #expect(try keeper.order("unmount 1 normal") == "unmounted")
    }

    @Test func rootSetsTheReadAheadWindow() throws {
        let (keeper, _) = try Self.mounted(.root)
        #expect(try keeper.order("readahead 1 512") == "set")
        let device = try keeper.run(.root, Self.table(keeper)).split(separator: " ")[2]
        #expect(try Shell.run("cat /sys/class/bdi/\(device)/read_ahead_kb") == "512\n")
    }

    @Test func anOrdinaryUserCannotSetTheReadAheadWindowNorLetOthersIn() throws {
        let (keeper, _) = try Self.mounted(.nobody)
        #expect(try keeper.order("readahead 1 512").contains("only root can"))
        let other = keeper.directory.appending("other")
        try SystemCalls.makeDirectory(other)
        chown("\(other)", 65534, 65534)
        #expect(try keeper.order("mount \(other) 0 allow_other").contains("user_allow_other"))
        let foreign = keeper.directory.appending("foreign")
        try SystemCalls.makeDirectory(foreign, mode: 0o755)
        #expect(try keeper.order("mount \(foreign) 0").contains("a directory that you own"))
    }

    @Test func aClosedDeviceNodeIsExplained() throws {
        try #require(getuid() == 0, "these tests need root")
        let keeper = try KeeperUnderTest(setting: .nobodyInNamespace(nodeMode: "0600"))
        try #require(keeper.word == "R", "\(keeper.log)")
        let point = keeper.directory.appending("point")
        try SystemCalls.makeDirectory(point)
        chown("\(point)", 65534, 65534)
        chmod("\(keeper.directory)", 0o755)
        let answer = try keeper.order("mount \(point) 0")
        #expect(answer.hasPrefix("failed 13 ") && answer.contains("chmod 0666 /dev/fuse"), "\(answer)")
    }
}
