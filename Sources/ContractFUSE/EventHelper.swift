import ContractVolume
import Glibc
import LinuxSystem
import Synchronization

/// What one of our own threads is about to do on our own mount, so that watchers of directories (inotify(7)) hear of changes
/// that were asked for by ioctl. The request that comes of it is recognised by its thread.
struct Expectation: Sendable {
    /// The inode of the parent directory, and the name in it.
    var parent: UInt64
    var name: [UInt8]
    var act: Act

    enum Act: Sendable {
        /// A name that nobody sees before the kernel asks for it to be made; this makes it.
        case make(@Sendable () -> Errno?)
        /// A name that is there until the kernel asks for it to be removed.
        case remove
        /// A look at a file that is shown with another size.
        case show(node: UInt64, size: UInt64?)
    }
}

/// A thread that touches our own mount, and nothing else does. There are two: one for the directories of callers, which can have
/// to wait for a lock that a program holds while we answer it; one for `.index` and `.incomplete`, through descriptors that were
/// opened at mount, in which nothing ever waits. Neither waits for the other, and no request of the kernel's waits for the first.
///
/// A thread that waits for our own mount cannot be killed before it is answered, and what dies with the daemon's other threads does not answer: only the end of
/// the device does. So these threads have a descriptor table of their own, without the device, and do not keep it open when the daemon is killed.
final class EventHelper: Sendable {
    private struct Work: Sendable {
        var expectation: Expectation?
        var call: @Sendable () -> Errno?
        var done: @Sendable (Errno?) -> Void
    }
    private enum Next: Sendable {
        case work(Work)
        case end
    }
    private struct State: Sendable {
        var queue: [Work] = []
        var stopped = false
    }
    private let state = Condition(State())
    private let thread = Atomic<UInt32>(0)
    private let current = Mutex<Expectation?>(nil)

    init(name: String) { Thread(name: name) { self.serve() }.detach() }

    private func serve() {
        // Where that is not allowed, it works all the same.
        try? SystemCalls.leaveDescriptors()
        thread.store(UInt32(SystemCalls.threadID()), ordering: .releasing)
        while true {
            let next = state.wait { state -> Next? in
                if !state.queue.isEmpty { return .work(state.queue.removeFirst()) }
                return state.stopped ? .end : nil
            }
            guard case .work(let work) = next else { return }
            current.withLock { $0 = work.expectation }
            let error = work.call()
            current.withLock { $0 = nil }
            work.done(error)
        }
    }

    /// What this request is meant to do, if it is this helper's.
    func expectation(thread: UInt32) -> Expectation? {
        guard thread != 0, thread == self.thread.load(ordering: .acquiring) else { return nil }
        return current.withLock { $0 }
    }

    /// Does it on the helper's thread and waits for the end. nil is success.
    func perform(_ expectation: Expectation?, _ call: @escaping @Sendable () -> Errno?) -> Errno? {
        let result = Condition<Result<Void, Errno>?>(nil)
        state.update { $0.queue.append(Work(expectation: expectation, call: call) { error in result.update { $0 = error.map { .failure($0) } ?? .success(()) } }) }
        if case .failure(let error) = result.wait({ $0 }) { return error }
        return nil
    }

    func stop() { state.update { $0.stopped = true } }
}

/// Makes the changes that ioctls ask for, so that they are seen.
final class EventHelpers: Sendable {
    private let parents = EventHelper(name: "contract-names")
    private let reserved = EventHelper(name: "contract-index")
    /// For what else asks our own mount.
    private let asking = EventHelper(name: "contract-permit")
    /// Our own mount: a detached clone, which does not keep the visible one busy; -1 before it is mounted.
    private let places = Mutex<Places?>(nil)

    struct Places: Sendable {
        var root: CInt
        var index: CInt
        var incomplete: CInt
    }

    enum Reserved: Sendable {
        case index, incomplete
        fileprivate var place: KeyPath<Places, CInt> & Sendable { self == .index ? \.index : \.incomplete }
    }

