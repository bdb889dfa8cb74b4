/// Quantities for people: three figures, decimal units.
enum HumanText {
    /// `0 B`, `999 B`, `1.23 MB`, `12.3 GB`.
    static func bytes(_ count: UInt64) -> String {
        if count < 1000 { return "\(count) B" }
        var value = Double(count)
        var unit = "B"
        for next in ["kB", "MB", "GB", "TB", "PB", "EB"] {
            value /= 1000
            unit = next
            // 999.5 would be printed as 1000.
            if value < 999.5 { break }
        }
        return "\(figures(value)) \(unit)"
    }

    /// `5.93 MB/s`.
    static func rate(_ bytesPerSecond: Double) -> String { bytes(whole(bytesPerSecond)) + "/s" }

    /// `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
    static func duration(_ seconds: Double) -> String {
        if seconds < 9.95 { return "\(fixed(max(0, seconds), 1)) s" }
        let s = whole(seconds.rounded())
        if s < 60 { return "\(s) s" }
        if s < 3600 { return "\(s / 60) min \(s % 60) s" }
        if s < 86400 { return "\(s / 3600) h \(s / 60 % 60) min" }
        return "\(s / 86400) d \(s / 3600 % 24) h"
    }

    /// Rounded down: 100 means all. Nothing of nothing is all.
    static func percent(_ done: UInt64, of total: UInt64) -> Int {
        total == 0 || done >= total ? 100 : Int(Double(done) / Double(total) * 100)
    }

    /// `1 block`, `2 blocks`.
    static func count(_ number: UInt64, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

    private static func figures(_ value: Double) -> String { fixed(value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0) }

    /// `value` ≥ 0 with so many decimals, rounded to nearest.
    static func fixed(_ value: Double, _ decimals: Int) -> String {
        let scale: UInt64 = [1, 10, 100, 1000][decimals]
        let scaled = whole((value * Double(scale)).rounded())
        guard decimals > 0 else { return "\(scaled)" }
        let fraction = String(scaled % scale)
        return "\(scaled / scale).\(String(repeating: "0", count: decimals - fraction.count))\(fraction)"
    }

    private static func whole(_ value: Double) -> UInt64 { value > 0 ? UInt64(min(value, 1e19)) : 0 }
}
