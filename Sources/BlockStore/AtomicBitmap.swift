import Synchronization

/// Bits in plain memory that any thread sets, clears and reads without a lock. All clear at first.
///
/// Whoever sees a bit set (acquire) sees what was written before it was set (release). Memory follows what is mixed: pages of 32,768
/// bits that are all clear, or were set in one go (a hole of a file), take none but a pointer.
public final class AtomicBitmap: @unchecked Sendable {
    // Safety: the memory holds atomics only and lives as long as the object; a page of its own, once there, is never replaced.
    typealias Word = Atomic<UInt64>
    /// Words in a page.
    static let pageWords = 512

    /// The number of bits.
    public let bitCount: Int
    private let pages: UnsafeMutablePointer<Atomic<UnsafeMutableRawPointer?>>
    private let pageCount: Int
    private let wordCount: Int

    public init(bitCount: Int) {
        self.bitCount = bitCount
        wordCount = Self.wordCount(bitCount)
        pageCount = (wordCount + Self.pageWords - 1) / Self.pageWords
        pages = .allocate(capacity: pageCount)
        for page in 0..<pageCount { (pages + page).initialize(to: Atomic(nil)) }
        // Where there is one page only it is there from the start: nothing is allocated afterwards.
        if pageCount == 1 { pages[0].store(makePage(0, filledWith: 0), ordering: .releasing) }
    }

    deinit {
        for page in 0..<pageCount {
            if let memory = pages[page].load(ordering: .acquiring), memory != Self.full { memory.deallocate() }
        }
        pages.deinitialize(count: pageCount)
        pages.deallocate()
    }

