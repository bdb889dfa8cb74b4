import LinuxSystem
import Synchronization

/// A descriptor that readers borrow without a lock and that can be closed under them: it goes when the last borrower has gone.
///
/// One word holds everything, so that "is it open" and "I use it" are one step:
///
///     BITS   MEANING
///     0-31   descriptor + 1; 0: none
///     32     closing: nobody may borrow, the last one to give back closes
///     33-63  borrowers
final class FileSlot: Evictable {
    private static let closing: UInt64 = 1 << 32
    private static let borrower: UInt64 = 1 << 33
    private let state = Atomic<UInt64>(0)
    private let used = Atomic<Bool>(false)

    /// Borrows the descriptor; -1 when there is none. Every success is given back by `giveBack`.
    @inline(__always)
    func borrow() -> CInt {
        var now = state.load(ordering: .relaxed)
        while now & 0xffff_ffff != 0 && now & Self.closing == 0 {
            let (done, seen) = state.weakCompareExchange(expected: now, desired: now + Self.borrower, ordering: .acquiring)
            if done {
                if !used.load(ordering: .relaxed) { used.store(true, ordering: .relaxed) }
                return CInt(now & 0xffff_ffff) - 1
            }
            now = seen
        }
        return -1
    }

    @inline(__always)
    func giveBack() {
        let now = state.wrappingSubtract(Self.borrower, ordering: .acquiringAndReleasing).newValue
        // Nobody borrows a closing slot, so its last borrower is alone with it.
        if now & Self.closing != 0 && now >> 33 == 0 {
            state.store(0, ordering: .releasing)
            SystemCalls.close(CInt(now & 0xffff_ffff) - 1)
        }
    }

    /// Takes over `descriptor`, borrowed once by the caller. False when the slot still has one: the caller keeps it.
    func install(_ descriptor: CInt) -> Bool {
        used.store(true, ordering: .relaxed)
        return state.compareExchange(expected: 0, desired: UInt64(descriptor + 1) + Self.borrower, ordering: .acquiringAndReleasing).exchanged
    }

    /// Closes now or when the last borrower gives back. The next borrower finds none.
    func retire() {
        var now = state.load(ordering: .relaxed)
        while now & 0xffff_ffff != 0 && now & Self.closing == 0 {
            let target = now >> 33 == 0 ? 0 : now | Self.closing
            let (done, seen) = state.weakCompareExchange(expected: now, desired: target, ordering: .acquiringAndReleasing)
            if done {
                if target == 0 { SystemCalls.close(CInt(now & 0xffff_ffff) - 1) }
                return
            }
            now = seen
        }
    }

    func takeUsed() -> Bool { used.exchange(false, ordering: .relaxed) }

    func evict() -> Bool {
        let now = state.load(ordering: .relaxed)
        if now & 0xffff_ffff == 0 { return true }
        guard now >> 33 == 0, now & Self.closing == 0,
              state.compareExchange(expected: now, desired: 0, ordering: .acquiringAndReleasing).exchanged else { return false }
        SystemCalls.close(CInt(now & 0xffff_ffff) - 1)
        return true
    }

    var isOpen: Bool { state.load(ordering: .relaxed) & 0xffff_ffff != 0 }

    deinit { retire() }
}
