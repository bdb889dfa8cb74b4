import LinuxSystem

/// Remembers the last readahead windows that were refused, per reading thread, for one safety rule (field rule: newer kernels
/// may ask for larger folios on demand): the same window asked for again by the same thread, with no single-page READ of that
/// thread in between, within one second, is demand and must be parked. Fixed size; the owner holds a lock; allocates nothing.
public struct RefusedWindows: Sendable {
    private struct Slot: Sendable {
        var processID: UInt32 = 0
        var node: UInt32 = 0
        var offset: UInt64 = 0
        var size: UInt32 = 0
        var time = MonotonicTime(nanoseconds: 0)
    }
    private var slots: [Slot]

    public init(capacity: Int = 256) { slots = Array(repeating: Slot(), count: capacity) }

    /// A multi-page buffered READ with blocks missing arrived. True: it is demand, park it. False: refuse it; it is remembered.
    public mutating func isRepeated(processID: UInt32, node: UInt32, offset: UInt64, size: UInt32, now: MonotonicTime) -> Bool {
        let i = Int(processID) % slots.count
        let slot = slots[i]
        let same = slot.processID == processID && slot.node == node && slot.offset == offset && slot.size == size
            && now.since(slot.time) < 1_000_000_000 && slot.time.nanoseconds != 0
        slots[i] = same ? Slot() : Slot(processID: processID, node: node, offset: offset, size: size, time: now)
        return same
    }

    /// A single-page READ of that thread arrived: the kernel goes page by page, as expected.
    public mutating func sawSinglePage(processID: UInt32) {
        let i = Int(processID) % slots.count
        if slots[i].processID == processID { slots[i] = Slot() }
    }
}
