import ControlAPI
import Testing

@testable import incfs

/// What mount(8) says to `mount.incfs`, and what becomes of it.
@Suite struct MountProgramTests {
    static let digest = String(repeating: "12ab", count: 16)

    private func command(_ line: String) throws -> [String] {
        try MountProgram(line.split(separator: " ").map(String.init)).command
    }

    @Test func theWordsOfMountBecomeThoseOfIncfs() throws {
        #expect(try command("https://h/a.incfs /m -o rw") == ["mount", "--quiet", "--", "https://h/a.incfs", "/m"])
        #expect(try command("https://h/a.incfs /m -v -n -o ro,pin=sha256:\(Self.digest)") == ["mount", "--", "https://h/a.incfs#sha256=\(Self.digest)", "/m"])
        #expect(try command("a /m -svt fuse.incfs -ono_fill,read_timeout=2.5,store=/s -oallow_other,noexec,insecure")
            == ["mount", "--no-fill", "--read-timeout", "2.5", "--store", "/s", "--allow-other", "--no-exec", "--insecure", "--", "a", "/m"])
        #expect(try MountProgram(["a", "/m", "-f"]).fake)
    }

    @Test func whatAFstabLineSaysForOthersIsPassedOver() throws {
        let line = "rw,noauto,user=alice,_netdev,nofail,x-systemd.automount,x-systemd.idle-timeout=10min,X-mount.mkdir=755,nosuid,nodev,relatime,comment=x,defaults,,exec"
        #expect(try MountProgramOptions([line]).words.isEmpty)
        // What comes later wins; users' mounts are noexec unless exec follows (mount(8), “user”).
        #expect(try MountProgramOptions(["noexec,exec,store=/a,store=/b"]).words == ["--store", "/b"])
        #expect(try MountProgramOptions(["exec", "noexec"]).words == ["--no-exec"])
        #expect(try MountProgramOptions(["store=\"/a,b\",no_fill"]).words == ["--store", "/a,b", "--no-fill"])
    }

    @Test(arguments: [
        "a", "a /m b", "a /m -o", "a /m -x", "a /m -N /proc/1/ns/mnt", "a /m -o frobnicate", "a /m -o store", "a /m -o store=", "a /m -o no_fill=1",
        "a /m -o remount,ro", "a /m -o pin", "a /m -o pin=12", "a /m -o pin=md5:\(digest)", "a /m -o pin=sha256:\(digest)0", "a /m -o suid", "a /m -o dev",
        "a#sha256=\(digest) /m -o pin=sha256:\(String(repeating: "0", count: 64))",
    ])
    func wrongUseIsRefused(_ line: String) {
        let error = #expect(throws: ControlError.self) { try command(line) }
        #expect(error?.code == .usage)
    }

    @Test func aSloppyMountLeavesOutWhatIsUnknown() throws {
        #expect(try command("a /m -s -o frobnicate=1,context=x,remount,no_fill") == ["mount", "--no-fill", "--quiet", "--", "a", "/m"])
    }

    @Test func theSamePinTwiceIsOnePin() throws {
        #expect(try command("a#sha256=\(Self.digest) /m -o pin=sha256:\(Self.digest.uppercased())").suffix(2) == ["a#sha256=\(Self.digest)", "/m"])
    }

    @Test func statusesAreThoseOfMount() {
        #expect([0, 2, 5, 3, 4, 6, 7, 1, 130, 143].map(MountProgram.mountStatus) == [0, 1, 1, 32, 32, 32, 32, 32, 8, 8])
        #expect(MountProgram.isCalled(by: "/sbin/mount.incfs") && MountProgram.isCalled(by: "mount.incfs") && !MountProgram.isCalled(by: "incfs") && !MountProgram.isCalled(by: nil))
    }

    /// Each option here is one of `incfs mount`, and each of `incfs mount` is here or has no meaning in a fstab line.
    @Test func theOptionsAreThoseOfIncfsMount() throws {
        let unfit: Set = ["foreground", "json", "quiet"]
        let known = Set(CommandHelp.options(of: MountCommand.self))
        #expect(Set(MountProgramOptions.own.keys.map(MountProgramOptions.word)).union(unfit) == known)
        for (name, takesValue) in MountProgramOptions.own {
            let words = try MountProgramOptions([name + (takesValue ? "=1" : "")]).words
            #expect(throws: Never.self) { try MountCommand.parse(words + ["a", "/m"]) }
        }
    }
}
