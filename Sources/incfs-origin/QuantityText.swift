/// Quantities as people write them on the command line.
enum QuantityText {
    /// Bytes per second from `50mbit`, `1.5MB/s`, `800kB`, `2MiB/s`, `1gbps`. Bits are decimal and may be in any case;
    /// for bytes the B is a capital, as `mb` says nothing. nil for anything else, zero and below included.
    static func bytesPerSecond(_ text: String) -> Double? {
        guard let (number, unit) = split(text) else { return nil }
        var name = Substring(unit)
        let perSecond = name.hasSuffix("/s")
        if perSecond { name = name.dropLast(2) }
        let lower = name.lowercased()
        for (prefix, factor) in [("", 1.0), ("k", 1e3), ("m", 1e6), ("g", 1e9)] {
            if lower == prefix + "bit" || (!perSecond && name.hasSuffix("bps") && lower == prefix + "bps") { return number * factor / 8 }
            if name.last == "B", lower == prefix + "b" { return number * factor }
        }
        for (prefix, factor) in [("ki", 1024.0), ("mi", 1_048_576), ("gi", 1_073_741_824)] where name.last == "B" && lower == prefix + "b" {
            return number * factor
        }
        return nil
    }

    /// Seconds from `20ms`, `0.5s`, `0`, `250us`. nil for anything else.
    static func seconds(_ text: String) -> Double? {
        if text == "0" { return 0 }
        guard let (number, unit) = split(text) else { return nil }
        switch unit {
        case "us": return number / 1e6
        case "ms": return number / 1e3
        case "s": return number
        default: return nil
        }
    }

    /// A positive decimal number and what follows it.
    private static func split(_ text: String) -> (Double, String)? {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard let number = Double(digits), number > 0, number.isFinite else { return nil }
        return (number, String(text[digits.endIndex...].trimmingBlanks()))
    }
}
