import BlockLoading
import LinuxSystem

/// Runs asynchronous work from a thread of the test's own, and waits for it.
func waitFor<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) -> Value {
    let done = Condition<Value?>(nil)
    Task.detached {
        let value = await body()
        done.update { $0 = value }
    }
    return done.wait { $0 }!
}

/// Runs `body` on `count` threads, with their numbers, and suspends until all have ended.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) async {
    await withTaskGroup(of: Void.self) { group in
        for number in 0..<count {
            group.addTask {
                await withCheckedContinuation { continuation in
                    Thread(name: "test-\(number)", stackSize: 2 << 20) {
                        body(number)
                        continuation.resume()
                    }.detach()
                }
            }
        }
    }
}

/// A source that several packages use one after the other: closing one of them leaves it open.
struct SharedSource: RangeSource {
    let base: any RangeSource
    var name: String { base.name }
    func read(path: [UInt8], offset: UInt64, length: Int, options: ReadOptions) async throws(SourceError) -> [UInt8] {
        try await base.read(path: path, offset: offset, length: length, options: options)
    }
    func readUpTo(path: [UInt8], offset: UInt64, length: Int) async throws(SourceError) -> [UInt8] {
        try await base.readUpTo(path: path, offset: offset, length: length)
    }
    func shutdown() async {}
}
