/// The Retry-After header (RFC 9110 §10.2.3): seconds, or a date.
enum RetryAfter {
    /// How long to wait; nil if the text is neither. A date is counted from the answer's own Date header if it has one,
    /// so that a wrong clock here does no harm, else from `now` (seconds since 1970).
    static func duration(_ text: String, date: String?, now: Int64) -> Duration? {
        let text = text.filter { $0 != "\t" }
        if let seconds = ContentRange.number(text.split(separator: " ").joined()[...]) { return .seconds(Int64(min(seconds, 1 << 31))) }
        guard let until = seconds1970(text) else { return nil }
        return .seconds(max(0, until - (date.flatMap(seconds1970) ?? now)))
    }

    /// Seconds since 1970 of an IMF-fixdate, e.g. `Sun, 06 Nov 1994 08:49:37 GMT`.
    static func seconds1970(_ text: String) -> Int64? {
        let words = text.split(separator: " ")
        guard words.count == 6, words[5] == "GMT",
            let day = Int64(words[1]), (1...31).contains(day),
            let month = months.firstIndex(of: String(words[2])),
            let year = Int64(words[3]), (1970...9999).contains(year)
        else { return nil }
        let clock = words[4].split(separator: ":").map { Int64($0) ?? -1 }
        guard clock.count == 3, (0...23).contains(clock[0]), (0...59).contains(clock[1]), (0...60).contains(clock[2]) else { return nil }
        // Days from civil, counted in years that begin in March so that the leap day is the last.
        let y = month < 2 ? year - 1 : year
        let m = Int64((month + 10) % 12)
        let era = y / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * m + 2) / 5 + day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        return days * 86_400 + clock[0] * 3600 + clock[1] * 60 + clock[2]
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
}
