import ContractVolume
import LinuxSystem
import Synchronization

/// An open file description of the kernel's.
final class Handle: Sendable {
    enum Kind: Sendable {
        case file(OpenedFile)
        case directory
        case special(SpecialFile)
    }

    let id: UInt64
    let node: Node
    let kind: Kind
    /// May it store blocks? Belongs to the description, is never taken back.
    let mayFill = Atomic<Bool>(false)
    private let state = Mutex(State())

    struct State: Sendable {
        /// `.pending_reads`: the serial of the last record returned.
        var cursor: UInt32 = 0
        /// `.log`.
        var log: ReadLog.Cursor?
        /// `.blocks_written`: what was returned last.
        var returned: UInt32?
        /// Directories: what a listing goes through, from its start to its end.
        var entries: [SystemCalls.DirectoryEntry]?
        /// GET_FILLED_BLOCKS: a series of calls that has looked at everything so far.
        var scan = FilledScan()
    }

    init(id: UInt64, node: Node, kind: Kind) {
        self.id = id
        self.node = node
        self.kind = kind
    }

    func withState<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
        try state.withLock { state throws -> Result in try body(&state) }
    }
}

/// The open descriptions, by the number that the kernel has for them.
final class HandleTable: Sendable {
    private struct State: Sendable {
        var handles: [UInt64: Handle] = [:]
        var next: UInt64 = 1
    }
    private let state = Mutex(State())

    func open(_ node: Node, _ kind: Handle.Kind) -> Handle {
        state.withLock { state in
            let handle = Handle(id: state.next, node: node, kind: kind)
            state.next += 1
            state.handles[handle.id] = handle
            return handle
        }
    }

    func handle(_ id: UInt64) -> Handle? { state.withLock { $0.handles[id] } }
    func release(_ id: UInt64) -> Handle? { state.withLock { $0.handles.removeValue(forKey: id) } }

    /// The mount is over: what the kernel did not close, for the whole connection ended, is closed.
    func removeAll() {
        // They end outside of the lock: the last one of a file closes it.
        let gone = state.withLock { state in defer { state.handles = [:] }; return state.handles }
        _ = consume gone
    }
}
