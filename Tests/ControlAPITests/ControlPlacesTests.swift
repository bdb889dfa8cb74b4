import Glibc
import LinuxSystem
import Testing

@testable import ControlAPI

@Suite struct ControlPlacesTests {
    private func places(_ uid: UInt32, _ variables: [String: String]) -> ControlPlaces { ControlPlaces(uid: uid) { variables[$0] } }

    @Test func theStoreFollowsTheEnvironment() {
        #expect(places(0, ["HOME": "/root"]).defaultStore == "/var/cache/incfs")
        #expect(places(0, ["INCFS_STORE": "/s"]).defaultStore == "/s")
        #expect(places(7, ["HOME": "/home/u"]).defaultStore == "/home/u/.cache/incfs")
        #expect(places(7, ["HOME": "/home/u", "XDG_CACHE_HOME": "/c"]).defaultStore == "/c/incfs")
        #expect(places(7, ["HOME": "/home/u", "XDG_CACHE_HOME": "relative"]).defaultStore == "/home/u/.cache/incfs")
        #expect(places(7, [:]).defaultStore == nil)
    }

    @Test func theSocketIsNamedByItsStore() {
        let root = places(0, ["XDG_RUNTIME_DIR": "/run/user/0"]), user = places(7, ["XDG_RUNTIME_DIR": "/run/user/7"])
        #expect(root.runtimeDirectory == "/run/incfs")
        #expect(user.runtimeDirectory == "/run/user/7/incfs")
        #expect(places(7, [:]).runtimeDirectory == "/tmp/incfs-7")
        // FNV-1a of "a" is a published test vector.
        #expect(root.socket(forRealStore: "a") == "/run/incfs/af63dc4c8601ec8c.sock")
        #expect(user.socket(forRealStore: "/x") != user.socket(forRealStore: "/y"))
    }

    @Test func withoutAVariableTheSessionsDirectoryIsTaken() throws {
        let directory = TemporaryDirectory()
        func runtime(_ uid: UInt32, _ variables: [String: String] = [:]) -> FilePath { ControlPlaces(uid: uid, usersDirectory: directory.path) { variables[$0] }.runtimeDirectory }
        // Whoever runs the tests owns what they make.
        let mine = max(geteuid(), 1)
        #expect(runtime(mine) == FilePath("/tmp/incfs-\(mine)"))
        let own = directory.path.appending("\(mine)")
        try SystemCalls.makeDirectory(own, mode: 0o700)
        if geteuid() == 0 { #expect(chown(own.string, mine, 0) == 0) }
        #expect(runtime(mine) == own.appending("incfs"))
        #expect(runtime(mine, ["XDG_RUNTIME_DIR": "/elsewhere"]) == "/elsewhere/incfs")
        // Not what others can enter, not what is another's, not a link.
        #expect(chmod(own.string, 0o755) == 0)
        #expect(runtime(mine) == FilePath("/tmp/incfs-\(mine)"))
        try SystemCalls.makeDirectory(directory.path.appending("\(mine + 1)"), mode: 0o700)
        #expect(runtime(mine + 1) == FilePath("/tmp/incfs-\(mine + 1)"))
        #expect(chmod(own.string, 0o700) == 0 && symlink(own.string, directory.path.appending("\(mine + 2)").string) == 0)
        #expect(runtime(mine + 2) == FilePath("/tmp/incfs-\(mine + 2)"))
    }

    @Test func aRuntimeDirectoryThatOthersCanEnterIsRefused() throws {
        let directory = TemporaryDirectory()
        let mine = ControlPlaces(uid: 4_000_000) { $0 == "XDG_RUNTIME_DIR" ? directory.path.string : nil }
        // The directory that is made belongs to us, not to that user.
        let error = #expect(throws: ControlError.self) { try mine.makeRuntimeDirectory() }
        #expect(error?.code == .permission && error?.exitCode == 5)
        #expect(mine.sockets().isEmpty)
    }

    @Test func theLogIsTheJournalForRootAndForServices() throws {
        let directory = TemporaryDirectory()
        let socket = directory.path.appending("socket")
        func log(_ uid: UInt32, _ variables: [String: String]) -> LogPlace? {
            ControlPlaces(uid: uid, journalSocket: socket) { (variables.merging(["HOME": "/h"]) { a, _ in a })[$0] }.log
        }
        var status = stat()
        #expect(fstat(STDERR_FILENO, &status) == 0)
        let stream = "\(status.st_dev):\(status.st_ino)"
        // No journal here.
        #expect(log(0, [:]) == .file("/var/log/incfs.log") && log(7, ["JOURNAL_STREAM": stream]) == .file("/h/.local/state/incfs/log"))
        #expect(log(0, ["INCFS_LOG": "journal"]) == .file("/var/log/incfs.log"))
        let listener = try SystemCalls.listen(atSocket: socket)
        #expect(log(0, [:]) == .journal(socket))
        #expect(log(7, [:]) == .file("/h/.local/state/incfs/log") && log(7, ["JOURNAL_STREAM": "1:1"]) == .file("/h/.local/state/incfs/log"))
        #expect(log(7, ["JOURNAL_STREAM": stream]) == .journal(socket) && log(7, ["INCFS_LOG": "journal"]) == .journal(socket))
        #expect(log(0, ["INCFS_LOG": "/l"]) == .file("/l"))
        #expect(log(0, [:])?.sentence.contains("journalctl -t incfsd") == true)
        listener.close()
    }
}
