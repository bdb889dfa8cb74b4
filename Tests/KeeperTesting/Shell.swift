import Glibc
import LinuxSystem

/// A shell command as a child process, its standard output read by the test.
public final class Shell {
    public let pid: pid_t
    private let stream: CInt

    public init(_ command: String) throws {
        let pair = try SystemCalls.socketPair(type: SOCK_STREAM)
        let null = try SystemCalls.open("/dev/null", flags: O_RDWR)
        pid = try SystemCalls.spawn("/bin/sh", ["sh", "-c", command], descriptors: [null.rawValue, pair.1, pair.1])
        SystemCalls.close(pair.1)
        stream = pair.0
    }

    deinit {
        end()
        SystemCalls.close(stream)
    }

    /// Everything that it and its children print.
    public func output() throws -> String { KeeperUnderTest.read(stream) }

    public func firstLine() -> String {
        var line: [UInt8] = []
        var byte: [UInt8] = [0]
        while byte.withUnsafeMutableBytes({ (try? SystemCalls.read(stream, into: $0)) ?? 0 }) == 1, byte[0] != 10 { line += byte }
        return String(decoding: line, as: UTF8.self)
    }

    public func end() {
        kill(pid, SIGKILL)
        _ = try? SystemCalls.wait(for: pid)
    }

    public static func run(_ command: String) throws -> String { try Shell(command).output() }
}

/// Who mounts.
public enum Mounter: CaseIterable, Sendable {
    case root, nobody
    public var setting: KeeperUnderTest.Setting { self == .root ? .rootInNamespace : .nobodyInNamespace(nodeMode: "0666") }
}

extension KeeperUnderTest {
    /// A command line that runs `script` in the keeper's mount namespace, as the mounter.
    public func command(_ mounter: Mounter, _ script: String) throws -> String {
        let quoted = script.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
        let user = mounter == .nobody ? "setpriv --reuid nobody --regid nogroup --clear-groups -- " : ""
        return "exec nsenter -t \(pid) -m -- \(user)sh -c '\(quoted)'"
    }

    public func run(_ mounter: Mounter, _ script: String) throws -> String { try Shell.run(try command(mounter, script)) }

    /// What the keeper holds, one line each.
    public func descriptors() throws -> String {
        try SystemCalls.list(FilePath("/proc/\(pid)/fd")).compactMap { name in
            (try? SystemCalls.readLink(FilePath("/proc/\(pid)/fd").appending(bytes: name))).map { String(decoding: $0, as: UTF8.self) }
        }.joined(separator: "\n")
    }
}
