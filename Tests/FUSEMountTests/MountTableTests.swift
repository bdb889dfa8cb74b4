import LinuxSystem
import Testing

@testable import FUSEMount

@Suite struct MountTableTests {
    static let text = """
        27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
        60 27 0:51 / /mnt/a\\040b ro,nosuid,nodev shared:3 master:1 - fuse.incfs https://x ro,user_id=0
        61 60 0:52 / /mnt/a\\040b rw - tmpfs none rw
        not a mount at all
        62 27 0:53 / /mnt/back\\134slash rw - fuse x rw

        """

    @Test func entriesAreReadAndEscapesUndone() {
        let table = MountTable(text: Array(Self.text.utf8))
        #expect(table.entries.map(\.mountpoint) == ["/", "/mnt/a b", "/mnt/a b", "/mnt/back\\slash"])
        #expect(table.entries.map(\.number) == [27, 60, 61, 62])
        #expect(table.entries.map(\.source) == ["/dev/vda", "https://x", "none", "x"])
        #expect(table.entries.map(\.isFUSE) == [false, true, false, true])
        #expect(table.topmost(at: "/mnt/a b")?.device == DeviceNumber(major: 0, minor: 52))
        #expect(table.fuseMount(above: "/mnt/a b/c/d")?.device == DeviceNumber(major: 0, minor: 51))
        #expect(table.fuseMount(above: "/mnt/a bc") == nil)
        #expect(table.topmost(at: "/mnt") == nil)
    }

    @Test func aDeviceNumberIsReadAsItIsWritten() {
        let number = DeviceNumber(major: 0, minor: 4_294_967_295)
        #expect(DeviceNumber(text: "\(number)") == number)
        for text in ["", ":", "1", "1:", ":1", "1:2:3", "-1:2", "1:4294967296", "a:b"] { #expect(DeviceNumber(text: text) == nil) }
    }

    @Test func everyTruncationIsRead() {
        let bytes = Array(Self.text.utf8)
        for length in bytes.indices { _ = MountTable(text: Array(bytes[..<length])) }
    }

    @Test func whoMounted() {
        let table = MountTable(text: Array(Self.text.utf8))
        #expect(table.entries.first { $0.type == "fuse.incfs" }?.user == 0 && table.entries.contains { $0.user == nil })
        for (options, user) in [("rw,user_id=1000,group_id=5", 1000), ("user_id=4294967294", 4_294_967_294), ("rw,xuser_id=1", nil), ("user_id=-1", nil), ("user_id=", nil)] as [(String, UInt32?)] {
            let line = "60 27 0:51 / /mnt rw - fuse.incfs source \(options)\n"
            #expect(MountTable(text: Array(line.utf8)).entries.map(\.user) == [user], "\(options)")
        }
    }

    @Test func thisProcessHasARoot() throws { #expect(try MountTable.current().topmost(at: "/") != nil) }

    /// Each time from its start.
    @Test func anOpenTableIsReadAgainAndAgain() throws {
        let file = try SystemCalls.open("/proc/self/mountinfo", flags: 0)
        let root = try #require(try MountTable.current().topmost(at: "/"))
        for _ in 0..<3 { #expect(try MountTable(reading: file.rawValue).topmost(at: "/") == root) }
    }
}

@Suite struct MountOptionsTests {
    @Test func optionsForBothWays() {
        #expect(MountOptions(fsname: "p", noExec: true).fusermountOptions.contains("nodev,noexec,fsname=p"))
        var options = MountOptions(fsname: "https://h/a,b\\c", allowOther: true)
        #expect(options.kernelData(device: 5, uid: 1, gid: 2) == "fd=5,rootmode=40000,user_id=1,group_id=2,allow_other,default_permissions,max_read=1048576")
        #expect(options.fusermountOptions == "ro,nosuid,nodev,fsname=https://h/a\\,b\\\\c,subtype=incfs,max_read=1048576,allow_other,default_permissions")
        options = MountOptions(fsname: "x", readOnly: false)
        #expect(options.kernelData(device: 5, uid: 1, gid: 2) == "fd=5,rootmode=40000,user_id=1,group_id=2,max_read=1048576")
        #expect(options.fusermountOptions == "rw,nosuid,nodev,fsname=x,subtype=incfs,max_read=1048576")
    }
}

@Suite struct MountRefusalTests {
    static func error(_ path: FilePath) -> MountError? {
        do throws(MountError) { _ = try FUSEMount.mount(at: path, options: MountOptions(fsname: "x")) } catch { return error }
        return nil
    }

    @Test func badMountPointsAreRefusedBeforeAnythingIsOpened() {
        #expect(Self.error("relative")?.code == .notAbsolute)
        #expect(Self.error("/nonexistent/x")?.code == .mountpointMissing)
        #expect(Self.error("/nonexistent/x")?.errno == .noSuchFileOrDirectory)
        #expect(Self.error("/etc/passwd")?.code == .notADirectory)
        #expect(Self.error("/etc/passwd/x")?.code == .notADirectory)
        #expect(Self.error("/nonexistent/x")?.description == "cannot mount on /nonexistent/x: it does not exist; create it: mkdir -p /nonexistent/x")
    }

    @Test func shortRequestTimeOutsAreRefused() {
        func refused(_ text: String) -> Bool {
            do throws(MountError) { try FUSEMount.checkRequestTimeout(Array(text.utf8), name: "max_request_timeout", "/m") } catch { return error.code == .requestTimeout }
            return false
        }
        #expect(!refused("0\n"))
        #expect(refused("1\n"))
        #expect(refused("4\n"))
        #expect(!refused("5\n"))
        #expect(!refused("nonsense\n"))
    }

    @Test func everyCauseSaysWhatToDo() {
        for errno: Errno in [.noSuchFileOrDirectory, .permissionDenied, .tooManyOpenFiles] {
            #expect(!FUSEMount.deviceError(errno, "x").advice.isEmpty)
        }
        #expect(FUSEMount.deviceError(.permissionDenied, "x").advice.contains("chmod 0666 /dev/fuse"))
        #expect(FUSEMount.unmountError(.resourceBusy, "x").code == .busy)
        #expect(FUSEMount.unmountError(.invalidArgument, "x").code == .notMounted)
    }
}