    /// Stands for a page with all bits set; shared and never written.
    // Safety: written before it is published by the lazy initialiser, only read afterwards.
    nonisolated(unsafe) private static let full: UnsafeMutableRawPointer = {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: pageWords * 8, alignment: 64)
        let words = memory.bindMemory(to: Word.self, capacity: pageWords)
        for i in 0..<pageWords { (words + i).initialize(to: Atomic(.max)) }
        return memory
    }()

    private func makePage(_ page: Int, filledWith value: UInt64) -> UnsafeMutableRawPointer {
        let count = min(Self.pageWords, wordCount - page * Self.pageWords)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: count * 8, alignment: 64)
        let words = memory.bindMemory(to: Word.self, capacity: count)
        for i in 0..<count { (words + i).initialize(to: Atomic(value)) }
        return memory
    }

    /// The page's own memory, made if there is none.
    private func ownPage(_ page: Int) -> UnsafeMutableRawPointer {
        while true {
            let now = pages[page].load(ordering: .acquiring)
            if let now, now != Self.full { return now }
            let new = makePage(page, filledWith: now == nil ? 0 : .max)
            if pages[page].compareExchange(expected: now, desired: new, ordering: .acquiringAndReleasing).exchanged { return new }
            new.deallocate()
        }
    }

    /// Bytes of pages of its own.
    var memory: Int {
        (0..<pageCount).reduce(0) { sum, page in
            guard let memory = pages[page].load(ordering: .acquiring), memory != Self.full else { return sum }
            return sum + min(Self.pageWords, wordCount - page * Self.pageWords) * 8
        }
    }

    /// Words for `bits` bits, at least one.
    static func wordCount(_ bits: Int) -> Int { max(1, (bits + 63) / 64) }

    /// The words that `bits` touches.
    @inline(__always)
    static func words(of bits: Range<Int>) -> Range<Int> { bits.isEmpty ? 0..<0 : (bits.lowerBound >> 6)..<(((bits.upperBound - 1) >> 6) + 1) }

    /// The bits of word `index` that belong to `bits`, which touches it.
    @inline(__always)
    static func mask(_ index: Int, _ bits: Range<Int>) -> UInt64 {
        let low = max(bits.lowerBound - index << 6, 0)
        let high = min(bits.upperBound - index << 6, 64)
        return (~0 >> UInt64(64 - (high - low))) << UInt64(low)
    }

    @inline(__always)
    func word(_ index: Int) -> UInt64 {
        guard let page = pages[index >> 9].load(ordering: .acquiring) else { return 0 }
        return page.assumingMemoryBound(to: Word.self)[index & 511].load(ordering: .acquiring)
    }

    @inline(__always)
    func isSet(_ bit: Int) -> Bool { word(bit >> 6) >> UInt64(bit & 63) & 1 == 1 }

    /// The first clear bit of `bits`, a word at a time.
    @inline(__always)
    func firstClear(in bits: Range<Int>) -> Int? {
        for index in Self.words(of: bits) {
            let missing = ~word(index) & Self.mask(index, bits)
            if missing != 0 { return index << 6 + missing.trailingZeroBitCount }
        }
        return nil
    }

    /// The first set bit of `bits`.
    func firstSet(in bits: Range<Int>) -> Int? {
        for index in Self.words(of: bits) {
            let found = word(index) & Self.mask(index, bits)
            if found != 0 { return index << 6 + found.trailingZeroBitCount }
        }
        return nil
    }

    @inline(__always)
    func allSet(_ bits: Range<Int>) -> Bool { firstClear(in: bits) == nil }

    /// Sets `bits`. Returns how many were clear.
    @discardableResult
    func set(_ bits: Range<Int>) -> Int {
        change(bits, from: nil, to: Self.full) { index, mask in self.set(word: index, mask: mask) }
    }

    /// Sets the bits of `mask` in word `index`. Returns how many were clear.
    @discardableResult
    func set(word index: Int, mask: UInt64) -> Int {
        if mask == 0 || mask & ~word(index) == 0 { return 0 }
        let words = ownPage(index >> 9).assumingMemoryBound(to: Word.self)
        return (mask & ~words[index & 511].bitwiseOr(mask, ordering: .acquiringAndReleasing).oldValue).nonzeroBitCount
    }

    /// Clears `bits`. Returns how many were set.
    @discardableResult
    func clear(_ bits: Range<Int>) -> Int {
        change(bits, from: Self.full, to: nil) { index, mask in
            if self.word(index) & mask == 0 { return 0 }
            let words = self.ownPage(index >> 9).assumingMemoryBound(to: Word.self)
            return (mask & words[index & 511].bitwiseAnd(~mask, ordering: .acquiringAndReleasing).oldValue).nonzeroBitCount
        }
    }

    /// Whole pages that are `old` become `new`, those that are `new` stay, and the rest goes word by word. Returns the bits that changed.
    private func change(_ bits: Range<Int>, from old: UnsafeMutableRawPointer?, to new: UnsafeMutableRawPointer?, _ each: (Int, UInt64) -> Int) -> Int {
        var changed = 0
        let words = Self.words(of: bits)
        var index = words.lowerBound
        while index < words.upperBound {
            let end = index + Self.pageWords
            if index % Self.pageWords == 0, bits.lowerBound <= index << 6, bits.upperBound >= end << 6 {
                let (done, seen) = pages[index >> 9].compareExchange(expected: old, desired: new, ordering: .acquiringAndReleasing)
                if done { changed += Self.pageWords * 64 }
                if done || seen == new {
                    index = end
                    continue
                }
            }
            changed += each(index, Self.mask(index, bits))
            index += 1
        }
        return changed
    }
}

/// Bit by bit.
extension AtomicBitmap {
    /// Reads bit `i`. Traps out of range.
    public subscript(i: Int) -> Bool {
        precondition(i >= 0 && i < bitCount)
        return isSet(i)
    }

    /// Sets bit `i`. True if it was clear. Traps out of range.
    @discardableResult
    public func set(_ i: Int) -> Bool {
        precondition(i >= 0 && i < bitCount)
        return set(word: i >> 6, mask: 1 << UInt64(i & 63)) == 1
    }

    /// Clears bit `i`. True if it was set. Traps out of range.
    @discardableResult
    public func clear(_ i: Int) -> Bool {
        precondition(i >= 0 && i < bitCount)
        return clear(i..<(i + 1)) == 1
    }

    /// The first clear bit at or behind `start`; nil if there is none.
    public func firstClear(from start: Int) -> Int? { start < bitCount ? firstClear(in: max(0, start)..<bitCount) : nil }
}
