import ContractVolume
import Synchronization

/// Who may do a call that may wait on the thread that read it. Handing a call to another thread costs more than a small call itself,
/// but a thread that answers reads must not wait for a caller's memory, which may be a mapping of our own mount: so one worker
/// at a time may, with memory that is present, and only where there is another one, which then never does: what is present may be gone when it is copied.
final class InlineCalls: Sendable {
    private let isAllowed: Bool
    private let taken = Atomic<Bool>(false)
    /// For who may.
    let pages = PresentPages()

    /// `workers`: the threads of the session that answer requests.
    init(workers: Int) { isAllowed = workers > 1 }

    /// True when the calling worker may; then it says `end` afterwards.
    func begin() -> Bool { isAllowed && taken.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged }
    func end() { taken.store(false, ordering: .releasing) }
}
