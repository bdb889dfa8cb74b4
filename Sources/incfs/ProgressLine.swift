import ControlAPI
import Glibc
import LinuxSystem

/// Shows progress on standard error: a bar that is drawn over on a terminal; elsewhere a plain line now and then.
struct ProgressLine {
    /// Seconds between two plain lines, so that a log of hours stays readable.
    private static let plainInterval: UInt64 = 5_000_000_000

    let verb: String
    /// Whether `done` and `total` count bytes; blocks of 4096 bytes otherwise.
    let countsBytes: Bool
    private let interactive = Terminal.isInteractive(STDERR_FILENO)
    private var lastPlain: UInt64 = 0
    private var lastNote: String?
    private var drawn = false
    private var standstill: Standstill?

    /// `address`: where what comes comes from, so that a long wait can be explained.
    init(_ verb: String, countsBytes: Bool = false, from address: String? = nil) {
        self.verb = verb
        self.countsBytes = countsBytes
        standstill = address.map { Standstill(host: RunWatch.host($0)) }
    }

    mutating func show(_ report: ProgressReport) {
        if Terminal.isQuiet { return }
        // A bar is cut at the width of the terminal, and a log has had every reason already.
        if let text = standstill?.text(report, at: .now), interactive || report.note == nil {
            finish()
            Terminal.error("incfs: " + Terminal.printable(text))
        }
        if interactive {
            Terminal.write("\r\u{1b}[K" + Self.bar(verb, report, countsBytes: countsBytes, width: Terminal.width(STDERR_FILENO)), to: STDERR_FILENO)
            drawn = true
            return
        }
        let now = MonotonicTime.now.nanoseconds
        guard now >= lastPlain + Self.plainInterval || report.note != lastNote else { return }
        lastPlain = now
        lastNote = report.note
        Terminal.error(Self.plain(verb, report, countsBytes: countsBytes))
    }

    /// Removes the bar, so that what follows starts at the left.
    mutating func finish() {
        if drawn { Terminal.write("\r\u{1b}[K", to: STDERR_FILENO) }
        drawn = false
    }

    static func plain(_ verb: String, _ report: ProgressReport, countsBytes: Bool) -> String {
        var parts: [String] = []
        let unit: UInt64 = countsBytes ? 1 : 4096
        let done = HumanText.bytes(report.done &* unit)
        if report.total > 0 {
            parts.append("\(HumanText.percent(report.done, of: report.total)) % of \(HumanText.bytes(report.total &* unit))")
        } else if report.done > 0 || report.note == nil { parts.append(done) }
        if report.bytesPerSecond > 0 { parts.append(HumanText.rate(report.bytesPerSecond)) }
        if let left = report.secondsLeft { parts.append("\(HumanText.duration(left)) left") }
        if let note = report.note { parts.append(Terminal.printable(note)) }
        return "\(verb): " + parts.joined(separator: ", ")
    }

    static func bar(_ verb: String, _ report: ProgressReport, countsBytes: Bool, width: Int) -> String {
        let text = plain(verb, report, countsBytes: countsBytes)
        let room = min(30, width - text.count - 4)
        guard report.total > 0, room >= 5 else { return String(text.prefix(max(0, width - 1))) }
        let filled = room * HumanText.percent(report.done, of: report.total) / 100
        return "[" + String(repeating: "#", count: filled) + String(repeating: "·", count: room - filled) + "] " + text
    }
}
