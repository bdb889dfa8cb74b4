import ControlAPI
import Glibc
import LinuxSystem

/// A program from its start to its end, with signals passed on.
///
/// The program stays in this process group. What the terminal sends reaches it without us, so only signals that a process
/// sent to us alone are passed on.
struct ProgramRun {
    private static let forwarded = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH]
    /// To be blocked before any thread is started.
    static let signals = forwarded + [SIGCHLD]

    /// How soon a signal that nobody could take yet is tried again.
    private static let retryMilliseconds: CInt = 20

    let program: PackageProgram
    let arguments: [String]
    /// The mount.
    let root: FilePath
    /// Set where the program sees mounts of its own.
    var namespace: ProgramNamespace?

    /// How a program ended.
    struct End {
        /// Its exit status, or 128 plus the number of the signal that ended it.
        var status: ExitStatus
        /// 0: none.
        var signal: CInt
        var name: String
        /// Reads of the mount that had failed before the program began.
        var failedBefore: UInt64 = 0
    }

    private enum Start {
        case pending(thread: pid_t)
        case running(pid_t)
        case failed(Errno)
    }

    /// Starts the program and waits for it.
    ///
    /// - Throws: exit status 126 or 127 when it cannot be started.
    func wait() throws(ControlError) -> End {
        let start = Condition(Start.pending(thread: 0))
        // execve(2) reads the program, which may have to be fetched first: this thread stays free for signals.
        Thread(name: "start") { [self] in
            start.withLock { $0 = .pending(thread: SystemCalls.threadID()) }
            do throws(Errno) {
                let pid = try spawn()
                start.update { $0 = .running(pid) }
            } catch { start.update { $0 = .failed(error) } }
            // Wakes sigtimedwait below.
            kill(getpid(), SIGCHLD)
        }.detach()
        // Signals that came before there was a child to give them to.
        var kept: [CInt] = []
        while true {
            let signal = try? SystemCalls.waitForSignal(Self.signals, timeoutMilliseconds: kept.isEmpty ? 1000 : Self.retryMilliseconds)
            switch start.withLock({ $0 }) {
            case .failed(let error): throw cannotStart(error)
            case .pending(let thread):
                let children = children(of: thread)
                if let signal, signal.number != SIGCHLD, !signal.fromKernel || children.isEmpty { kept.append(signal.number) }
                guard !children.isEmpty else { continue }
                for number in kept { for child in children { try? SystemCalls.signal(child, number) } }
                kept = []
            case .running(let pid):
                for number in kept { try? SystemCalls.signal(pid, number) }
                kept = []
                if let signal, signal.number != SIGCHLD, !signal.fromKernel { try? SystemCalls.signal(pid, signal.number) }
                if let ended = try? SystemCalls.wait(for: pid, options: WNOHANG) { return End(status: Self.status(ended.status), signal: ended.status & 0x7f, name: program.name) }
            }
        }
    }

    private var environment: [String] {
        var result: [String] = []
        var entry = environ
        while let text = entry.pointee {
            let line = String(cString: text)
            if !line.hasPrefix("INCFS_ROOT=") { result.append(line) }
            entry += 1
        }
        return result + ["INCFS_ROOT=\(namespace?.at ?? root)"]
    }

    /// Into a namespace through ourselves.
    private func spawn() throws(Errno) -> pid_t {
        guard let namespace else { return try SystemCalls.spawn(program.path, [program.name] + arguments, environment: environment, descriptors: [0, 1, 2]) }
        let inside = { (path: String) in
            path.hasPrefix(root.string + "/") ? (namespace.at ?? root).string + String(decoding: path.utf8.dropFirst(root.string.utf8.count), as: UTF8.self) : path
        }
        let words = ["incfs"] + namespace.words + [inside(program.path.string), inside(program.name)] + arguments
        return try SystemCalls.spawn("/proc/self/exe", words, environment: environment, descriptors: [0, 1, 2])
    }

    /// The child that waits for its program's first page has no known number yet, but it has a parent thread.
    private func children(of thread: pid_t) -> [pid_t] {
        guard thread != 0, let bytes = try? SystemCalls.contents(of: FilePath("/proc/self/task/\(thread)/children")) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: " ").compactMap { pid_t($0) }
    }

    private func cannotStart(_ error: Errno) -> ControlError {
        if error == .noSuchFileOrDirectory {
            return ControlError(.usage, "\(program.name) cannot be started: the interpreter or loader that it asks for is not on this machine.",
                                hint: "See its first line, or “file” and “readelf -l” of it.", exit: .runNotFound, errno: error.rawValue)
        }
        return ControlError(.internalFailure, "\(program.name) cannot be started: \(error).", exit: .runCannotStart, errno: error.rawValue)
    }

    /// As shells say it (wait(2)).
    static func status(_ raw: CInt) -> ExitStatus {
        let signal = raw & 0x7f
        return ExitStatus(rawValue: signal == 0 ? raw >> 8 & 0xff : 128 + signal)
    }
}
