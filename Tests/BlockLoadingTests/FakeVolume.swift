import BlockLoading
import Glibc
import LinuxSystem
import Synchronization
import VolumeCore

/// A volume in memory: `count` chunks of `size` bytes in one pack, each checked byte by byte.
final class FakeVolume: LoadTarget {
    struct State {
        var present: Set<UInt64> = []
        var deliveries: [UInt64] = []
        var failures: [UInt64: String] = [:]
        var reasons: [String?] = []
        var storageError: Int32?
        var room: UInt64?
        var indexLoaded = true
        var onThreads: Set<String> = []
        /// Called at each failure, on the thread that tells of it.
        var onFailure: @Sendable () -> Void = {}
    }
    let count: UInt64
    let size: Int
    let state = Condition(State())

    init(count: UInt64, size: Int = 1000) {
        self.count = count
        self.size = size
    }

    static func byte(_ position: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: position &* 31 &+ position >> 8) }
    var pack: [UInt8] { (0..<count * UInt64(size)).map(Self.byte) }

    func location(of unit: LoadUnit) -> UnitLocation? {
        if unit.kind == .indexPage { return UnitLocation(path: [], offset: 0, length: 16) }
        if !state.withLock({ $0.indexLoaded }) { return nil }
        return UnitLocation(path: Array("pack".utf8), offset: unit.index * UInt64(size), length: size)
    }
    func indexPage(forChunk chunk: UInt64) -> LoadUnit { LoadUnit(.indexPage, 0) }
    func found(_ unit: LoadUnit) {}
    func roomForFill() -> UInt64? { state.withLock { $0.room } }

    func isPresent(_ unit: LoadUnit) -> Bool {
        state.withLock { unit.kind == .indexPage ? $0.indexLoaded : $0.present.contains(unit.index) }
    }
    func deliver(_ unit: LoadUnit, _ bytes: UnsafeRawBufferPointer, source: String) -> Delivery {
        state.update { state in
            if let error = state.storageError { return .storageFailed(error) }
            if unit.kind == .indexPage { state.indexLoaded = true; return .stored }
            let start = unit.index * UInt64(size)
            if bytes.count != size || bytes.indices.contains(where: { bytes[$0] != Self.byte(start + UInt64($0)) }) { return .corrupt }
            state.deliveries.append(unit.index)
            state.present.insert(unit.index)
            return .stored
        }
    }
    func fail(_ unit: LoadUnit, errno: Int32, reason: String) {
        state.withLock { $0.onFailure }()
        state.update { $0.failures[unit.index] = reason }
    }
    func nextMissing(after cursor: inout UInt64, limit: Int) -> [LoadUnit] {
        state.withLock { state in
            var found: [LoadUnit] = []
            while cursor < count, found.count < limit {
                if !state.present.contains(cursor) { found.append(LoadUnit(.chunk, cursor)) }
                cursor += 1
            }
            return found
        }
    }
    func setWaitReason(_ reason: String?) { state.update { $0.reasons.append(reason) } }

    /// Waits on a thread of its own until `condition` holds; false after 10 s.
    func wait(_ condition: @escaping @Sendable (State) -> Bool) async -> Bool {
        await withCheckedContinuation { continuation in
            Thread(name: "test-wait") {
                let deadline = MonotonicTime.now.adding(milliseconds: 10_000)
                continuation.resume(returning: self.state.wait(until: deadline) { condition($0) ? true : nil } ?? false)
            }.detach()
        }
    }
}

/// Looks every millisecond, on a thread of its own, until `condition` holds; false after 10 s. A test that spun on the
/// cooperative pool would starve what it waits for.
func eventually(_ condition: @escaping @Sendable () -> Bool) async -> Bool {
    await withCheckedContinuation { continuation in
        Thread(name: "test-wait") {
            for _ in 0..<10_000 {
                if condition() { return continuation.resume(returning: true) }
                usleep(1000)
            }
            continuation.resume(returning: false)
        }.detach()
    }
}

/// A source over a `FakeVolume`'s pack that fails as it is told.
final class FakeSource: RangeSource {
    struct State {
        var error: SourceError?
        /// Answers still to be damaged.
        var damage = 0
        var short = false
        var hang = false
        var reads: [(offset: UInt64, length: Int, bypass: Bool)] = []
        var running = 0
        var most = 0
    }
    let name = "fake://origin"
    let state = Condition(State())
    private let pack: [UInt8]

    init(_ volume: FakeVolume) { pack = volume.pack }

    func read(path: [UInt8], offset: UInt64, length: Int, options: ReadOptions) async throws(SourceError) -> [UInt8] {
        let (error, damage, short, hang) = state.update { state in
            state.reads.append((offset, length, options.bypassCaches))
            state.running += 1
            state.most = max(state.most, state.running)
            let damage = state.damage > 0
            if damage { state.damage -= 1 }
            return (state.error, damage, state.short, state.hang)
        }
        defer { state.update { $0.running -= 1 } }
        if hang {
            try? await Task.sleep(for: .seconds(3600))
            throw SourceError(.temporary, "cancelled")
        }
        await Task.yield()
        if let error { throw error }
        var bytes = path.isEmpty ? [UInt8](repeating: 0, count: length) : Array(pack[Int(offset)..<Int(offset) + length])
        if damage { bytes[0] ^= 1 }
        if short { bytes.removeLast() }
        return bytes
    }
    func readUpTo(path: [UInt8], offset: UInt64, length: Int) async throws(SourceError) -> [UInt8] { try await read(path: path, offset: offset, length: length) }
    func shutdown() async {}
}
