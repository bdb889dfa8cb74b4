import FUSEProtocol
import LinuxSystem
import Synchronization

/// The nodes that the kernel knows, by their ids and by what they are.
final class NodeTable: Sendable {
    /// A file has one node for its names and another for its entries in `.index` and `.incomplete`: while the kernel unlinks a
    /// name it locks that node, and our helpers must be able to unlink the entries meanwhile.
    struct Key: Hashable, Sendable {
        var device: UInt64
        var inode: UInt64
        var isReserved: Bool
    }
    private struct State: Sendable {
        var byID: [UInt64: (node: Node, lookups: UInt64)] = [:]
        var byKey: [Key: UInt64] = [:]
        var next = FUSELimits.rootNodeID + 1
    }
    private let state = Mutex(State())

    init(root: Node) {
        state.withLock {
            $0.byID[root.id] = (root, 1)
            $0.byKey[root.key] = root.id
        }
    }

    func node(_ id: UInt64) -> Node? { state.withLock { $0.byID[id]?.node } }

    /// The node of `key`, counted once more; made by `make` with the id it gets when there is none.
    func find(_ key: Key, _ make: (UInt64) -> Node) -> Node {
        if let known = look(key) { return known }
        let id = state.withLock { state in defer { state.next += 1 }; return state.next }
        let made = make(id)
        return state.withLock { state in
            if let other = state.byKey[key], let entry = state.byID[other] {
                state.byID[other]!.lookups += 1
                return entry.node
            }
            state.byID[id] = (made, 1)
            state.byKey[key] = id
            return made
        }
    }

    private func look(_ key: Key) -> Node? {
        state.withLock { state in
            guard let id = state.byKey[key], let entry = state.byID[id] else { return nil }
            state.byID[id]!.lookups += 1
            return entry.node
        }
    }

    /// The kernel gives up `lookups` of a node; at none it is gone.
    func forget(_ id: UInt64, _ lookups: UInt64) {
        guard id != FUSELimits.rootNodeID else { return }
        // The node ends outside of the lock: it closes a file.
        let gone = state.withLock { state -> Node? in
            guard let entry = state.byID[id] else { return nil }
            if entry.lookups > lookups {
                state.byID[id]!.lookups -= lookups
                return nil
            }
            state.byID[id] = nil
            if state.byKey[entry.node.key] == id { state.byKey[entry.node.key] = nil }
            return entry.node
        }
        _ = consume gone
    }

    /// The mount is over: the kernel forgets everything without a word.
    func removeAll() {
        let gone = state.withLock { state in
            defer { state.byID = [:]; state.byKey = [:] }
            return state.byID
        }
        _ = consume gone
    }
}
