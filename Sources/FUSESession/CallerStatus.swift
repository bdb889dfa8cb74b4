import Glibc
import LinuxSystem

/// What is known of the thread behind a parked request that a signal reached.
public enum CallerStatus: Hashable, Sendable {
    /// A signal ends it: it only waits for our answer to die.
    case dying
    /// It goes on after the signal: it wants its data.
    case alive
    /// There is no such thread any more.
    case gone
    /// It cannot be seen (another pid namespace, a restricted /proc).
    case unknown

    /// Signals whose default action dumps core (signal(7)): QUIT, ILL, TRAP, ABRT, BUS, FPE, SEGV, XCPU, XFSZ, SYS. The kernel
    /// does not turn them into SIGKILL, as it does with the others that end a process.
    static let coreDumping: UInt64 = [3, 4, 5, 6, 7, 8, 11, 24, 25, 31].reduce(0) { $0 | 1 << ($1 - 1) }
    static let kill: UInt64 = 1 << (9 - 1)

    /// Decides from the text of `/proc/<tid>/status` (proc_pid_status(5)): SIGKILL is pending for the thread, or a
    /// core-dumping signal is pending that is neither caught, ignored nor blocked. Anything else is not fatal, and answering
    /// EINTR for it would leak EINTR or EFAULT into a program that never expects it from a file.
    public static func decide(statusText text: some Sequence<UInt8>) -> CallerStatus {
        var masks: [String: UInt64] = [:]
        for line in Array(text).split(separator: UInt8(ascii: "\n")) {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
            let name = String(decoding: line[..<colon], as: UTF8.self)
            guard ["SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt"].contains(name) else { continue }
            let digits = line[(colon + 1)...].filter { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }
            guard let mask = UInt64(String(decoding: digits, as: UTF8.self), radix: 16) else { return .unknown }
            masks[name] = mask
        }
        guard let own = masks["SigPnd"], let shared = masks["ShdPnd"], let caught = masks["SigCgt"], let ignored = masks["SigIgn"] else { return .unknown }
        if (own | shared) & kill != 0 { return .dying }
        let fatal = (own | shared) & coreDumping & ~caught & ~ignored & ~(masks["SigBlk"] ?? 0)
        return fatal != 0 ? .dying : .alive
    }

    /// Looks at a thread now.
    public static func read(thread: Int32) -> CallerStatus {
        guard thread > 0 else { return .unknown }
        do throws(Errno) {
            let file = try SystemCalls.open(FilePath("/proc/\(thread)/status"), flags: O_RDONLY)
            var text = [UInt8](repeating: 0, count: 8192)
            var length = 0
            while length < text.count {
                let (got, failure) = text.withUnsafeMutableBytes { buffer -> (Int, Errno?) in
                    do throws(Errno) {
                        return (try SystemCalls.read(file.rawValue, into: UnsafeMutableRawBufferPointer(rebasing: buffer[length...])), nil)
                    } catch { return (0, error) }
                }
                if let failure { throw failure }
                if got == 0 { break }
                length += got
            }
            return decide(statusText: text[..<length])
        } catch {
            return error == .noSuchFileOrDirectory || error == .noSuchProcess ? .gone : .unknown
        }
    }

    /// Whether a thread is in a system call that faults pages in: mlock(2), mlock2(2), mlockall(2), mmap(2), mremap(2), madvise(2). Says so of the thread of a request
    /// that is not answered yet (/proc/TID/syscall, proc_pid_syscall(5)). False where it cannot be seen.
    public static func isPopulating(thread: Int32) -> Bool {
        guard thread > 0, let text = try? SystemCalls.contents(of: FilePath("/proc/\(thread)/syscall"), limit: 4096) else { return false }
        return Int(String(decoding: text.prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self)).map { populating.contains($0) } ?? false
    }

    #if arch(x86_64)
    private static let populating: Set<Int> = [149, 325, 151, 9, 25, 28]
    #else
    private static let populating: Set<Int> = [228, 284, 230, 222, 216, 233]
    #endif
}
