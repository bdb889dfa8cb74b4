/// The answer to a `Range` header (RFC 9110, section 14) for a file of known size.
enum ByteRange: Equatable {
    /// No range, one of another unit, several ranges, or nonsense: the whole file, as the RFC lets a server choose.
    case whole
    /// One range that exists. `first` ≤ `last` < size.
    case part(first: UInt64, last: UInt64)
    /// Begins after the end: 416.
    case unsatisfiable

    init(header: String?, size: UInt64) {
        self = .whole
        guard let header, let equals = header.firstIndex(of: "="), header[..<equals].lowercased() == "bytes" else { return }
        let set = header[header.index(after: equals)...].trimmingBlanks()
        guard !set.contains(","), let dash = set.firstIndex(of: "-") else { return }
        let from = set[..<dash].trimmingBlanks(), to = set[set.index(after: dash)...].trimmingBlanks()
        if from.isEmpty {
            guard let count = Self.number(to) else { return }
            self = count == 0 || size == 0 ? .unsatisfiable : .part(first: size - min(count, size), last: size - 1)
            return
        }
        guard let first = Self.number(from) else { return }
        var last = UInt64.max
        if !to.isEmpty {
            guard let number = Self.number(to), number >= first else { return }
            last = number
        }
        self = first >= size ? .unsatisfiable : .part(first: first, last: min(last, size - 1))
    }

    /// Digits only; a number too large for 64 bits counts as the largest.
    private static func number(_ text: Substring) -> UInt64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return UInt64(text) ?? .max
    }
}

extension StringProtocol where SubSequence == Substring {
    /// Without blanks and tabs at both ends.
    func trimmingBlanks() -> Substring {
        var rest = self[...]
        while let c = rest.first, c == " " || c == "\t" { rest = rest.dropFirst() }
        while let c = rest.last, c == " " || c == "\t" { rest = rest.dropLast() }
        return rest
    }
}
