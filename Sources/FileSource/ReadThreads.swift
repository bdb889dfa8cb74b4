import BlockLoading
import DequeModule
import LinuxSystem

/// Threads for reads that block: a disk or a network file system may take its time, the cooperative pool may not.
final class ReadThreads: Sendable {
    private struct State {
        var work: Deque<@Sendable () -> Void> = []
        var stopping = false
    }
    private let state = Condition(State())
    private let threads: [Thread]

    init(count: Int) {
        let state = self.state
        threads = (0..<count).map { number in
            Thread(name: "incfs-file-\(number)") {
                while let work = Self.next(state) { work() }
            }
        }
    }

    /// Runs `body` on one of the threads; nil once they are stopped.
    func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value? {
        await withCheckedContinuation { continuation in
            let accepted = state.updateForOne { state in
                if state.stopping { return false }
                state.work.append { continuation.resume(returning: body()) }
                return true
            }
            if !accepted { continuation.resume(returning: nil) }
        }
    }

    /// Lets the threads end when the work is done; does not wait for them.
    func stop() {
        state.update { $0.stopping = true }
        for thread in threads { thread.detach() }
    }

    private static func next(_ state: Condition<State>) -> (@Sendable () -> Void)? {
        let work: (@Sendable () -> Void)?? = state.wait { state in
            if let work = state.work.popFirst() { return .some(work) }
            return state.stopping ? .some(nil) : nil
        }
        return work ?? nil
    }
}
