import Glibc
import LinuxSystem

/// Where a daemon logs to.
public enum LogPlace: Hashable, Sendable {
    /// systemd's journal, through this socket.
    case journal(FilePath)
    case file(FilePath)

    /// A sentence for errors about the daemon.
    public var sentence: String {
        switch self {
        case .journal: "Its log is in the journal: journalctl -t incfsd -t incfs-keeper"
        case .file(let path): "Its log is \(path)."
        }
    }

    /// Where a running process logs to, as its standard error says; nil if that cannot be seen.
    public init?(ofProcess pid: pid_t) {
        guard let target = try? SystemCalls.readLink(FilePath("/proc/\(pid)/fd/2")) else { return nil }
        let text = String(decoding: target, as: UTF8.self)
        self = text.hasPrefix("/") && text != "/dev/null" ? .file(FilePath(text)) : .journal(JournalWriter.usualSocket)
    }
}

extension ControlPlaces {
    /// `$INCFS_LOG`, an absolute path or `journal`; else the journal, for root where there is one and for others where they are part of it (a service of
    /// systemd, whose `$JOURNAL_STREAM` names their standard error or output); else `logFile`.
    public var log: LogPlace? {
        let hasJournal = (try? SystemCalls.status(of: journalSocket)).map { $0.mode & S_IFMT == S_IFSOCK } ?? false
        switch environment("INCFS_LOG") {
        case "journal"?: if hasJournal { return .journal(journalSocket) }
        case let text? where text.hasPrefix("/"): return .file(FilePath(text))
        default: if hasJournal && (uid == 0 || isPartOfJournal) { return .journal(journalSocket) }
        }
        return logFile.map { .file($0) }
    }

    /// systemd.exec(5): device and inode of the stream that it connected.
    private var isPartOfJournal: Bool {
        guard let text = environment("JOURNAL_STREAM") else { return false }
        return [STDERR_FILENO, STDOUT_FILENO].contains { descriptor in
            (try? SystemCalls.status(of: descriptor)).map { "\($0.device):\($0.inode)" == text } ?? false
        }
    }

    /// A sentence for errors about a daemon that cannot be looked at.
    public var logSentence: String { log?.sentence ?? "Its log is in the store, daemon.log." }
}
