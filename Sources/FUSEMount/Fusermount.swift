import Glibc
import LinuxSystem

/// Running the setuid program `fusermount3` (fusermount3(1)), which mounts for ordinary users.
struct Fusermount {
    let program: FilePath
    /// Longest time that it is given; it walks the path of the mount point, which may lie on a dead network file system.
    static let limitMilliseconds: UInt64 = 10_000

    struct Outcome {
        /// 0 is success; -1 when it was killed.
        var exitCode: CInt
        /// What it wrote to its standard error, at most 4 KiB, in one line.
        var message: String
        var timedOut = false
    }

    /// Looks in PATH, then in /bin and /usr/bin.
    static func find() -> Fusermount? {
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        for directory in path.split(separator: ":").map(String.init) + ["/bin", "/usr/bin"] where directory.hasPrefix("/") {
            let candidate = FilePath(directory).appending("fusermount3")
            if candidate.withPlatformString({ access($0, X_OK) }) == 0 { return Fusermount(program: candidate) }
        }
        return nil
    }

    /// Runs it with `socket` as the descriptor named by `_FUSE_COMMFD`, and waits for its end.
    func run(_ arguments: [String], socket: CInt? = nil) throws(Errno) -> Outcome {
        let null = try SystemCalls.open("/dev/null", flags: O_RDWR)
        let pipe = try SystemCalls.pipe()
        let reader = OwnedDescriptor(pipe.read), writer = OwnedDescriptor(pipe.write)
        // It trusts nothing in the environment but this variable; the rest stays away from a setuid program.
        let environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"] + (socket == nil ? [] : ["_FUSE_COMMFD=3"])
        let descriptors = [null.rawValue, null.rawValue, writer.rawValue] + (socket.map { [$0] } ?? [])
        let pid = try SystemCalls.spawn(program, ["fusermount3"] + arguments, environment: environment, descriptors: descriptors)
        writer.close()
        let process: OwnedDescriptor
        do throws(Errno) { process = try SystemCalls.processDescriptor(pid) } catch {
            _ = try? SystemCalls.wait(for: pid)
            throw error
        }
        let deadline = MonotonicTime.now.adding(milliseconds: Self.limitMilliseconds)
        let message = try collect(reader.rawValue, process: process.rawValue, until: deadline)
        var outcome = Outcome(exitCode: -1, message: message)
        if try SystemCalls.poll(process.rawValue, events: Int16(POLLIN), timeoutMilliseconds: 0) == 0 {
            outcome.timedOut = true
            // Only a program stuck in the kernel survives this; it is left to be reaped with the other children.
            try SystemCalls.signal(pid, SIGKILL)
            _ = try? SystemCalls.wait(for: pid, options: WNOHANG)
            return outcome
        }
        if let end = try? SystemCalls.wait(for: pid), end.status & 0x7F == 0 { outcome.exitCode = end.status >> 8 & 0xFF }
        return outcome
    }

    private func collect(_ reader: CInt, process: CInt, until deadline: MonotonicTime) throws(Errno) -> String {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1024)
        var open = true
        while true {
            let left = CInt(deadline.since(.now) / 1_000_000)
            if left == 0 { break }
            var entries = [pollfd(fd: process, events: Int16(POLLIN), revents: 0), pollfd(fd: open ? reader : -1, events: Int16(POLLIN), revents: 0)]
            _ = try SystemCalls.poll(&entries, timeoutMilliseconds: left)
            if open && entries[1].revents != 0 {
                let count = chunk.withUnsafeMutableBytes { (try? SystemCalls.read(reader, into: $0)) ?? 0 }
                if count == 0 { open = false }
                bytes.append(contentsOf: chunk[..<count].prefix(4096 - bytes.count))
            } else if entries[0].revents != 0 { break }
        }
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: { $0.isNewline })
        return lines.map(String.init).joined(separator: "; ")
    }
}
