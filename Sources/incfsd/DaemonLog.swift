import Glibc
import LinuxSystem
import Logging

/// One message to the journal per event, or one line to stderr, with the time: the keeper has pointed that at the log file.
struct DaemonLog: LogHandler {
    let journal: JournalWriter?
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    init(journal: JournalWriter?) { self.journal = journal }

    /// Priorities of syslog(3).
    private static func priority(_ level: Logger.Level) -> Int {
        switch level {
        case .critical: 2
        case .error: 3
        case .warning: 4
        case .notice: 5
        case .info: 6
        default: 7
        }
    }

    func log(event: LogEvent) {
        if let journal, journal.write("\(event.message)", priority: Self.priority(event.level)) { return }
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var parts = tm()
        gmtime_r(&now.tv_sec, &parts)
        func two(_ n: Int32) -> String { n < 10 ? "0\(n)" : "\(n)" }
        let time = "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))T\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
        let text = Array("\(time) \(event.level) incfsd[\(getpid())]: \(event.message)\n".utf8)
        text.withUnsafeBytes { _ = try? SystemCalls.write(2, $0) }
    }
}
