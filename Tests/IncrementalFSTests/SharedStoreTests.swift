import BlockLoading
import BlockStore
import LinuxSystem
import Synchronization
import Testing
import VolumeTesting
@testable import VolumeCore

/// Two mounts over one store.
@Suite struct SharedStoreTests {
    private final class Answers: VolumeDelegate {
        let answered = Condition<Set<UInt64>>([])
        func answer(_ reads: [PendingRead]) { answered.update { for read in reads { $0.insert(read.unique) } } }
        func fail(_ read: PendingRead, errno: Errno) {}
    }
    /// An origin that takes a request and never answers it.
    private struct SilentSource: RangeSource {
        let name = "silent"
        func read(path: [UInt8], offset: UInt64, length: Int, options: ReadOptions) async throws(SourceError) -> [UInt8] {
            do { try await Task.sleep(for: .seconds(3600)) } catch {}
            throw SourceError(.temporary, "cancelled")
        }
        func readUpTo(path: [UInt8], offset: UInt64, length: Int) async throws(SourceError) -> [UInt8] {
            try await read(path: path, offset: offset, length: length, options: ReadOptions())
        }
        func shutdown() async {}
    }

    /// The block comes through the other mount between the moment when a reader asks for it and that when his loader looks
    /// for it: the loader has nothing to do, and the reader is answered.
    @Test func aReaderIsWokenByWhatAnotherMountBrings() async throws {
        var random = Generator(seed: 21)
        let package = try PublishedPackage([SourceFile("file", random.noise(40_000))], chunkSize: 4096)
        let directory = TemporaryDirectory()
        let store = try PlainStore(directory: directory.path)
        let first = HandLoader(package, PackageVolume(head: package.head, store: store, configuration: VolumeConfiguration()))
        let second = HandLoader(package, PackageVolume(head: package.head, store: store, configuration: VolumeConfiguration()))
        first.deliverIndex()
        second.deliverIndex()
        let answers = Answers()
        second.volume.setDelegate(answers)
        defer { second.volume.setDelegate(nil) }
        let node = second.node("file")
        second.volume.park(
            PendingRead(
                unique: 2, descriptor: -1, processID: 0, node: UInt32(node), object: second.volume.tree.node(node).objectNumber!, offset: 8192,
                size: 4096, isDirect: true, since: .now, deadline: nil))
        #expect(answers.answered.withLock { $0.isEmpty })
        first.deliverEverything()
        let loader = BlockLoader(target: second.volume, queue: second.volume.requests, source: SilentSource())
        let task = Task.detached { await loader.run() }
        let woken = await Task.detached {
            await withCheckedContinuation { continuation in
                Thread(name: "waiter") {
                    continuation.resume(returning: answers.answered.wait(until: MonotonicTime.now.adding(milliseconds: 10_000)) { $0.contains(2) ? true : nil } ?? false)
                }.detach()
            }
        }.value
        #expect(woken, "the reader waits for a block that is there")
        task.cancel()
        await task.value
    }
}
