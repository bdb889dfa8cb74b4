import ControlAPI
import Glibc

/// What is said when a program could not read its own files.
enum RunFailure {
    /// One block for standard error: which file, why, what to do; nil where the program had all that it asked for.
    ///
    /// - Parameter signal: what ended the program; 0 for none.
    static func text(program: String, signal: CInt, failedBefore: UInt64, status: MountStatus?) -> String? {
        let failed = (status?.errors.failedReads ?? 0) > failedBefore ? status?.lastFailedRead : nil
        guard failed != nil || signal == SIGBUS else { return nil }
        var lines = [signal == SIGBUS ? "incfs: \(program) was ended by SIGBUS: a page of a mapped file could not be read." : "incfs: \(program) met files of its package that could not be read."]
        if let failed {
            lines.append("  file   \(failed.path), from byte \(failed.block * 4096) on")
            lines.append("  cause  \(failed.cause)")
            lines.append(failed.errno == ETIME ? "  do     try again when the origin can be reached, or without --read-timeout" : "  do     try again; if it happens again, tell the publisher, or look with: incfs verify ADDRESS")
        } else {
            lines.append("  cause  not the package: every read of it was answered")
            lines.append("  do     see what else the program maps")
        }
        return lines.joined(separator: "\n")
    }
}
