import Glibc
import LinuxSystem

/// Where the store, the sockets and the private mounts of a user are.
public struct ControlPlaces: Sendable {
    public let uid: UInt32
    /// Below it systemd makes a directory for each user who is logged in.
    private let usersDirectory: FilePath
    let journalSocket: FilePath
    let environment: @Sendable (String) -> String?

    public init(
        uid: UInt32 = geteuid(), usersDirectory: FilePath = "/run/user", journalSocket: FilePath = JournalWriter.usualSocket,
        environment: @escaping @Sendable (String) -> String? = { name in getenv(name).map { String(cString: $0) } }
    ) {
        self.uid = uid
        self.usersDirectory = usersDirectory
        self.journalSocket = journalSocket
        self.environment = environment
    }

    /// A variable that counts: set, and an absolute path (the XDG specification says to ignore others).
    private func absolute(_ name: String) -> FilePath? {
        guard let text = environment(name), text.hasPrefix("/") else { return nil }
        return FilePath(text)
    }

    /// `$INCFS_STORE`; else `/var/cache/incfs` for root, else `${XDG_CACHE_HOME:-~/.cache}/incfs`. nil without a home.
    public var defaultStore: FilePath? {
        if let text = environment("INCFS_STORE"), !text.isEmpty { return FilePath(text) }
        if uid == 0 { return "/var/cache/incfs" }
        if let cache = absolute("XDG_CACHE_HOME") { return cache.appending("incfs") }
        return absolute("HOME")?.appending(".cache").appending("incfs")
    }

    /// `/run/incfs` for root, else `$XDG_RUNTIME_DIR/incfs`, else `/run/user/UID/incfs` where that directory is the user's alone (a command of cron(8) or
    /// su(1) then finds the daemon of the session), else `/tmp/incfs-UID`.
    public var runtimeDirectory: FilePath {
        if uid == 0 { return "/run/incfs" }
        if let runtime = absolute("XDG_RUNTIME_DIR") { return runtime.appending("incfs") }
        let usual = usersDirectory.appending("\(uid)")
        if let status = try? SystemCalls.status(of: usual, followSymbolicLinks: false), status.kind == .directory, status.uid == uid, status.mode & 0o077 == 0 {
            return usual.appending("incfs")
        }
        return FilePath("/tmp/incfs-\(uid)")
    }

    /// `$XDG_STATE_HOME/incfs/log` or its default; `/var/log/incfs.log` for root. nil without a home.
    public var logFile: FilePath? {
        if uid == 0 { return "/var/log/incfs.log" }
        if let state = absolute("XDG_STATE_HOME") { return state.appending("incfs").appending("log") }
        return absolute("HOME")?.appending(".local").appending("state").appending("incfs").appending("log")
    }

    /// Where it is remembered which package was accepted at which address: `incfs/known` below `$XDG_STATE_HOME`, `/var/lib` for root, or `~/.local/state`.
    /// nil without a home.
    public var knownPackages: FilePath? {
        let state = absolute("XDG_STATE_HOME") ?? (uid == 0 ? "/var/lib" : absolute("HOME")?.appending(".local").appending("state"))
        return state?.appending("incfs").appending("known")
    }

    /// `$INCFS_LINGER`: so many seconds after the last unmount and fill the daemon ends; nil: its own 30.
    public var lingerSeconds: String? {
        guard let text = environment("INCFS_LINGER"), let seconds = Double(text), seconds >= 0, seconds <= 86_400 else { return nil }
        return text
    }

    /// The control socket of the daemon for `store`, whose path must be real (realpath(3)): 16 hexadecimal digits of the
    /// path's 64-bit FNV-1a hash, in the runtime directory.
    public func socket(forRealStore store: FilePath) -> FilePath {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in store.string.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        let digits = String(hash, radix: 16)
        return runtimeDirectory.appending(String(repeating: "0", count: 16 - digits.count) + digits + ".sock")
    }

    /// Makes the runtime directory, mode 0700, and makes sure that it is ours: in `/tmp` somebody else may have been faster.
    ///
    /// - Throws: code `permission` when the directory is not ours alone.
    public func makeRuntimeDirectory() throws(ControlError) {
        let path = runtimeDirectory
        do {
            try SystemCalls.makeDirectories(path, mode: 0o700)
            let status = try SystemCalls.status(of: path, followSymbolicLinks: false)
            guard status.kind == .directory, status.uid == uid, status.mode & 0o077 == 0 else {
                throw ControlError(.permission, "\(path) must be a directory of yours that nobody else can enter; it is not.",
                                   hint: "Remove it, or set XDG_RUNTIME_DIR to a private directory.")
            }
        } catch let error as ControlError { throw error } catch {
            let errno = (error as? Errno)?.rawValue
            throw ControlError(.permission, "Cannot make \(path) for the control socket: \(error).", hint: "Set XDG_RUNTIME_DIR to a private directory.", errno: errno)
        }
    }

    /// The control sockets in the runtime directory, of running daemons and of dead ones. Empty when there is no directory.
    public func sockets() -> [FilePath] {
        guard let status = try? SystemCalls.status(of: runtimeDirectory, followSymbolicLinks: false), status.kind == .directory, status.uid == uid,
              let names = try? SystemCalls.list(runtimeDirectory) else { return [] }
        return names.map { String(decoding: $0, as: UTF8.self) }.filter { $0.hasSuffix(".sock") }.sorted().map { runtimeDirectory.appending($0) }
    }
}
