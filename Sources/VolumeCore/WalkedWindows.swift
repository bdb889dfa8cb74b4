import LinuxSystem

/// Readahead windows that were refused a moment ago: the kernel now asks for their pages one by one. If the blocks arrive
/// meanwhile, each page would be a request of its own; the first of them that is asked for is the moment to push the rest of
/// the window into the page cache. Fixed size, the oldest gives way; the owner holds a lock; allocates nothing.
public struct WalkedWindows: Sendable {
    /// After this many milliseconds nobody walks any more.
    static let lifetime: UInt64 = 1000

    private struct Slot: Sendable {
        var node: UInt32
        var range: Range<UInt64>
        var time: MonotonicTime
    }
    private var slots: [Slot?]
    private var next = 0
    /// Windows that are remembered, those that are too old included until they are met.
    public private(set) var count = 0

    public init(capacity: Int = 32) { slots = Array(repeating: nil, count: capacity) }

    /// The window `range` of `node` was refused.
    public mutating func refused(node: UInt32, _ range: Range<UInt64>, now: MonotonicTime) {
        if slots[next] == nil { count += 1 }
        slots[next] = Slot(node: node, range: range, time: now)
        next = (next + 1) % slots.count
    }

    /// Takes out the window of `node` that `offset` lies in; returns its end. Nil if there is none.
    public mutating func take(node: UInt32, at offset: UInt64, now: MonotonicTime) -> UInt64? {
        var end: UInt64?
        for i in slots.indices {
            guard let slot = slots[i] else { continue }
            let isOld = now.since(slot.time) > Self.lifetime * 1_000_000
            let isMeant = slot.node == node && slot.range.contains(offset)
            guard isOld || isMeant else { continue }
            slots[i] = nil
            count -= 1
            if isMeant && !isOld { end = max(end ?? 0, slot.range.upperBound) }
        }
        return end
    }
}
