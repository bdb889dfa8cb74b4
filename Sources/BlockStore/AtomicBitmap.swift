import Synchronization

/// Bits in plain memory that any thread sets, clears and reads without a lock.
///
/// Whoever sees a bit set (acquire) sees what was written before it was set (release).
final class AtomicBitmap: @unchecked Sendable {
    // Safety: the memory holds atomics only and lives as long as the object.
    let bitCount: Int
    private let words: UnsafeMutablePointer<Atomic<UInt64>>

    /// All bits clear.
    init(bitCount: Int) {
        self.bitCount = bitCount
        words = .allocate(capacity: Self.wordCount(bitCount))
        for i in 0..<Self.wordCount(bitCount) { (words + i).initialize(to: Atomic(0)) }
    }

    deinit {
        words.deinitialize(count: Self.wordCount(bitCount))
        words.deallocate()
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
    func word(_ index: Int) -> UInt64 { words[index].load(ordering: .acquiring) }

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
        var changed = 0
        for index in Self.words(of: bits) {
            let mask = Self.mask(index, bits)
            changed += (mask & ~words[index].bitwiseOr(mask, ordering: .acquiringAndReleasing).oldValue).nonzeroBitCount
        }
        return changed
    }

    /// Sets the bits of `mask` in word `index`. Returns how many were clear.
    @discardableResult
    func set(word index: Int, mask: UInt64) -> Int {
        (mask & ~words[index].bitwiseOr(mask, ordering: .acquiringAndReleasing).oldValue).nonzeroBitCount
    }

    /// Clears `bits`. Returns how many were set.
    @discardableResult
    func clear(_ bits: Range<Int>) -> Int {
        var changed = 0
        for index in Self.words(of: bits) {
            let mask = Self.mask(index, bits)
            changed += (mask & words[index].bitwiseAnd(~mask, ordering: .acquiringAndReleasing).oldValue).nonzeroBitCount
        }
        return changed
    }
}
