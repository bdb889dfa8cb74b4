import FUSESession
import ImageFormat
import Synchronization

/// Open descriptions of `.cmd` and of directories, by the number that the kernel has for them.
final class ImageHandles: Sendable {
    enum Handle: Sendable {
        /// The serial of the last record returned, and who opened it.
        case command(cursor: UInt32, opener: WriterIdentity)
        /// What a listing goes through, taken at its start so that its positions stay what they are.
        case directory([ListedName])
    }
    struct ListedName: Sendable {
        var name: [UInt8]
        var inode: UInt64
        /// A `DT_*` of readdir(3).
        var type: UInt32
    }
    private struct State: Sendable {
        var handles: [UInt64: Handle] = [:]
        var next: UInt64 = 1
        /// Who sleeps in poll(2): a name is used for one wake-up.
        var sleepers: [UInt64: UInt64] = [:]
        var notifier: FUSENotifier?
    }
    private let state = Mutex(State())

    func attach(_ notifier: FUSENotifier) { state.withLock { $0.notifier = notifier } }

    func open(_ handle: Handle) -> UInt64 {
        state.withLock { state in
            defer { state.next += 1 }
            state.handles[state.next] = handle
            return state.next
        }
    }

    func release(_ fh: UInt64) {
        state.withLock { state in
            state.handles[fh] = nil
            state.sleepers[fh] = nil
        }
    }

    func cursor(_ fh: UInt64) -> UInt32? {
        state.withLock { state in if case .command(let cursor, _) = state.handles[fh] { cursor } else { nil } }
    }

    func opener(_ fh: UInt64) -> WriterIdentity? {
        state.withLock { state in if case .command(_, let opener) = state.handles[fh] { opener } else { nil } }
    }

    /// Takes records with the description's cursor and moves it. Nil when it is none of `.cmd`.
    func moveCursor<Result: Sendable>(_ fh: UInt64, _ body: (inout UInt32) -> Result) -> Result? {
        state.withLock { state -> Result? in
            guard case .command(var cursor, let opener) = state.handles[fh] else { return nil }
            let result = body(&cursor)
            state.handles[fh] = .command(cursor: cursor, opener: opener)
            return result
        }
    }

    func names(_ fh: UInt64) -> [ListedName]? {
        state.withLock { state in if case .directory(let names) = state.handles[fh] { names } else { nil } }
    }

    func setNames(_ fh: UInt64, _ names: [ListedName]) {
        state.withLock { state in if case .directory = state.handles[fh] { state.handles[fh] = .directory(names) } }
    }

    /// Before the pending reads are looked at: what happens in between wakes.
    func sleeps(_ fh: UInt64, kh: UInt64) { state.withLock { $0.sleepers[fh] = kh } }

    func wake() {
        let (names, notifier) = state.withLock { state -> ([UInt64], FUSENotifier?) in
            defer { state.sleepers = [:] }
            return (Array(state.sleepers.values), state.notifier)
        }
        for name in names { notifier?.pollWakeup(kh: name) }
    }
}
