import ContractVolume
import ControlAPI
import Glibc
import LinuxSystem
import Testing

@testable import incfs

/// docs/JSON.md against what the commands print: a field that goes, comes undocumented, or changes its type fails.
@Suite struct JSONSchemaTests {
    /// For each heading of the document a value with everything, and one with as little as can be.
    static var answers: [String: (full: [UInt8], least: [UInt8])] {
        get throws {
            let path = WirePath(bytes: [0x61, 0xff])
            var mount = MountStatus(mountpoint: "/m", address: "a", name: "n", release: "r", root: "0")
            var least = StatusReport(daemonPid: 1, keeperPid: 2, version: "v", store: "/s", mounts: [mount])
            (mount.rateBytesPerSecond, mount.secondsLeft, mount.waitReason, mount.waitSecondsTotal, mount.lastError) = (0.5, 0.5, "w", 0.5, "e")
            mount.waits = [ReaderWait(path: path, block: 3, seconds: 0.25, pid: 7)]
            mount.recentFailedReads = [FailedRead(number: 1, path: path, block: 1, errno: 5, cause: "c", processes: [2])]
            mount.lastFailedRead = FailedRead(number: 1, path: path, block: 1, errno: 5, cause: "c", processes: [2])
            mount.files = [FileReport(path: path, size: .max, blocksPresent: 1, blocksTotal: 2, touched: true)]
            mount.fillNote = "f"
            mount.layers = ["/l"]
            var full = StatusReport(daemonPid: 1, keeperPid: 2, version: "v", store: "/s", mounts: [mount])
            full.fills = [BackgroundFillStatus(name: "n", release: "r", root: "0", blocksPresent: 1, blocksTotal: 2)]
            least.fills = full.fills
            let package = StoredPackage(
                name: "n", release: "r", root: "0", bytes: 1, bytesStored: 2, complete: true, lastUse: 3, mountpoints: ["/m"], filling: false)
            let layer = StoredLayer(name: "n", directory: "/d", bytes: 1, used: false)
            let list = try json(StoreReport(store: "/s", packages: [package], layers: [layer], bytesStored: 1, bytesFree: 2, bytesTotal: 3))
            let removal = try json(StoreRemoveReport(packages: [package], layers: [layer], bytesFreed: 1))
            least.mounts[0].rateBytesPerSecond = 0.5
            least.mounts[0].layers = ["/l"]
            least.mounts[0].waitSecondsTotal = 0.5
            least.mounts[0].waits = [ReaderWait(path: WirePath("a"), block: 3, seconds: 0.25, pid: 7)]
            least.mounts[0].recentFailedReads = [FailedRead(number: 1, path: WirePath("a"), block: 1, errno: 5, cause: "c", processes: [2])]
            least.mounts[0].lastFailedRead = FailedRead(number: 1, path: WirePath("a"), block: 1, errno: 5, cause: "c", processes: [2])
            least.mounts[0].files = [FileReport(path: WirePath("a"), size: 1, blocksPresent: 1, blocksTotal: 2, touched: true)]
            var contract = ContractMountStatus(mountpoint: "/m", source: "/b", kind: .backing)
            (contract.daemonPid, contract.readersWaiting) = (1, 2)
            contract.counters = Dictionary(uniqueKeysWithValues: ReadCounters.names.map { ($0, 1) })
            let dead = DeadMountStatus(mountpoint: "/m", source: "/s")
            var counted = ContractMountStatus(mountpoint: "/m", source: "/b", kind: .backing)
            counted.counters = contract.counters
            func mounted(_ entry: WirePath?) -> MountReport {
                MountReport(mountpoint: "/m", number: 1, address: "a", name: "n", release: "", root: "", files: 1, bytes: 2, daemonPid: 3, entry: entry, notice: entry.map { _ in "n" })
            }
            func verified(_ path: WirePath) -> VerifyReport {
                VerifyReport(blocksChecked: 1, blocksMissing: 2, problems: [VerifyProblem(path: path, firstBlock: 1, blockCount: 2, problem: "p")])
            }
            func failed(_ error: ControlError) -> FailedAnswer { FailedAnswer(error: error) }
            let fetched = FetchReport(directory: "/d", name: "n", release: "", root: "", files: 1, bytes: 2, bytesFetched: 3, filesCloned: 0)
            func listed(_ path: WirePath, _ target: WirePath?) -> ListReport {
                ListReport(entries: [ListEntry(path: path, kind: .symlink, mode: 0o777, linkCount: 1, size: 2, modifiedSeconds: 3, modifiedNanoseconds: 4, target: target)])
            }
            func image(_ path: [UInt8]?) throws -> ImageReport {
                let entry = ImageReport.Entry(path: path, kind: .file, mode: 0o100555, inode: 3, linkCount: 1, size: 5000, stored: (1, 7), blocksTotal: 2)
                return ImageReport(entries: [entry], notes: ["n"])
            }
            return [
                "image list": (try json(image([0x61, 0xff])), try json(image(nil))),
                "fetch": (try json(fetched), try json(fetched)),
                "ls": (try json(listed(path, path)), try json(listed(WirePath("a"), nil))),
                "failure": (try json(failed(ControlError(.timedOut, "m", hint: "h", errno: 62))), try json(failed(ControlError(.timedOut, "m")))),
                "mount": (try json(mounted(path)), try json(mounted(nil))),
                "status": (try json(UserStatus([full], contractMounts: [contract], deadMounts: [dead])), try json(UserStatus([least], contractMounts: [counted], deadMounts: [dead]))),
                "store list": (list, list),
                "store remove": (removal, removal),
                "verify": (try json(verified(path)), try json(verified(WirePath("a")))),
            ]
        }
    }

