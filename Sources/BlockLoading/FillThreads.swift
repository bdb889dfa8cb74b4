import DequeModule
import LinuxSystem
import VolumeCore

/// The threads on which fetched bytes are decoded, hashed and stored: `LoadTarget.deliver` takes milliseconds and waits
/// for the disk, so it never runs on the cooperative pool. The most urgent delivery goes first.
final class FillThreads: Sendable {
    struct Job: Sendable {
        var part: Fetch.Part
        var bytes: FetchedBytes
    }
    private struct State {
        var queues: [Deque<Job>] = .init(repeating: [], count: LoadPriority.allCases.count)
        var stopping = false
    }
    private let state = Condition(State())
    private let threads: [Thread]

    /// Starts `count` threads that run `body` for each job.
    init(count: Int, _ body: @escaping @Sendable (Job) -> Void) {
        let state = self.state
        threads = (0..<max(1, count)).map { number in
            Thread(name: "incfs-fill-\(number)") {
                while let job = Self.next(state) { body(job) }
            }
        }
    }

    func enqueue(_ job: Job, _ priority: LoadPriority) {
        state.updateForOne { $0.queues[Int(priority.rawValue)].append(job) }
    }

    /// Moves the unit's job, if it still waits, to the end of `priority`'s queue.
    func hurry(_ unit: LoadUnit, to priority: LoadPriority) {
        state.withLock { state in
            for i in state.queues.indices where i > Int(priority.rawValue) {
                guard let at = state.queues[i].firstIndex(where: { $0.part.unit == unit }) else { continue }
                state.queues[Int(priority.rawValue)].append(state.queues[i].remove(at: at))
                return
            }
        }
    }

    /// Drops what waits, and returns when what runs has ended. Blocks.
    func stop() {
        state.update { $0.stopping = true }
        for thread in threads { thread.join() }
    }

    private static func next(_ state: Condition<State>) -> Job? {
        let job: Job?? = state.wait { state -> Job?? in
            if state.stopping { return .some(nil) }
            for i in state.queues.indices {
                if let job = state.queues[i].popFirst() { return job }
            }
            return nil
        }
        return job ?? nil
    }
}

/// What one request brought, shared by its units.
final class FetchedBytes: Sendable {
    let bytes: [UInt8]
    init(_ bytes: [UInt8]) { self.bytes = bytes }
}
