import Synchronization

/// The resolved objects of a volume by number. A look-up takes one uncontended lock and allocates nothing; the number of
/// resolved objects is bounded by closing those that were not used lately.
final class ObjectSlots: @unchecked Sendable {
    // Safety: `slots` is allocated once; each element guards its own content.
    private let slots: UnsafeMutablePointer<Mutex<VolumeObject?>>
    private let count: Int
    private let limit: Int
    private let order = Mutex<[UInt32]>([])

    /// `limit`: objects kept resolved at most (each may hold descriptors and bitmaps).
    init(count: Int, limit: Int) {
        self.count = count
        self.limit = limit
        slots = .allocate(capacity: max(count, 1))
        for i in 0..<count { (slots + i).initialize(to: Mutex(nil)) }
    }

    deinit {
        slots.deinitialize(count: count)
        slots.deallocate()
    }

    /// The object if it is resolved.
    @inline(__always)
    subscript(number: UInt32) -> VolumeObject? {
        guard Int(number) < count else { return nil }
        return slots[Int(number)].withLock { $0 }
    }

    /// Keeps `object` unless another thread was first; returns the one that is kept.
    func install(_ object: VolumeObject) -> VolumeObject {
        let kept = slots[Int(object.number)].withLock { slot -> VolumeObject in
            if let slot { return slot }
            slot = object
            return object
        }
        guard kept === object else { return kept }
        let victims = order.withLock { order -> [UInt32] in
            order.append(object.number)
            guard order.count > limit else { return [] }
            // Second chance: what was used since the last sweep goes to the end; a quarter is let go at most.
            var victims: [UInt32] = []
            var kept: [UInt32] = []
            kept.reserveCapacity(order.count)
            for number in order {
                let used = self[number]?.recentlyUsed.exchange(false, ordering: .relaxed) ?? false
                if used || number == object.number || victims.count >= limit / 4 + 1 { kept.append(number) } else { victims.append(number) }
            }
            order = kept
            return victims
        }
        for number in victims { slots[Int(number)].withLock { $0 = nil } }
        return kept
    }

    /// The numbers of the objects that are resolved now.
    var resolved: [UInt32] { order.withLock { $0 } }
}
