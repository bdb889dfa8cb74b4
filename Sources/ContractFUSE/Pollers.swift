import FUSEProtocol
import FUSESession
import Synchronization

/// Who sleeps in poll(2) on which special file. A name is used for one wake-up: the kernel gives it again when it asks again.
final class Pollers: Sendable {
    private struct State: Sendable {
        var sleepers: [[UInt64: UInt64]] = [[:], [:], [:]]
        var notifier: FUSENotifier?
    }
    private let state = Mutex(State())

    func attach(_ notifier: FUSENotifier) { state.withLock { $0.notifier = notifier } }

    /// Before the events are looked at: what happens in between wakes.
    func add(_ handle: Handle, _ file: SpecialFile, kh: UInt64) { state.withLock { $0.sleepers[file.rawValue][handle.id] = kh } }
    func remove(_ handle: Handle, _ file: SpecialFile) { state.withLock { $0.sleepers[file.rawValue][handle.id] = nil } }

    func wake(_ file: SpecialFile) {
        let (names, notifier) = state.withLock { state -> ([UInt64: UInt64], FUSENotifier?) in
            if state.sleepers[file.rawValue].isEmpty { return ([:], nil) }
            defer { state.sleepers[file.rawValue] = [:] }
            return (state.sleepers[file.rawValue], state.notifier)
        }
        for name in names.values { notifier?.pollWakeupNow(kh: name) }
    }
}
