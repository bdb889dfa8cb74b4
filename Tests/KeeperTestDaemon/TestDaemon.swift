import Glibc
import KeeperLink
import LinuxSystem
import Synchronization

/// A daemon for tests of the keeper: takes one-line orders on the control socket and serves one file on what is mounted.
@main
struct TestDaemon {
    static func main() {
        let arguments = CommandLine.arguments
        func value(_ name: String) -> String? { arguments.firstIndex(of: name).map { arguments[$0 + 1] } }
        if let code = value("--exit").flatMap({ Int32($0) }) { exit(code) }
        let epoch = value("--epoch").flatMap { UInt64($0) } ?? 0
        // SIGTERM waits for `sigtimedwait` below, as long as it is not to be ignored.
        if arguments.contains("--ignore-term") { signal(SIGTERM, SIG_IGN) }
        let connection = KeeperConnection(epoch: epoch)
        let state = TestState(connection: connection, epoch: epoch)
        do throws(KeeperLinkError) {
            let restored = try connection.restoredMounts()
            if !arguments.contains("--mute") { try connection.startHeartbeat { exit(3) } }
            for mount in restored { state.adopt(mount, restored: true) }
        } catch { fail("\(error)") }
        while true { state.serve(accept(KeeperConnection.inheritedControlSocket, nil, nil)) }
    }

    static func fail(_ text: String) -> Never {
        print("test daemon: \(text)")
        exit(9)
    }
}

/// What the orders work on. Orders are taken one after the other, on the main thread.
final class TestState: Sendable {
    let connection: KeeperConnection
    let epoch: UInt64
    private let servers = Mutex<[UInt64: TestServer]>([:])

    init(connection: KeeperConnection, epoch: UInt64) {
        self.connection = connection
        self.epoch = epoch
    }

    func adopt(_ mount: KeptMount, restored: Bool) {
        let file = SessionStateFile(descriptor: mount.stateFile)
        do throws(SessionStateError) {
            let old = try file.read()
            if restored && old == nil { return }
            try file.write(SessionStateFile.Record(writeEpoch: epoch, session: old?.session ?? Array("session".utf8), configuration: Array(mount.identity.mountpoint.string.utf8)))
        } catch { TestDaemon.fail("\(error)") }
        let server = TestServer(mount)
        servers.withLock { $0[mount.identity.id] = server }
        let id = mount.identity.id
        server.start(resend: restored) { [connection, self] in
            guard self.servers.withLock({ $0.removeValue(forKey: id) }) != nil else { return }
            try? connection.unmount(id, .alreadyGone)
        }
    }

    /// One order: a line in, a line out.
    func serve(_ socket: CInt) {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = bytes.withUnsafeMutableBytes { (try? SystemCalls.read(socket, into: $0)) ?? 0 }
        let words = String(decoding: bytes[..<count], as: UTF8.self).split(whereSeparator: { $0 == " " || $0 == "\n" }).map(String.init)
        var answer = words.isEmpty ? "" : obey(words)
        answer.withUTF8 { _ = try? SystemCalls.writeAll(socket, UnsafeRawBufferPointer($0)) }
        close(socket)
    }

    private func obey(_ words: [String]) -> String {
        do throws(KeeperLinkError) {
            switch words[0] {
            case "who": return "\(getpid()) \(epoch)"
            case "arguments": return CommandLine.arguments.joined(separator: " ")
            case "descriptors": return Self.descriptors()
            case "exit":
                let code = Int32(words[1])!
                try connection.exiting(code: code)
                exit(code)
            case "mount":
                var request = MountRequest(mountpoint: FilePath(words[1]), fsname: "test,fs", clones: UInt16(words[2])!)
                request.allowOther = words.contains("allow_other")
                let mount = try connection.mount(request)
                adopt(mount, restored: false)
                return "\(mount.identity.id) \(mount.identity.kind) \(mount.identity.mountpoint) \(mount.devices.count)"
            case "unmount":
                let id = UInt64(words[1])!
                try connection.unmount(id, words[2] == "lazy" ? .lazy : .normal)
                _ = servers.withLock { $0.removeValue(forKey: id) }
                return "unmounted"
            case "mounts": return servers.withLock { $0.keys.sorted().map(String.init).joined(separator: " ") }
            case "hold":
                servers.withLock { for server in $0.values { server.holdReads() } }
                return "held"
            case "held": return servers.withLock { "\($0.values.reduce(0) { $0 + $1.heldCount })" }
            case "readahead":
                try connection.setReadAhead(UInt64(words[1])!, kib: UInt32(words[2])!)
                return "set"
            default: return "unknown order"
            }
        } catch { return "failed \(error.errno.rawValue) \(error)" }
    }

    private static func descriptors() -> String {
        let names = ((try? SystemCalls.list("/proc/self/fd")) ?? []).compactMap { Int(String(decoding: $0, as: UTF8.self)) }.sorted()
        return names.compactMap { number in
            guard let target = try? SystemCalls.readLink(FilePath("/proc/self/fd/\(number)")) else { return nil }
            return "\(number)=\(String(decoding: target, as: UTF8.self))"
        }.joined(separator: "\n")
    }
}
