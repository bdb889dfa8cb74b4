import Glibc
import LinuxSystem

/// `incfs-keeper`: see `KeeperArguments.usage` and docs of `KeeperLoop`.
///
/// If the keeper itself dies, its descriptors close with it: the daemon sees the end of the link, and ends; the mounts end.
@main
struct KeeperMain {
    static func main() {
        var ready = ReadyPipe()
        let arguments: KeeperArguments
        do throws(KeeperArguments.Wrong) { arguments = try KeeperArguments(Array(CommandLine.arguments.dropFirst())) } catch {
            ready.failed(error.sentence)
            complain("\(error.sentence)\n\n\(KeeperArguments.usage)")
            exit(64)
        }
        signal(SIGPIPE, SIG_IGN)
        signal(SIGHUP, SIG_IGN)
        umask(0o077)
        do throws(StartFailure) {
            let lock = try StoreLock(store: arguments.store)
            let log = try KeeperLog(path: arguments.log, journal: arguments.journal)
            let control = try ControlSocket(path: arguments.socket)
            let signals = try becomeDaemon(log: log.descriptor)
            var loop = KeeperLoop(arguments: arguments, lock: lock, control: control, log: log, signals: signals)
            try loop.start()
            loop.lock.name(socket: arguments.socket)
            ready.ready()
            exit(loop.run())
        } catch {
            if error.status == .busy { ready.busy() } else { ready.failed(error.sentence) }
            complain("\(error.sentence)\n")
            exit(error.status.rawValue)
        }
    }

    /// Leaves terminal, working directory and standard streams of the starter; returns the descriptor of the signals.
    private static func becomeDaemon(log: CInt) throws(StartFailure) -> OwnedDescriptor {
        // Fails for the leader of a process group, which is on its own already.
        _ = setsid()
        _ = chdir("/")
        _ = SystemCalls.raiseOpenFileLimit()
        do throws(Errno) {
            let null = try SystemCalls.open("/dev/null", flags: O_RDWR)
            _ = dup2(null.rawValue, 0)
            _ = dup2(log, 1)
            _ = dup2(log, 2)
            return try SystemCalls.signalDescriptor([SIGCHLD, SIGTERM, SIGINT])
        } catch { throw StartFailure(status: .cannotCreate, sentence: "the keeper cannot start: \(error)") }
    }

    private static func complain(_ text: String) {
        var text = "incfs-keeper: \(text)"
        text.withUTF8 { bytes in _ = try? SystemCalls.writeAll(2, UnsafeRawBufferPointer(bytes)) }
    }
}
