/// The Content-Range header of an answer (RFC 9110 §14.4).
enum ContentRange: Equatable {
    /// `bytes 10-19/100`; the total is nil for `*`.
    case bytes(first: UInt64, last: UInt64, total: UInt64?)
    /// `bytes */100`, with a 416.
    case unsatisfied(total: UInt64)

    /// Nil if the text is not of this form, or contradicts itself.
    init?(_ text: String) {
        let words = text.split(separator: " ")
        guard words.count == 2, words[0].lowercased() == "bytes" else { return nil }
        let halves = words[1].split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count == 2 else { return nil }
        if halves[0] == "*" {
            guard let total = Self.number(halves[1]) else { return nil }
            self = .unsatisfied(total: total)
            return
        }
        let ends = halves[0].split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = Self.number(ends[0]), let last = Self.number(ends[1]), first <= last else { return nil }
        if halves[1] == "*" {
            self = .bytes(first: first, last: last, total: nil)
        } else {
            guard let total = Self.number(halves[1]), last < total else { return nil }
            self = .bytes(first: first, last: last, total: total)
        }
    }

    /// Digits only: `UInt64` itself would take a sign.
    static func number(_ text: Substring) -> UInt64? {
        text.isEmpty || !text.utf8.allSatisfy { $0 >= 48 && $0 <= 57 } ? nil : UInt64(text)
    }
}
