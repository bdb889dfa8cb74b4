import CLinux
import Glibc
import SystemPackage

/// Every system call of the project, as thin wrappers over `CLinux`. One grep of this file shows them all.
///
/// Errors are `Errno`, taken in the same frame as the call. `EINTR` is retried where a wrapper takes
/// `retryOnInterrupt` (default `true`); `close` never retries (close(2)).
/// All descriptors are opened close-on-exec. Callable from any thread.
public enum SystemCalls {
    /// Turns a `-errno` result into a thrown `Errno`.
    @inline(__always)
    static func value(_ result: Int64) throws(Errno) -> Int {
        if result < 0 { throw Errno(rawValue: CInt(-result)) }
        return Int(result)
    }

    /// Repeats `body` while it is interrupted by a signal.
    @inline(__always)
    static func value(retryOnInterrupt: Bool, _ body: () -> Int64) throws(Errno) -> Int {
        while true {
            let result = body()
            if result == -Int64(EINTR) && retryOnInterrupt { continue }
            return try value(result)
        }
    }

    // MARK: Descriptors

    /// openat(2) relative to `directory` (`AT_FDCWD` by default), always with `O_CLOEXEC`.
    public static func open(_ path: FilePath, at directory: CInt = AT_FDCWD, flags: CInt, mode: UInt32 = 0o600) throws(Errno) -> OwnedDescriptor {
        let result = path.withPlatformString { p in clinux_openat(directory, p, flags, mode) }
        return OwnedDescriptor(CInt(try value(result)))
    }

    /// close(2); the descriptor is gone whatever is returned.
    public static func close(_ descriptor: CInt) { _ = Glibc.close(descriptor) }

    /// dup(2) with close-on-exec.
    public static func duplicate(_ descriptor: CInt) throws(Errno) -> OwnedDescriptor {
        let result = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
        if result < 0 { throw Errno(rawValue: errno) }
        return OwnedDescriptor(result)
    }

    /// Sets or clears `O_NONBLOCK` (fcntl(2)).
    public static func setNonBlocking(_ descriptor: CInt, _ on: Bool) throws(Errno) {
        let flags = fcntl(descriptor, F_GETFL)
        if flags < 0 { throw Errno(rawValue: errno) }
        if fcntl(descriptor, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) < 0 { throw Errno(rawValue: errno) }
    }

    // MARK: Reading and writing

    /// read(2). Returns the bytes read; 0 is the end.
    public static func read(_ descriptor: CInt, into buffer: UnsafeMutableRawBufferPointer, retryOnInterrupt: Bool = true) throws(Errno) -> Int {
        try value(retryOnInterrupt: retryOnInterrupt) { clinux_read(descriptor, buffer.baseAddress, buffer.count) }
    }

    /// write(2). Returns the bytes written.
    public static func write(_ descriptor: CInt, _ buffer: UnsafeRawBufferPointer, retryOnInterrupt: Bool = true) throws(Errno) -> Int {
        try value(retryOnInterrupt: retryOnInterrupt) { clinux_write(descriptor, buffer.baseAddress, buffer.count) }
    }

    /// writev(2) of two buffers: a header and its payload.
    public static func writev(_ descriptor: CInt, _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer) throws(Errno) -> Int {
        var vectors = (
            iovec(iov_base: UnsafeMutableRawPointer(mutating: first.baseAddress), iov_len: first.count),
            iovec(iov_base: UnsafeMutableRawPointer(mutating: second.baseAddress), iov_len: second.count)
        )
        let result = withUnsafePointer(to: &vectors) { pointer in
            pointer.withMemoryRebound(to: iovec.self, capacity: 2) { clinux_writev(descriptor, $0, second.isEmpty ? 1 : 2) }
        }
        return try value(result)
    }

