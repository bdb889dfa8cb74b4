import CLinux
import Glibc
import SystemPackage

/// What a command needs to start programs and to be interrupted.
extension SystemCalls {
    /// pipe2(2), close-on-exec, as raw descriptors.
    public static func pipe() throws(Errno) -> (read: CInt, write: CInt) {
        var pair: [CInt] = [-1, -1]
        _ = try value(clinux_pipe(&pair))
        return (pair[0], pair[1])
    }

    /// execv(3): replaces this process. Returns only to throw.
    public static func execute(_ path: FilePath, _ arguments: [String]) throws(Errno) -> Never {
        let argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        _ = path.withPlatformString { execv($0, argv) }
        let code = errno
        for pointer in argv { free(pointer) }
        throw Errno(rawValue: code)
    }

    /// Blocks `signals` in this thread and those started from it (pthread_sigmask(3)), so that `waitForSignal` gets them.
    /// `SIGCHLD` is also given its default action, in case the parent ignored it.
    public static func block(signals: [CInt]) {
        if signals.contains(SIGCHLD) { _ = Glibc.signal(SIGCHLD, SIG_DFL) }
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// The next of the blocked `signals` (sigtimedwait(2)); nil on time-out (milliseconds, -1 for ever). `fromKernel` is true
    /// for what a terminal sends to its whole foreground process group.
    public static func waitForSignal(_ signals: [CInt], timeoutMilliseconds: CInt) throws(Errno) -> (number: CInt, fromKernel: Bool)? {
        var code: CInt = 0
        let number = try value(clinux_signal_wait(signals, CInt(signals.count), timeoutMilliseconds, &code))
        return number == 0 ? nil : (CInt(number), code == 0x80)
    }
}
