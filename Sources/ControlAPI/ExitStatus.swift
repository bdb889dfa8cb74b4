/// What the process's exit status says, for every command.
public struct ExitStatus: Hashable, Sendable {
    public let rawValue: Int32
    public init(rawValue: Int32) { self.rawValue = rawValue }

    public static let success = ExitStatus(rawValue: 0)
    /// Anything without a number of its own; for `verify` and `fsck`: something is wrong with the stored data.
    public static let failure = ExitStatus(rawValue: 1)
    /// The command line is wrong.
    public static let usage = ExitStatus(rawValue: 2)
    /// The origin cannot be reached, or does not serve what a package needs.
    public static let unreachable = ExitStatus(rawValue: 3)
    /// Data does not match its digest, or nothing says that the address can be trusted.
    public static let untrusted = ExitStatus(rawValue: 4)
    /// No FUSE here, or no permission.
    public static let permission = ExitStatus(rawValue: 5)
    /// The disk is full or fails.
    public static let disk = ExitStatus(rawValue: 6)
    /// The time given with `--timeout` is over.
    public static let timedOut = ExitStatus(rawValue: 7)
    /// `incfs run` itself failed (env(1)).
    public static let runFailed = ExitStatus(rawValue: 125)
    /// `incfs run` found the program but could not start it.
    public static let runCannotStart = ExitStatus(rawValue: 126)
    /// `incfs run` did not find the program in the package.
    public static let runNotFound = ExitStatus(rawValue: 127)

    /// The table that `--help` and `incfs.1` print: every number with what it means. A command that was interrupted ends with
    /// 128 plus the number of the signal.
    public static let table: [(status: ExitStatus, meaning: String)] = [
        (.success, "success"),
        (.failure, "failure; for verify and fsck: something is wrong with what is stored"),
        (.usage, "wrong usage"),
        (.unreachable, "the origin cannot be reached, or does not serve what is asked for"),
        (.untrusted, "verification failed, or nothing says that the address can be trusted"),
        (.permission, "no FUSE, or no permission"),
        (.disk, "the disk is full or fails"),
        (.timedOut, "the time is over"),
        (.runFailed, "run: the package could not be mounted, or wrong usage"),
        (.runCannotStart, "run: the program cannot be started"),
        (.runNotFound, "run: the program is not in the package"),
    ]
}
