/// A bitmap's words, all zero at first; pages of 512 that nobody made anything else take no memory.
struct SparseWords: Sendable, Equatable {
    private static let pageWords = 512
    /// The number of words.
    let count: Int
    private var pages: [Int: [UInt64]] = [:]

    init(count: Int = 0) { self.count = count }

    subscript(index: Int) -> UInt64 {
        get { pages[index / Self.pageWords]?[index % Self.pageWords] ?? 0 }
        set {
            precondition(index >= 0 && index < count)
            let page = index / Self.pageWords
            if pages[page] != nil {
                pages[page]![index % Self.pageWords] = newValue
            } else if newValue != 0 {
                var words = [UInt64](repeating: 0, count: Self.pageWords)
                words[index % Self.pageWords] = newValue
                pages[page] = words
            }
        }
    }

    var isEmpty: Bool { count == 0 }

    /// Bits that are set.
    var nonzeroBitCount: Int { pages.values.reduce(0) { $0 + $1.reduce(0) { $0 + $1.nonzeroBitCount } } }

    /// Ranges of words outside of which all are zero, ascending.
    var touched: [Range<Int>] { pages.keys.sorted().map { $0 * Self.pageWords..<min(count, ($0 + 1) * Self.pageWords) } }

    /// One range outside of which all words are zero.
    var span: Range<Int> {
        let touched = touched
        return touched.isEmpty ? 0..<0 : touched[0].lowerBound..<touched[touched.count - 1].upperBound
    }

    /// Calls `body` with the words of `range` that are or were not zero, piece by piece.
    func forEachTouched<Failure>(in range: Range<Int>, _ body: (_ first: Int, _ words: ArraySlice<UInt64>) throws(Failure) -> Void) throws(Failure) {
        for page in touched {
            let part = page.clamped(to: range)
            if part.isEmpty { continue }
            let words = pages[page.lowerBound / Self.pageWords]!
            try body(part.lowerBound, words[(part.lowerBound - page.lowerBound)..<(part.upperBound - page.lowerBound)])
        }
    }

    static func == (a: SparseWords, b: SparseWords) -> Bool {
        guard a.count == b.count else { return false }
        for page in Set(a.pages.keys).union(b.pages.keys) {
            let x = a.pages[page], y = b.pages[page]
            if x == y { continue }
            if let x, let y { if x != y { return false } } else if (x ?? y)!.contains(where: { $0 != 0 }) { return false }
        }
        return true
    }
}
