import Glibc

/// Whose child a process is, and theirs, as proc(5) tells it.
public enum ProcessAncestry {
    /// Processes looked at, at most.
    static let limit = 64

    /// The process of a thread, its parent, and so on; without the first process of the namespace. Empty if the thread is gone, or 0.
    public static func chain(of thread: pid_t) -> [pid_t] {
        guard thread > 0, var (process, parent) = look(thread) else { return [] }
        var found = [process]
        while parent > 1, found.count < limit, !found.contains(parent), let next = look(parent) {
            (process, parent) = next
            found.append(process)
        }
        return found
    }

    private static func look(_ thread: pid_t) -> (process: pid_t, parent: pid_t)? {
        guard let bytes = try? SystemCalls.contents(of: FilePath("/proc/\(thread)/status")) else { return nil }
        var process: pid_t?, parent: pid_t?
        for line in bytes.split(separator: 0x0a) {
            let text = String(decoding: line, as: UTF8.self)
            if text.hasPrefix("Tgid:\t") { process = pid_t(text.dropFirst(6)) }
            if text.hasPrefix("PPid:\t") { parent = pid_t(text.dropFirst(6)) }
            if let process, let parent { return (process, parent) }
        }
        return nil
    }
}
