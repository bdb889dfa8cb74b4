import Synchronization

/// Something that holds a resource and can be asked to let go of it.
protocol Evictable: AnyObject, Sendable {
    /// True when it was used since the last call.
    func takeUsed() -> Bool
    /// Lets go unless it is in use. True when it holds nothing any more.
    func evict() -> Bool
}

/// Bounds what a set of slots hold together: a second-chance clock, one entry per slot.
///
/// Lock order: the clock's lock before anything that `evict` takes; slots call `admit` with no lock of their own held.
final class EvictionClock<Slot: Evictable>: Sendable {
    private struct Entry { let slot: Slot; var cost: Int }
    private struct State {
        var entries: [Entry] = []
        var places: [ObjectIdentifier: Int] = [:]
        var hand = 0
        var total = 0
    }

    private let capacity: Int
    private let state = Mutex(State())

    /// - Parameter capacity: in the unit of `cost`.
    init(capacity: Int) { self.capacity = capacity }

    /// Notes that `slot` holds `cost`, and evicts others that were not used lately until all fit again (or all are in use).
    func admit(_ slot: Slot, cost: Int) {
        state.withLock { state in
            if let place = state.places[ObjectIdentifier(slot)] {
                state.total += cost - state.entries[place].cost
                state.entries[place].cost = cost
            } else {
                state.places[ObjectIdentifier(slot)] = state.entries.count
                state.entries.append(Entry(slot: slot, cost: cost))
                state.total += cost
            }
            var steps = 2 * state.entries.count
            while state.total > capacity && steps > 0 {
                steps -= 1
                if state.hand >= state.entries.count { state.hand = 0 }
                let entry = state.entries[state.hand]
                if entry.slot !== slot && !entry.slot.takeUsed() && entry.slot.evict() {
                    remove(state.hand, &state)
                } else {
                    state.hand += 1
                }
            }
        }
    }

    private func remove(_ place: Int, _ state: inout State) {
        let entry = state.entries[place]
        state.total -= entry.cost
        state.places[ObjectIdentifier(entry.slot)] = nil
        let last = state.entries.removeLast()
        if place < state.entries.count {
            state.entries[place] = last
            state.places[ObjectIdentifier(last.slot)] = place
        }
    }

    /// What is accounted for now; an upper bound of what is held.
    var total: Int { state.withLock { $0.total } }
}
