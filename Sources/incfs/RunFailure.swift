import ControlAPI
import Glibc

/// What is said when a program could not read its own files.
///
/// A mount may serve several programs. A failed read is told to the run whose program, or a child of that, asked; the daemon looks that up while
/// the reader still waits. What cannot be told apart is said to be so.
enum RunFailure {
    /// One block for standard error: which file, why, what to do; nil where the program had all that it asked for.
    ///
    /// - Parameters:
    ///   - signal: what ended the program; 0 for none.
    ///   - failedBefore: reads of the mount that had failed before the program began.
    ///   - run: the process of this run, whose descendants the readers are.
    static func text(program: String, signal: CInt, failedBefore: UInt64, run: Int32, status: MountStatus?) -> String? {
        let failures = (status?.recentFailedReads ?? []).filter { $0.number > failedBefore }
        let own = failures.last { $0.processes.contains(run) }
        let unknown = own == nil ? failures.last { $0.processes.isEmpty } : nil
        let bus = signal == SIGBUS
        guard own != nil || unknown != nil || bus else { return nil }
        var lines: [String] = []
        if bus { lines.append("incfs: \(program) was ended by SIGBUS: a page of a mapped file could not be read.") } else if own != nil {
            lines.append("incfs: \(program) met files of its package that could not be read.")
        } else {
            lines.append("incfs: While \(program) ran, a file of its package could not be read; whether \(program) asked for it is not known.")
        }
        if let failed = own ?? unknown {
            lines.append("  file   \(failed.path), from byte \(failed.block * 4096) on" + (bus && own == nil ? " (perhaps: which program asked for it is not known)" : ""))
            lines.append("  cause  \(failed.cause)")
            lines.append(failed.errno == ETIME ? "  do     try again when the origin can be reached, or without --read-timeout" : "  do     try again; if it happens again, tell the publisher, or look with: incfs verify ADDRESS")
        } else if status == nil {
            lines.append("  cause  not known: the daemon no longer told what it had read")
            lines.append("  do     try again; the daemon's log says more")
        } else {
            lines.append("  cause  not the package: every read of it by this program was answered")
            lines.append("  do     see what else the program maps")
        }
        return lines.joined(separator: "\n")
    }
}
