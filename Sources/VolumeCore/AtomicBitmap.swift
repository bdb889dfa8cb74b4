import Synchronization

/// A fixed number of bits, each set, cleared and read atomically without a lock. Starts all clear.
public final class AtomicBitmap: @unchecked Sendable {
    // Safety: `words` is allocated once and every access to it is atomic.
    private let words: UnsafeMutablePointer<Atomic<UInt64>>
    private let wordCount: Int
    /// The number of bits.
    public let count: Int

    public init(count: Int) {
        self.count = count
        wordCount = max(1, (count + 63) / 64)
        words = .allocate(capacity: wordCount)
        for i in 0..<wordCount { (words + i).initialize(to: Atomic(0)) }
    }

    deinit {
        words.deinitialize(count: wordCount)
        words.deallocate()
    }

    /// Reads bit `i`; everything written before the bit was set is visible. Traps out of range.
    public subscript(i: Int) -> Bool {
        precondition(i >= 0 && i < count)
        return words[i >> 6].load(ordering: .acquiring) & (1 << UInt64(i & 63)) != 0
    }

    /// Sets bit `i`. True if it was clear.
    @discardableResult
    public func set(_ i: Int) -> Bool {
        precondition(i >= 0 && i < count)
        let mask: UInt64 = 1 << UInt64(i & 63)
        return words[i >> 6].bitwiseOr(mask, ordering: .acquiringAndReleasing).oldValue & mask == 0
    }

    /// Clears bit `i`. True if it was set.
    @discardableResult
    public func clear(_ i: Int) -> Bool {
        precondition(i >= 0 && i < count)
        let mask: UInt64 = 1 << UInt64(i & 63)
        return words[i >> 6].bitwiseAnd(~mask, ordering: .acquiringAndReleasing).oldValue & mask != 0
    }

    /// The first clear bit at or behind `start`; nil if there is none.
    public func firstClear(from start: Int) -> Int? {
        var i = start
        while i < count {
            let word = ~words[i >> 6].load(ordering: .acquiring) & (~0 << UInt64(i & 63))
            if word != 0 {
                let bit = (i & ~63) + word.trailingZeroBitCount
                return bit < count ? bit : nil
            }
            i = (i & ~63) + 64
        }
        return nil
    }
}
