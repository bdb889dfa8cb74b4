import LinuxSystem

/// What an ordinary user is told when a mount of his can do less than root's.
public enum UserNotes {
    public static let noEvents = """
        this system does not let its users have namespaces (user_namespaces(7)): programs that watch directories (inotify) do not hear of files that ioctls make
        """

    public static let noEventsReadOnly = "of an ordinary user's read-only mount programs that watch directories (inotify) do not hear of files that ioctls make"

    /// What Yama (kernel.yama.ptrace_scope) keeps the daemon from; nil where it does not.
    public static var memory: String? { (try? SystemCalls.contents(of: "/proc/sys/kernel/yama/ptrace_scope", limit: 16)).flatMap { memory(scope: $0) } }

    /// The same for what the file says.
    static func memory(scope: [UInt8]) -> String? {
        guard let scope = Int(String(decoding: scope.filter { $0 != 10 }, as: UTF8.self)), scope > 0 else { return nil }
        let way = scope == 1 ? "unless they allow it with prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY)" : "of an ordinary user; only root's mounts can have them"
        return "kernel.yama.ptrace_scope is \(scope): the daemon may not read the memory of programs, whose ioctls fail with EPERM \(way)"
    }
}
