import ControlAPI
import LinuxSystem

/// Notices that nothing comes any more while a command waits, and says so once for each time.
struct Standstill {
    /// What a person knows the origin by.
    let host: String
    private var done: UInt64?
    private var since: MonotonicTime
    private var told = false

    /// `start`: when the command began to wait.
    init(host: String, start: MonotonicTime = .now) {
        self.host = host
        since = start
    }

    /// One line when nothing has come for `RunWatch.patience`: for whom the command waits, and why as far as that is known.
    mutating func text(_ report: ProgressReport, at now: MonotonicTime) -> String? {
        if let done, report.done != done {
            since = now
            told = false
        }
        done = report.done
        guard !told, Double(now.since(since)) >= RunWatch.patience * 1e9 else { return nil }
        told = true
        return "waiting for \(host)" + (report.note.map { ": \($0)" } ?? ", which has not answered yet")
    }
}
