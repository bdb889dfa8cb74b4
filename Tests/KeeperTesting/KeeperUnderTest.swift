import Glibc
import LinuxSystem

/// What did not happen, with the keeper's log.
public struct KeeperTestFailure: Error { public var sentence: String }

/// A real keeper process with the test daemon under it, in a directory of its own.
public final class KeeperUnderTest {
    public let directory: FilePath
    public let pid: pid_t
    /// What came over the ready pipe.
    public private(set) var word = ""
    private var exitStatus: CInt?
    private let removesDirectory: Bool

    public var store: FilePath { directory.appending("store") }
    public var socket: FilePath { directory.appending("run/control") }
    public var log: String { (try? SystemCalls.contents(of: store.appending("daemon.log"))).map { String(decoding: $0, as: UTF8.self) } ?? "" }

    /// How the keeper is started.
    public enum Setting { case plain, rootInNamespace, nobodyInNamespace(nodeMode: String) }

    /// Starts it and reads its word. A given `directory` belongs to the caller.
    public init(_ daemonArguments: [String] = [], options: [String] = [], daemon: FilePath? = nil, in given: FilePath? = nil, setting: Setting = .plain) throws {
        directory = try given ?? Self.temporaryDirectory()
        removesDirectory = given == nil
        let programs = try Self.programs()
        let keeper = programs.appending("incfs-keeper")
        let arguments =
            ["--store", directory.appending("store").string, "--socket", directory.appending("run/control").string]
            + ["--daemon", (daemon ?? programs.appending("keeper-test-daemon")).string] + options + ["--"] + daemonArguments
        let pipe = try SystemCalls.pipe()
        let reader = OwnedDescriptor(pipe.read), writer = OwnedDescriptor(pipe.write)
        let null = try SystemCalls.open("/dev/null", flags: O_RDWR)
        let descriptors = [null.rawValue, null.rawValue, 2, writer.rawValue]
        switch setting {
        case .plain: pid = try SystemCalls.spawn(keeper, ["incfs-keeper"] + arguments, descriptors: descriptors)
        case .rootInNamespace:
            pid = try SystemCalls.spawn("/usr/bin/unshare", ["unshare", "-m", keeper.string] + arguments, descriptors: descriptors)
        case .nobodyInNamespace(let mode):
            // The copies are where the other user can reach them.
            let script = """
                set -e; chmod 755 \(directory); install -m 755 \(keeper) \(programs)/keeper-test-daemon \(directory)
                mkdir \(directory)/store \(directory)/run; chown nobody \(directory)/store \(directory)/run
                mknod \(directory)/fuse c 10 229; chmod \(mode) \(directory)/fuse; mount --bind \(directory)/fuse /dev/fuse
                exec setpriv --reuid nobody --regid nogroup --clear-groups -- \(directory)/incfs-keeper "$@"
                """
            var moved = arguments
            moved[5] = directory.appending("keeper-test-daemon").string
            pid = try SystemCalls.spawn("/usr/bin/unshare", ["unshare", "-m", "sh", "-c", script, "sh"] + moved, descriptors: descriptors)
        }
        writer.close()
        word = Self.read(reader.rawValue)
    }

    deinit {
        if exitStatus == nil {
            kill(pid, SIGTERM)
            if (try? waitForExit(seconds: 20)) == nil { kill(pid, SIGKILL); _ = try? SystemCalls.wait(for: pid) }
        }
        if removesDirectory { try? SystemCalls.removeTree(directory) }
    }

    public static func temporaryDirectory() throws -> FilePath {
        var template = Array("/tmp/keeper-test-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!) != nil }
        guard made else { throw KeeperTestFailure(sentence: "no temporary directory") }
        return template.withUnsafeBufferPointer { FilePath(platformString: $0.baseAddress!) }
    }

    /// The directory with the programs of this build: that of the test program itself.
    public static func programs() throws -> FilePath { try SystemCalls.realPath("/proc/self/exe").removingLastComponent() }

    /// Sends an order to the daemon and returns its answer. While no daemon listens, the order waits in the socket's queue.
    public func order(_ line: String) throws -> String {
        let connection = try SystemCalls.connect(toSocket: socket)
        try Array(line.utf8).withUnsafeBytes { try SystemCalls.writeAll(connection.rawValue, $0) }
        return Self.read(connection.rawValue)
    }

    /// Process number and epoch of the daemon that answers.
    public func who() throws -> (pid: pid_t, epoch: UInt64) {
        let words = try order("who").split(separator: " ")
        guard words.count == 2 else { throw KeeperTestFailure(sentence: "the daemon gave no answer; log:\n\(log)") }
        return (pid_t(words[0])!, UInt64(words[1])!)
    }

    /// Waits for the keeper's end; the exit code, or -1 after a signal.
    public func waitForExit(seconds: Int = 15) throws -> CInt {
        if let exitStatus { return exitStatus }
        let process = try SystemCalls.processDescriptor(pid)
        let ended = try SystemCalls.poll(process.rawValue, events: Int16(POLLIN), timeoutMilliseconds: CInt(seconds * 1000)) != 0
        guard ended, let end = try SystemCalls.wait(for: pid) else { throw KeeperTestFailure(sentence: "the keeper has not ended; log:\n\(log)") }
        exitStatus = end.status & 0x7F == 0 ? end.status >> 8 & 0xFF : -1
        return exitStatus!
    }

    /// Waits until a process that is not a child has ended.
    public static func waitForEnd(of pid: pid_t, seconds: Int = 10) throws -> Bool {
        guard let process = try? SystemCalls.processDescriptor(pid) else { return true }
        return try SystemCalls.poll(process.rawValue, events: Int16(POLLIN), timeoutMilliseconds: CInt(seconds * 1000)) != 0
    }

    /// Everything up to the end of the stream, at most 20 s.
    static func read(_ descriptor: CInt) -> String {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while ((try? SystemCalls.poll(descriptor, events: Int16(POLLIN), timeoutMilliseconds: 20_000)) ?? 0) != 0 {
            let count = chunk.withUnsafeMutableBytes { (try? SystemCalls.read(descriptor, into: $0)) ?? 0 }
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
