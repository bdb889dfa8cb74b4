import ControlAPI

/// The status for people.
enum StatusText {
    static func text(_ status: UserStatus, color: Bool) -> String {
        var parts = status.mounts.map { mount($0, color: color) } + (status.contractMounts ?? []).map { contract($0, color: color) } + (status.deadMounts ?? []).map { dead($0, color: color) }
        if let fills = status.fills {
            let lines = fills.map { fill in
                let title = Terminal.printable([fill.name, fill.release].filter { !$0.isEmpty }.joined(separator: " "))
                return "\(title) is not mounted and still being fetched: \(HumanText.percent(fill.blocksPresent, of: fill.blocksTotal)) % of \(HumanText.count(fill.blocksTotal, "block"))"
            }
            parts.append(lines.joined(separator: "\n"))
        }
        guard !parts.isEmpty else { return status.daemons.isEmpty ? "Nothing is mounted." : "Nothing is mounted. The daemon runs (process \(status.daemons[0].daemonPid))." }
        return parts.joined(separator: "\n\n")
    }

    /// Counters that are zero say nothing.
    static func contract(_ m: ContractMountStatus, color: Bool) -> String {
        let kind = m.kind == .image ? "image" : "backing directory"
        var lines = [bold(Terminal.printable(m.mountpoint), color) + "  \(kind) \(Terminal.printable(m.source))"]
        if let waiting = m.readersWaiting, waiting > 0 { lines.append("  waiting  \(HumanText.count(waiting, "read"))") }
        for (name, value) in (m.counters ?? [:]).sorted(by: { $0.key < $1.key }) where value > 0 { lines.append("  counted  \(name) \(value)") }
        return lines.joined(separator: "\n")
    }

    static func dead(_ m: DeadMountStatus, color: Bool) -> String {
        bold(Terminal.printable(m.mountpoint), color) + "  \(Terminal.printable(m.source))\n  "
            + red("its daemon is gone, and programs get errors: mount it again, or end it with: incfs unmount", color)
    }

    private static func bold(_ text: String, _ color: Bool) -> String { color ? "\u{1b}[1m\(text)\u{1b}[0m" : text }
    private static func red(_ text: String, _ color: Bool) -> String { color ? "\u{1b}[31m\(text)\u{1b}[0m" : text }

    static func mount(_ m: MountStatus, color: Bool) -> String {
        let red: (String) -> String = { Self.red($0, color) }
        let title = [m.name, m.release].filter { !$0.isEmpty }.joined(separator: " ")
        var lines = [bold(Terminal.printable(m.mountpoint), color) + "  " + Terminal.printable(title), "  from     \(Terminal.printable(m.address))"]
        var present = "  present  \(HumanText.percent(m.blocksPresent, of: m.blocksTotal)) %: \(m.blocksPresent) of \(HumanText.count(m.blocksTotal, "block"))"
        switch m.fillState {
        case .off: if !m.complete { present += ", fetching only what is read" }
        case .filling:
            if m.rateBytesPerSecond > 0 { present += ", \(HumanText.rate(m.rateBytesPerSecond))" }
            if let left = m.secondsLeft { present += ", \(HumanText.duration(left)) left" }
        case .waiting: present += ", waiting for the origin"
        case .stopped: present += m.fillNote == nil ? ", stopped" : ", stopped: the disk is nearly full"
        case .complete: break
        }
        lines.append(present)
        if let note = m.fillNote { lines.append("  fill     " + red(Terminal.printable(note))) }
        lines.append("  fetched  \(HumanText.bytes(m.bytesFetched)) in \(HumanText.count(m.requests, "request")); \(HumanText.count(m.filesTouched, "file")) touched")
        for layer in m.layers { lines.append("  written  kept in \(Terminal.printable(layer))") }
        if m.readersWaiting > 0 {
            lines.append("  waiting  " + red(HumanText.count(UInt64(m.readersWaiting), "reader")) + (m.waitReason.map { ": " + Terminal.printable($0) } ?? ""))
            for wait in m.waits.prefix(10) { lines.append("           process \(wait.pid): \(Terminal.printable(wait.path)), block \(wait.block), for \(HumanText.duration(wait.seconds))") }
            if m.waits.count > 10 { lines.append("           and \(m.waits.count - 10) more") }
        }
        if m.waitSecondsTotal > 0 { lines.append("  waited   \(HumanText.duration(m.waitSecondsTotal)) in all") }
        let e = m.errors
        if e.corruptBlocks > 0 { lines.append("  errors   " + red("\(HumanText.count(e.corruptBlocks, "block")) did not match their digest") + "; \(e.refetched) fetched again") }
        if e.failedReads > 0 { lines.append("  errors   " + red("\(HumanText.count(e.failedReads, "read")) failed")) }
        if let last = m.lastError { lines.append("  last     " + red(Terminal.printable(last))) }
        if let files = m.files { lines += files.map(file) }
        return lines.joined(separator: "\n")
    }

    private static func file(_ f: FileReport) -> String {
        let percent = "\(HumanText.percent(f.blocksPresent, of: f.blocksTotal)) %", size = HumanText.bytes(f.size)
        return "  " + pad(percent, 6) + pad(size, 10) + (f.touched ? "  * " : "    ") + Terminal.printable(f.path)
    }

    /// Right-aligned in so many columns.
    private static func pad(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }
}
