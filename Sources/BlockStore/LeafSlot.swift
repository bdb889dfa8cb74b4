import Synchronization

/// Where a complete object keeps its leaf digests while they are in use; they can be dropped and loaded again.
final class LeafSlot: Evictable {
    private let table = Mutex<CertifiedLeaves?>(nil)
    private let used = Atomic<Bool>(false)

    var current: CertifiedLeaves? {
        used.store(true, ordering: .relaxed)
        return table.withLock { $0 }
    }

    func install(_ new: CertifiedLeaves) {
        used.store(true, ordering: .relaxed)
        table.withLock { $0 = new }
    }

    /// Lets go of `old`, if nobody has replaced it.
    func drop(_ old: CertifiedLeaves) { table.withLock { if $0 === old { $0 = nil } } }

    func takeUsed() -> Bool { used.exchange(false, ordering: .relaxed) }

    func evict() -> Bool {
        table.withLock { $0 = nil }
        return true
    }
}