    func attach(_ new: Places) { places.withLock { $0 = new } }

    /// The mount is gone: gives its descriptors back to be closed.
    func detach() -> Places? { places.withLock { places in defer { places = nil }; return places } }

    func stop() {
        parents.stop()
        reserved.stop()
        asking.stop()
    }

    /// Does something that waits for an answer of our own mount's, on a thread that does not keep the device open.
    func ask(_ call: @escaping @Sendable () throws(Errno) -> Void) throws(Errno) {
        let error = asking.perform(nil) { do throws(Errno) { try call(); return nil } catch { return error } }
        if let error { throw error }
    }

    /// One of the places, in the descriptor table of the helper whose thread this is. Held meanwhile, so that the number is not another file's.
    private func own(_ place: KeyPath<Places, CInt> & Sendable) throws(Errno) -> OwnedDescriptor {
        let result = places.withLock { places -> Result<CInt, Errno> in
            guard let places else { return .failure(.badFileDescriptor) }
            do throws(Errno) { return .success(try SystemCalls.open(SystemCalls.path(ofDescriptor: places[keyPath: place]), flags: SystemCalls.pathOnly | O_DIRECTORY).take()) } catch {
                return .failure(error)
            }
        }
        return OwnedDescriptor(try result.get())
    }

    func expectation(thread: UInt32) -> Expectation? { parents.expectation(thread: thread) ?? reserved.expectation(thread: thread) }

    /// Makes `name` in the directory that is at `path` of the mount. Without a mount of our own it is just made.
    func make(_ name: [UInt8], at path: [UInt8]?, parent: UInt64, _ act: @escaping @Sendable () -> Errno?) -> Errno? {
        guard isAttached, let path else { return act() }
        return parents.perform(Expectation(parent: parent, name: name, act: .make(act))) {
            do throws(Errno) {
                let root = try self.own(\.root)
                if path.isEmpty { try SystemCalls.makeNode(name, in: root.rawValue, mode: S_IFREG | 0o444); return nil }
                let directory = try SystemCalls.open(path, beneath: root.rawValue, flags: SystemCalls.pathOnly | O_DIRECTORY)
                try SystemCalls.makeNode(name, in: directory.rawValue, mode: S_IFREG | 0o444)
                return nil
            } catch { return error }
        }
    }

    func make(_ name: [UInt8], in which: Reserved, parent: UInt64, _ act: @escaping @Sendable () -> Errno?) -> Errno? {
        guard isAttached else { return act() }
        return reserved.perform(Expectation(parent: parent, name: name, act: .make(act))) {
            do throws(Errno) {
                let directory = try self.own(which.place)
                try SystemCalls.makeNode(name, in: directory.rawValue, mode: S_IFREG | 0o444)
                return nil
            } catch { return error }
        }
    }

    /// Removes an entry; `without` does it when there is no mount of our own.
    func remove(_ name: [UInt8], in which: Reserved, parent: UInt64, without: () -> Errno?) -> Errno? {
        guard isAttached else { return without() }
        return reserved.perform(Expectation(parent: parent, name: name, act: .remove)) {
            do throws(Errno) {
                let directory = try self.own(which.place)
                try SystemCalls.remove(name, in: directory.rawValue)
                return nil
            } catch { return error }
        }
    }

    /// Looks at the file at `path`, which then shows the kernel `size` instead of its own.
    func show(_ path: [UInt8], node: UInt64, size: UInt64?) {
        guard isAttached else { return }
        _ = parents.perform(Expectation(parent: 0, name: [], act: .show(node: node, size: size))) {
            do throws(Errno) {
                let root = try self.own(\.root)
                _ = try SystemCalls.status(name: path, in: root.rawValue)
                return nil
            } catch { return error }
        }
    }

    private var isAttached: Bool { places.withLock { $0 != nil } }
}
