import Glibc
import LinuxSystem

/// Runs a person's command that prints header lines. Blocks; never on the cooperative pool.
enum HeaderCommand {
    /// Seconds until it is killed, with all that it started.
    static let timeLimit: UInt64 = 30

    struct Failure: Error {
        /// Never with anything that the command printed.
        var message: String
    }

    static func run(_ command: String, timeLimit: UInt64 = timeLimit) throws(Failure) -> [UInt8] {
        let read: CInt, pid: pid_t
        do {
            let null = try SystemCalls.open("/dev/null", flags: O_RDWR)
            let ends = try SystemCalls.pipe()
            read = ends.read
            defer { SystemCalls.close(ends.write) }
            // What it says on standard error may be secret as well: it goes nowhere.
            do { pid = try SystemCalls.spawn("/bin/sh", ["sh", "-c", command], descriptors: [null.rawValue, ends.write, null.rawValue], newSession: true) } catch {
                SystemCalls.close(read)
                throw error
            }
        } catch { throw Failure(message: "cannot be started: \(error)") }
        defer { SystemCalls.close(read) }
        let deadline = MonotonicTime.now.adding(milliseconds: timeLimit * 1000)
        var output: [UInt8] = []
        var why: String?
        var chunk = [UInt8](repeating: 0, count: 16384)
        while true {
            let left = CInt(deadline.since(.now) / 1_000_000)
            guard deadline > .now, let ready = try? SystemCalls.poll(read, events: Int16(POLLIN), timeoutMilliseconds: left) else {
                why = "took longer than \(timeLimit) s"
                break
            }
            if ready == 0 { continue }
            let count = chunk.withUnsafeMutableBytes { (try? SystemCalls.read(read, into: $0)) ?? 0 }
            if count == 0 { break }
            output += chunk[..<count]
            if output.count > HeaderLines.byteLimit {
                why = "printed more than \(HeaderLines.byteLimit) bytes"
                break
            }
        }
        // Whatever of it still runs has nothing to say any more: its output is closed, or its time is over.
        if why != nil { kill(-pid, SIGKILL) }
        while true {
            if let ended = try? SystemCalls.wait(for: pid, options: WNOHANG) {
                if why == nil, ended.status != 0 {
                    why = ended.status & 0x7F != 0 ? "was killed by signal \(ended.status & 0x7F)" : "ended with status \(ended.status >> 8 & 0xFF)"
                }
                break
            }
            if deadline <= .now {
                why = why ?? "took longer than \(timeLimit) s"
                kill(-pid, SIGKILL)
            }
            guard let process = try? SystemCalls.processDescriptor(pid) else { break }
            _ = try? SystemCalls.poll(process.rawValue, events: Int16(POLLIN), timeoutMilliseconds: CInt(max(1, min(deadline.since(.now) / 1_000_000, 30_000))))
        }
        if let why { throw Failure(message: why) }
        return output
    }
}
