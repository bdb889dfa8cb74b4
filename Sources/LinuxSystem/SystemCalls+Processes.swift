import CLinux
import Glibc
import SystemPackage

/// Processes, signals and Unix sockets. Same rules as `SystemCalls`.
extension SystemCalls {
    /// Blocks `signals` in this thread (and those started from it) and returns a non-blocking descriptor that reports
    /// them (signalfd(2)).
    public static func signalDescriptor(_ signals: [CInt]) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(CInt(try value(clinux_signalfd(signals, CInt(signals.count)))))
    }

    /// The next signal waiting on a signal descriptor, nil when none is.
    public static func nextSignal(_ descriptor: CInt) throws(Errno) -> CInt? {
        let signal = try value(retryOnInterrupt: true) { clinux_signalfd_read(descriptor) }
        return signal == 0 ? nil : CInt(signal)
    }

    /// pidfd_open(2): a descriptor that becomes readable when the process has ended. `ESRCH` when there is none.
    public static func processDescriptor(_ pid: pid_t) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(CInt(try value(clinux_pidfd_open(pid))))
    }
    /// pidfd_open(2) with `PIDFD_THREAD`: of a single thread, which may have descriptors of its own and outlive its process's first. Throws `EINVAL` before Linux 6.9.
    public static func threadDescriptor(_ thread: pid_t) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(CInt(try value(clinux_pidfd_open_thread(thread))))
    }

    /// Starts a process that asks the file system at `path` for its space (statfs(2)) and ends with the errno, 0 for success: who asks a FUSE server
    /// cannot be killed before it answers. Its id, which the caller waits for. Throws as fork(2).
    public static func startAsking(_ path: FilePath) throws(Errno) -> pid_t { pid_t(try value(path.withPlatformString { clinux_statfs_child($0) })) }

    /// kill(2). `ESRCH` is success: who is gone needs no signal.
    public static func signal(_ pid: pid_t, _ number: CInt) throws(Errno) {
        if kill(pid, number) < 0 && errno != ESRCH { throw Errno(rawValue: errno) }
    }

    /// Closes every descriptor from `first` on (close_range(2)): what a program inherited and does not know.
    public static func closeAll(from first: CInt) { _ = clinux_close_range(UInt32(first)) }

    /// poll(2) on several descriptors. Returns how many have events; 0 on time-out (milliseconds, -1 for ever) or signal.
    public static func poll(_ entries: inout [pollfd], timeoutMilliseconds: CInt) throws(Errno) -> Int {
        let result = clinux_poll(&entries, UInt32(entries.count), timeoutMilliseconds)
        return result == -Int64(EINTR) ? 0 : try value(result)
    }

    /// A listening Unix stream socket at `path` with mode 0600, close-on-exec. `EADDRINUSE` when something is there,
    /// `ENAMETOOLONG` past 107 bytes.
    public static func listen(atSocket path: FilePath, backlog: CInt = 64) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(CInt(try value(path.withPlatformString { clinux_unix_listen($0, backlog) })))
    }

    /// Connects to a Unix stream socket (connect(2)): `ENOENT` without one, `ECONNREFUSED` when nobody listens.
    public static func connect(toSocket path: FilePath) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(CInt(try value(path.withPlatformString { clinux_unix_connect($0) })))
    }

    /// The whole of a small file, e.g. of procfs, whose size stat(2) does not know. `EFBIG` past `limit` bytes.
    public static func contents(of path: FilePath, limit: Int = 16 << 20) throws(Errno) -> [UInt8] {
        let file = try open(path, flags: O_RDONLY)
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16384)
        while true {
            var failure: Errno?
            let count = chunk.withUnsafeMutableBytes { buffer -> Int in
                do throws(Errno) { return try read(file.rawValue, into: buffer) } catch { failure = error; return 0 }
            }
            if let failure { throw failure }
            if count == 0 { return bytes }
            if bytes.count + count > limit { throw .fileTooLarge }
            bytes.append(contentsOf: chunk[..<count])
        }
    }
}