    /// One pread(2). Returns the bytes read, possibly fewer than asked for.
    public static func pread(_ descriptor: CInt, into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(Errno) -> Int {
        try value(retryOnInterrupt: true) { clinux_pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset)) }
    }

    /// preadv2(2) with `RWF_NOWAIT`: what is in the page cache, or has come from a fast disk by the end of the call, which starts to read. `-EAGAIN`
    /// when that is nothing.
    public static func preadCached(_ descriptor: CInt, into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int {
        var vector = iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)
        return Int(clinux_preadv2(descriptor, &vector, 1, off_t(offset), 8 /* RWF_NOWAIT */))
    }

    /// Reads until `buffer` is full or the file ends. Returns the bytes read.
    public static func preadAll(_ descriptor: CInt, into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(Errno) -> Int {
        var done = 0
        while done < buffer.count {
            let n = try pread(descriptor, into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...]), at: offset + UInt64(done))
            if n == 0 { break }
            done += n
        }
        return done
    }

    /// Writes all of `buffer` at `offset` (pwrite(2)). `ENOSPC` and `EIO` as the file system reports them.
    public static func pwriteAll(_ descriptor: CInt, _ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(Errno) {
        var done = 0
        while done < buffer.count {
            let rest = UnsafeRawBufferPointer(rebasing: buffer[done...])
            let n = try value(retryOnInterrupt: true) { clinux_pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset) + off_t(done)) }
            if n == 0 { throw .ioError }
            done += n
        }
    }

    /// Writes all of `buffer` to a stream descriptor.
    public static func writeAll(_ descriptor: CInt, _ buffer: UnsafeRawBufferPointer) throws(Errno) {
        var done = 0
        while done < buffer.count {
            done += try write(descriptor, UnsafeRawBufferPointer(rebasing: buffer[done...]))
        }
    }

    /// lseek(2) for `SEEK_DATA` (3) and `SEEK_HOLE` (4). `ENXIO` past the end.
    public static func seek(_ descriptor: CInt, _ offset: UInt64, whence: CInt) throws(Errno) -> UInt64 {
        let result = lseek(descriptor, off_t(offset), whence)
        if result < 0 { throw Errno(rawValue: errno) }
        return UInt64(result)
    }

    // MARK: Files

    /// fsync(2).
    public static func fsync(_ descriptor: CInt) throws(Errno) { if Glibc.fsync(descriptor) < 0 { throw Errno(rawValue: errno) } }
    /// fdatasync(2).
    public static func fdatasync(_ descriptor: CInt) throws(Errno) { if Glibc.fdatasync(descriptor) < 0 { throw Errno(rawValue: errno) } }
    /// ftruncate(2).
    public static func truncate(_ descriptor: CInt, to size: UInt64) throws(Errno) {
        if ftruncate(descriptor, off_t(size)) < 0 { throw Errno(rawValue: errno) }
    }
    /// fallocate(2) with `PUNCH_HOLE | KEEP_SIZE`.
    public static func punchHole(_ descriptor: CInt, at offset: UInt64, length: UInt64) throws(Errno) {
        _ = try value(clinux_fallocate(descriptor, 3, off_t(offset), off_t(length)))
    }
    /// posix_fadvise(2).
    public static func advise(_ descriptor: CInt, offset: UInt64 = 0, length: UInt64 = 0, _ advice: CInt) {
        _ = posix_fadvise(descriptor, off_t(offset), off_t(length), advice)
    }
    /// fstat(2).
    public static func status(of descriptor: CInt) throws(Errno) -> FileStatus {
        var raw = stat()
        _ = try value(clinux_fstat(descriptor, &raw))
        return FileStatus(raw)
    }
    /// fstatat(2); `followSymbolicLinks: false` is lstat(2).
    public static func status(of path: FilePath, at directory: CInt = AT_FDCWD, followSymbolicLinks: Bool = true) throws(Errno) -> FileStatus {
        var raw = stat()
        let result = path.withPlatformString { clinux_fstatat(directory, $0, &raw, followSymbolicLinks ? 0 : AT_SYMLINK_NOFOLLOW) }
        _ = try value(result)
        return FileStatus(raw)
    }
    /// readlink(2): the target's bytes, at most `PATH_MAX`.
    public static func readLink(_ path: FilePath, at directory: CInt = AT_FDCWD) throws(Errno) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 4097)
        let n = path.withPlatformString { p in
            bytes.withUnsafeMutableBytes { readlinkat(directory, p, $0.baseAddress!.assumingMemoryBound(to: CChar.self), 4097) }
        }
        if n < 0 { throw Errno(rawValue: errno) }
        bytes.removeLast(bytes.count - n)
        return bytes
    }
    /// rename(2); `exclusive` is `RENAME_NOREPLACE` (renameat2(2)), which throws `EEXIST`.
    public static func rename(_ from: FilePath, to: FilePath, exclusive: Bool = false) throws(Errno) {
        let result = from.withPlatformString { f in to.withPlatformString { t in clinux_renameat2(AT_FDCWD, f, AT_FDCWD, t, exclusive ? 1 : 0) } }
        _ = try value(result)
    }
    /// mkdir(2). With `existingIsFine`, `EEXIST` is success.
    public static func makeDirectory(_ path: FilePath, mode: UInt32 = 0o700, existingIsFine: Bool = false) throws(Errno) {
        let result = path.withPlatformString { mkdir($0, mode) }
        if result < 0 {
            let error = Errno(rawValue: errno)
            if !(existingIsFine && error == .fileExists) { throw error }
        }
    }
    /// unlink(2). With `missingIsFine`, `ENOENT` is success.
    public static func unlink(_ path: FilePath, missingIsFine: Bool = false) throws(Errno) {
        if path.withPlatformString({ Glibc.unlink($0) }) < 0 {
            let error = Errno(rawValue: errno)
            if !(missingIsFine && error == .noSuchFileOrDirectory) { throw error }
        }
    }
    /// rmdir(2).
    public static func removeDirectory(_ path: FilePath) throws(Errno) {
        if path.withPlatformString({ rmdir($0) }) < 0 { throw Errno(rawValue: errno) }
    }
    /// Makes a rename or creation inside `directory` durable: fsync(2) on the directory.
    public static func syncDirectory(_ directory: FilePath) throws(Errno) {
        let descriptor = try open(directory, flags: O_RDONLY | O_DIRECTORY)
        try fsync(descriptor.rawValue)
    }
    /// Takes an exclusive open-file-description lock (fcntl(2), `F_OFD_SETLK`). `EAGAIN` when somebody holds it.
    public static func lockExclusively(_ descriptor: CInt) throws(Errno) { _ = try value(clinux_flock_ofd(descriptor, 1)) }
    /// Takes an exclusive lock of a file or a directory that need not be writable (flock(2)); apart from those of fcntl(2). `EAGAIN` when somebody holds it.
    public static func lockWhole(_ descriptor: CInt) throws(Errno) { _ = try value(clinux_flock(descriptor)) }
    /// Whether another open file description holds a lock on the file (`F_OFD_GETLK`).
    public static func isLocked(_ descriptor: CInt) throws(Errno) -> Bool { try value(clinux_is_locked(descriptor)) != 0 }

    /// realpath(3).
    public static func realPath(_ path: FilePath) throws(Errno) -> FilePath {
        guard let resolved = path.withPlatformString({ realpath($0, nil) }) else { throw Errno(rawValue: errno) }
        defer { free(resolved) }
        return FilePath(platformString: resolved)
    }

    // MARK: Memory, processes, descriptors over sockets

    /// memfd_create(2), close-on-exec.
    public static func memoryFile(_ name: String) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(CInt(try value(name.withCString { clinux_memfd_create($0) })))
    }
    /// socketpair(2): a connected pair of Unix sockets of `type` (`SOCK_STREAM`, `SOCK_SEQPACKET`), close-on-exec, as raw descriptors.
    public static func socketPair(type: __socket_type) throws(Errno) -> (CInt, CInt) {
        var pair: (CInt, CInt) = (-1, -1)
        let result = withUnsafeMutablePointer(to: &pair) { pointer in
            pointer.withMemoryRebound(to: CInt.self, capacity: 2) { socketpair(AF_UNIX, CInt(bitPattern: type.rawValue) | CInt(bitPattern: SOCK_CLOEXEC.rawValue), 0, $0) }
        }
        if result < 0 { throw Errno(rawValue: errno) }
        return pair
    }
    /// sendmsg(2) of bytes with descriptors (`SCM_RIGHTS`, unix(7)); at most 64 descriptors.
    public static func send(_ bytes: UnsafeRawBufferPointer, descriptors: [CInt], over socket: CInt) throws(Errno) -> Int {
        try value(retryOnInterrupt: true) { descriptors.withUnsafeBufferPointer { clinux_send_fds(socket, bytes.baseAddress, bytes.count, $0.baseAddress, CInt($0.count)) } }
    }
    /// recvmsg(2) of bytes with descriptors. 0 bytes means that the peer closed.
    public static func receive(into buffer: UnsafeMutableRawBufferPointer, descriptors: inout [CInt], over socket: CInt) throws(Errno) -> Int {
        var room = [CInt](repeating: -1, count: 64)
        var count: CInt = 64
        let n = try value(retryOnInterrupt: true) {
            count = 64
            return room.withUnsafeMutableBufferPointer { clinux_recv_fds(socket, buffer.baseAddress, buffer.count, $0.baseAddress, &count) }
        }
        descriptors = Array(room.prefix(Int(count)))
        return n
    }
    /// Forks and executes `path`. The child's descriptor `i` is `descriptors[i]`; -1 closes it. Returns the process id.
    /// Signals are reset to their defaults. `newSession` calls setsid(2).
    public static func spawn(_ path: FilePath, _ arguments: [String], environment: [String]? = nil, descriptors: [CInt], newSession: Bool = false) throws(Errno) -> pid_t {
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = (environment ?? []).map { strdup($0) } + [nil]
        defer { for p in argv + envp { free(p) } }
        let result = path.withPlatformString { p in
            argv.withUnsafeMutableBufferPointer { a in
                envp.withUnsafeMutableBufferPointer { e in
                    clinux_spawn(p, a.baseAddress, environment == nil ? nil : e.baseAddress, descriptors, CInt(descriptors.count), newSession ? 1 : 0)
                }
            }
        }
        return pid_t(try value(result))
    }
    /// waitpid(2). Returns the raw status, or nil with `WNOHANG` when the child still runs.
    public static func wait(for pid: pid_t, options: CInt = 0) throws(Errno) -> (pid: pid_t, status: CInt)? {
        while true {
            var status: CInt = 0
            let result = waitpid(pid, &status, options)
            if result < 0 && errno == EINTR { continue }
            if result < 0 { throw Errno(rawValue: errno) }
            return result == 0 ? nil : (result, status)
        }
    }
    /// poll(2) on one descriptor. Returns the `revents`, 0 on time-out (milliseconds, -1 for ever).
    public static func poll(_ descriptor: CInt, events: Int16, timeoutMilliseconds: CInt) throws(Errno) -> Int16 {
        var entry = pollfd(fd: descriptor, events: events, revents: 0)
        let result = Glibc.poll(&entry, 1, timeoutMilliseconds)
        if result < 0 { if errno == EINTR { return 0 }; throw Errno(rawValue: errno) }
        return entry.revents
    }
    /// eventfd(2), close-on-exec, non-blocking.
    public static func eventDescriptor() throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(CInt(try value(clinux_eventfd())))
    }
    /// ioctl(2) with a pointer to a 32-bit value, e.g. `FUSE_DEV_IOC_CLONE`.
    public static func ioctl(_ descriptor: CInt, _ request: UInt, _ argument: inout UInt32) throws(Errno) {
        _ = try value(clinux_ioctl_u32(descriptor, request, &argument))
    }
    /// mount(2).
    public static func mount(source: String, target: FilePath, type: String, flags: UInt, options: String) throws(Errno) {
        let result = target.withPlatformString { clinux_mount(source, $0, type, flags, options) }
        _ = try value(result)
    }
    /// umount2(2).
    public static func unmount(_ target: FilePath, flags: CInt = 0) throws(Errno) {
        _ = try value(target.withPlatformString { clinux_umount2($0, flags) })
    }
    /// Raises the soft limit of open files to the hard limit. Returns the limit.
    public static func raiseOpenFileLimit() -> Int { Int(clinux_fd_limit_raise()) }
    /// gettid(2).
    public static func threadID() -> pid_t { pid_t(clinux_gettid()) }
}
