import ControlAPI
import LinuxSystem
import Testing

@testable import incfs

@Suite struct TextTests {
    @Test func progressNamesRateAndTimeLeft() {
        let report = ProgressReport(done: 256, total: 1024, bytesPerSecond: 6e6, secondsLeft: 75)
        #expect(ProgressLine.plain("fetched", report, countsBytes: false) == "fetched: 25 % of 4.19 MB, 6.00 MB/s, 1 min 15 s left")
        let bar = ProgressLine.bar("fetched", report, countsBytes: false, width: 100)
        #expect(bar.hasPrefix("[#######·······················] fetched: 25 %"))
        for width in 0..<120 { #expect(ProgressLine.bar("fetched", report, countsBytes: false, width: width).count < max(1, width)) }
    }

    @Test func aStandstillIsExplainedOnceAndAgainAfterProgress() {
        var standstill = Standstill(host: "h", start: MonotonicTime(nanoseconds: 1_000_000_000))
        func text(_ done: UInt64, _ note: String?, _ seconds: Double) -> String? {
            standstill.text(ProgressReport(done: done, total: 9, note: note), at: MonotonicTime(nanoseconds: 1_000_000_000 + UInt64(seconds * 1e9)))
        }
        #expect(text(1, nil, 0) == nil && text(1, "cannot reach http://h/p: connection refused", 2.9) == nil)
        #expect(text(1, "cannot reach http://h/p: connection refused", 3) == "waiting for h: cannot reach http://h/p: connection refused")
        #expect(text(1, "another reason", 60) == nil)
        // It goes on, and stands still again: this time nobody knows why.
        #expect(text(2, nil, 61) == nil && text(2, nil, 63.9) == nil)
        #expect(text(2, nil, 64) == "waiting for h, which has not answered yet")
    }

    @Test func whatAPeerSaysCannotSteerTheTerminal() {
        #expect(Terminal.printable("a\u{1b}[2Jb\u{9b}c\rd\u{7f}") == "a?[2Jb?c?d?")
        #expect(Terminal.printable("ünïcode 語") == "ünïcode 語")
    }

    @Test func theStatusSaysWhoWaitsAndWhatFailed() {
        var mount = MountStatus(mountpoint: "/mnt/a", address: "http://h/a.incfs", name: "demo", release: "1.0", root: "0")
        (mount.blocksPresent, mount.blocksTotal, mount.bytesFetched, mount.requests, mount.filesTouched) = (25, 100, 2_000_000, 1, 3)
        (mount.fillState, mount.rateBytesPerSecond, mount.secondsLeft) = (.filling, 1e6, 30)
        (mount.readersWaiting, mount.waitReason) = (1, "h does not answer")
        mount.waits = [ReaderWait(path: WirePath("bin/x"), block: 7, seconds: 1.25, pid: 99)]
        mount.errors = ErrorCounts(corruptBlocks: 2, refetched: 2, failedReads: 0)
        #expect(StatusText.mount(mount, color: false) == """
            /mnt/a  demo 1.0
              from     http://h/a.incfs
              present  25 %: 25 of 100 blocks, 1.00 MB/s, 30 s left
              fetched  2.00 MB in 1 request; 3 files touched
              waiting  1 reader: h does not answer
                       process 99: bin/x, block 7, for 1.3 s
              errors   2 blocks did not match their digest; 2 fetched again
            """)
        #expect(!StatusText.mount(mount, color: false).contains("\u{1b}") && StatusText.mount(mount, color: true).contains("\u{1b}[1m"))
        #expect(StatusText.text(UserStatus([]), color: false) == "Nothing is mounted.")
        var contract = ContractMountStatus(mountpoint: "/c", source: "/b", kind: .backing)
        (contract.readersWaiting, contract.counters) = (2, ["reads_failed_timed_out": 3, "reads_failed_other": 0])
        let image = ContractMountStatus(mountpoint: "/i", source: "/i.img", kind: .image)
        #expect(StatusText.text(UserStatus([], contractMounts: [contract, image]), color: false) == """
            /c  backing directory /b
              waiting  2 reads
              counted  reads_failed_timed_out 3

            /i  image /i.img
            """)
    }

    @Test func programsStayInThePackage() throws {
        #expect(PackageProgram.lexically("/../../a/./b//../c") == "a/c" && PackageProgram.lexically("..") == "")
        let directory = TemporaryDirectory()
        let root = directory.path
        try SystemCalls.makeDirectories(root.appending("usr").appending("bin"))
        try root.appending("usr").appending("bin").appending("app").write("#!/bin/sh\n", mode: 0o755)
        try root.appending("data").write("x", mode: 0o644)
        try root.appending("absolute").link(to: "/usr/bin/app")
        try root.appending("out").link(to: "../../../../../../usr/bin/app")
        #expect(try PackageProgram("app", root: root).path.string == root.string + "/usr/bin/app")
        #expect(try PackageProgram("/usr/bin/app", root: root).path.string == root.string + "/usr/bin/app")
        let real = try SystemCalls.realPath(root).string
        #expect(try PackageProgram("absolute", root: root).path.string == real + "/usr/bin/app")
        #expect(try PackageProgram("/absolute", root: root).name == root.string + "/absolute")
        #expect(try PackageProgram("./out", root: root).path.string == real + "/usr/bin/app")
        for (name, status) in [("data", 126), ("/usr", 126), ("sh", 127), ("/etc/passwd", 127), ("usr", 127)] as [(String, Int32)] {
            let error = #expect(throws: ControlError.self) { try PackageProgram(name, root: root) }
            #expect(error?.exitCode == status, "\(name)")
        }
    }

    @Test func exitStatusesAreThoseOfShells() {
        #expect(ProgramRun.status(0) == .success && ProgramRun.status(7 << 8).rawValue == 7)
        #expect(ProgramRun.status(9).rawValue == 137 && ProgramRun.status(0x80 | 11).rawValue == 139)
    }
}