    static func json(_ value: some Encodable) throws -> [UInt8] { try ControlProtocol.json(JSONAnswer(body: value), pretty: false) }

    /// What the document says stands where lists are not empty, and for a status where a daemon runs.
    @Test func everyFieldIsDocumentedAndEveryDocumentedFieldIsThere() async throws {
        let documented = FieldTypes.tables(of: try CommandHelp.text("docs/JSON.md"))
        var answers = try Self.answers
        answers["publish"] = try await Self.published()
        answers["fsck"] = try await Self.checked()
        #expect(Set(documented.keys) == Set(answers.keys))
        for (heading, answer) in answers {
            let table = try #require(documented[heading], "\(heading) is not in docs/JSON.md")
            #expect(try FieldTypes.printed(answer.full) == table.types, "\(heading), with everything")
            let optional = try Set(FieldTypes.printed(answer.least).keys).subtracting(table.always)
            // A daemon runs in the least one too, and its files were asked for: else their fields could not be looked at.
            let mayStay: Set<String> = heading == "status" ? ["daemon_pid", "keeper_pid", "version", "store", "mounts[].files", "mounts[].last_failed_read", "fills", "contract_mounts", "contract_mounts[].counters", "dead_mounts"] : []
            #expect(optional.subtracting(mayStay).isEmpty, "\(heading) has fields that need not be there")
            #expect(try table.always.isSubset(of: Set(FieldTypes.printed(answer.least).keys)), "\(heading) lacks fields that must be there")
        }
    }

    /// Of a real publication.
    static func published() async throws -> (full: [UInt8], least: [UInt8]) {
        let directory = TemporaryDirectory()
        try SystemCalls.makeDirectory(directory.path.appending("in"))
        try directory.path.appending("in").appending("f").write("text")
        let result = try await Executable.incfs.run(["publish", directory.path.appending("in").string, "-o", directory.path.string, "--json"])
        try #require(result.status == 0, "\(result)")
        return (Array(result.output.utf8), Array(result.output.utf8))
    }

    /// Of a real directory with what a dead process can leave, and of one that was never mounted.
    static func checked() async throws -> (full: [UInt8], least: [UInt8]) {
        let directory = TemporaryDirectory()
        let (torn, empty) = (directory.path.appending("torn"), directory.path.appending("empty"))
        for path in [torn, torn.appending(".index"), empty] { try SystemCalls.makeDirectory(path) }
        let inside = try SystemCalls.open(torn, flags: O_RDONLY | O_DIRECTORY)
        try SystemCalls.open(name: [0x61, 0xff], in: inside.rawValue, flags: O_RDWR | O_CREAT, mode: 0o644).close()
        for path in [torn.appending("file"), torn.appending(".index").appending(String(repeating: "0", count: 32))] { try path.write("INCFS") }
        let full = try await Executable.incfs.run(["fsck", torn.string, "--json"]), least = try await Executable.incfs.run(["fsck", empty.string, "--json"])
        try #require(full.status == 1 && least.status == 0, "\(full) \(least)")
        return (Array(full.output.utf8), Array(least.output.utf8))
    }

    @Test func emptyListsAndNoDaemonAreListsAndNoFields() throws {
        let text = String(decoding: try Self.json(UserStatus([])), as: UTF8.self)
        #expect(text == #"{"daemons":[],"mounts":[],"schema":1}"#)
    }

    @Test func namesThatAreNotUTF8HaveTheirBytes() throws {
        let text = String(decoding: try Self.json(FileReport(path: WirePath(bytes: [0x61, 0xff, 0x0a]), size: 1, blocksPresent: 1, blocksTotal: 1, touched: false)), as: UTF8.self)
        #expect(text.contains(#""path_bytes":"61ff0a""#) && text.contains(#""path":"a\#u{fffd}\n""#), "\(text)")
    }

    /// The built commands: success, and failure in both forms at once.
    @Test func everyAnswerHasItsVersionAndAFailureIsOneToo() async throws {
        let fake = try FakeInstallation()
        let mounted = try await fake.run(["mount", "/a.incfs", fake.mountpoint, "--store", fake.store, "--json"])
        for answer in [mounted, try await fake.run(["status", "--store", fake.store, "--json"]), try await fake.run(["verify", fake.mountpoint, "--store", fake.store, "--json"])] {
            #expect(try FieldTypes.printed(answer.output.utf8)["schema"] == "integer" && answer.output.contains("\"schema\" : 1"), "\(answer)")
        }
        let watched = try fake.start(["status", "--store", fake.store, "--json", "--watch"])
        #expect(try await watched.line().contains(#""schema":1"#))
        try watched.signal(15)
        _ = try await watched.finish()
        let gone = try await fake.run(["mount", "http://127.0.0.1:1/gone.incfs", fake.mountpoint, "--store", fake.store, "--json"])
        #expect(gone.status == 3 && gone.error.hasPrefix("incfs: The origin does not have it"))
        #expect(try FieldTypes.printed(gone.output.utf8).keys.contains("error.exit_code") && gone.output.contains("\"code\" : \"origin_unreachable\""), "\(gone)")
        try await fake.close()
    }
}
