import BlockCodec
import Integrity
import LinuxSystem

/// A piece of publishing that can run on any thread.
class Work: @unchecked Sendable {
    // Safety: the coordinator fills the object before `submit`, one worker until it is done, the coordinator reads it after `wait`;
    // the pool's lock orders these, and guards `isDone`.
    fileprivate var isDone = false
    /// Runs on a worker.
    func run(_ tools: WorkerTools) {}
}

/// What each worker keeps from piece to piece.
final class WorkerTools {
    let compressor: ZstdCompressor
    let tree = VerityTreeBuilder()
    let scratch: UnsafeMutableRawBufferPointer

    init(level: Int, chunkSize: Int) {
        compressor = ZstdCompressor(level: level)
        scratch = .allocate(byteCount: chunkSize, alignment: 4096)
    }

    deinit { scratch.deallocate() }
}

/// Threads that work off pieces in the order of their submission. The coordinator waits for each piece by itself, so that results
/// are used in its order, not in the order of completion.
final class WorkPool {
    private struct State {
        /// What waits to be run; nil where a worker has taken it, so that finished work is not kept alive.
        var queue: [Work?] = []
        var head = 0
        var isClosed = false
    }
    private let state = Condition(State())
    private var threads: [Thread] = []
    let threadCount: Int

    init(threads count: Int, level: Int, chunkSize: Int) {
        threadCount = count
        let state = state
        for number in 0..<count {
            threads.append(Thread(name: "publish-\(number)", stackSize: 1 << 20) {
                let tools = WorkerTools(level: level, chunkSize: chunkSize)
                while let work = Self.next(state) {
                    work.run(tools)
                    state.update { _ in work.isDone = true }
                }
            })
        }
    }

    func submit(_ work: Work) { state.update { $0.queue.append(work) } }

    /// Blocks until `work` has run.
    func wait(_ work: Work) { _ = state.wait { _ in work.isDone ? true : nil } }

    /// Drops what has not started, and waits for the threads to end. Call once.
    func close() {
        state.update { state in
            state.isClosed = true
            state.queue.removeAll()
            state.head = 0
        }
        for thread in threads { thread.join() }
    }

    private static func next(_ state: Condition<State>) -> Work? {
        state.wait { state -> Work?? in
            if state.isClosed { return .some(nil) }
            guard state.head < state.queue.count else { return nil }
            let work = state.queue[state.head]
            state.queue[state.head] = nil
            state.head += 1
            if state.head > 256 { state.queue.removeFirst(state.head); state.head = 0 }
            return work.map { .some($0) }
        } ?? nil
    }
}
