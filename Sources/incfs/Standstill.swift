import ControlAPI
import LinuxSystem

/// Notices that nothing comes any more while a command waits, and says so once for each time.
struct Standstill {
    /// What a person knows the origin by.
    let host: String
    private var done: UInt64?
    private var since = MonotonicTime.now
    private var told = false

    init(host: String) { self.host = host }

    /// One line when nothing has come for `RunWatch.patience`: for whom the command waits, and why as far as that is known.
    mutating func text(_ report: ProgressReport, at now: MonotonicTime) -> String? {
        if report.done != done {
            done = report.done
            since = now
            told = false
        }
        guard !told, Double(now.since(since)) >= RunWatch.patience * 1e9 else { return nil }
        told = true
        return "waiting for \(host)" + (report.note.map { ": \($0)" } ?? ", which has not answered yet")
    }
}
