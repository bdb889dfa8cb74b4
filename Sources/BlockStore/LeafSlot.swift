import Synchronization

/// Where a complete object keeps its leaf digests while they are in use; they can be dropped and loaded again.
final class LeafSlot: Evictable {
    private let table = Mutex<LeafTable?>(nil)
    private let used = Atomic<Bool>(false)

    var current: LeafTable? {
        used.store(true, ordering: .relaxed)
        return table.withLock { $0 }
    }

    func install(_ new: LeafTable) {
        used.store(true, ordering: .relaxed)
        table.withLock { $0 = new }
    }

    func takeUsed() -> Bool { used.exchange(false, ordering: .relaxed) }

    func evict() -> Bool {
        table.withLock { $0 = nil }
        return true
    }
}
