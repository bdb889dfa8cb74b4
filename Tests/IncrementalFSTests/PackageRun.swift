import BlockLoading
import BlockStore
import Integrity
import LinuxSystem
import PackageFormat
import Synchronization
import VolumeTesting
@testable import IncrementalFS
@testable import VolumeCore

/// A package opened over a store as the daemon opens it, read to the end of every file, waiting where it must.
final class PackageRun: VolumeDelegate, Sendable {
    struct Outcome: Sendable {
        /// For each file with content: its bytes, or the error.
        var files: [String: Result<[UInt8], Errno>] = [:]
        var corruptDeliveries: UInt64 = 0
        var corruptBlocks: UInt64 = 0
        var events: [String] = []
        func said(_ text: String) -> Bool { events.contains { $0.contains(text) } }
    }
    /// A read was not answered within twenty seconds.
    struct Silence: Error { var path: String }

    private let answers = Condition<[UInt64: Result<[UInt8], Errno>]>([:])
    private let events = Mutex<[String]>([])
    private let opened = Mutex<OpenedPackage?>(nil)

    /// Called on a thread of the test's own.
    static func run(_ package: PublishedPackage, source: any RangeSource, store: FilePath, pin: Digest?) throws -> Outcome {
        let run = PackageRun()
        return try run.read(package, source, try PlainStore(directory: store), pin)
    }

    private func read(_ published: PublishedPackage, _ source: any RangeSource, _ store: PlainStore, _ pin: Digest?) throws -> Outcome {
        var options = OpenOptions()
        options.fill = false
        // Refetch at once: how patient the loader is is another test's business.
        options.loader.backOffBase = 1
        options.loader.backOffLimit = 2
        options.onEvent = { [weak self] event in self?.events.withLock { $0.append(event.message) } }
        let settings = options
        let result = waitFor { () -> Result<OpenedPackage, OpenError> in
            do throws(OpenError) {
                return .success(try await OpenedPackage.open(address: source.name, pin: pin, source: source, store: store, options: settings))
            } catch { return .failure(error) }
        }
        let package = try result.get()
        opened.withLock { $0 = package }
        defer {
            package.volume.dropPending()
            package.volume.setDelegate(nil)
            waitFor { await package.stop() }
            opened.withLock { $0 = nil }
        }
        let volume = package.volume
        volume.setDelegate(self)
        package.start()
        var outcome = Outcome()
        var unique: UInt64 = 2
        var waiting: [(UInt64, String)] = []
        for file in published.files where !file.bytes.isEmpty {
            let number = volume.node(atPath: Array(file.path.utf8))!
            volume.park(
                PendingRead(
                    unique: unique, descriptor: -1, processID: 0, node: UInt32(number), object: volume.tree.node(number).objectNumber!, offset: 0,
                    size: UInt32(file.bytes.count + 10), isDirect: true, since: .now, deadline: nil))
            waiting.append((unique, file.path))
            unique += 2
        }
        for (unique, path) in waiting {
            guard let answer = answers.wait(until: MonotonicTime.now.adding(milliseconds: 20_000), { $0[unique] }) else { throw Silence(path: path) }
            outcome.files[path] = answer
        }
        outcome.corruptDeliveries = volume.statistics.corruptDeliveries.load(ordering: .relaxed)
        outcome.corruptBlocks = volume.statistics.corruptBlocks.load(ordering: .relaxed)
        outcome.events = events.withLock { $0 }
        return outcome
    }

    func answer(_ reads: [PendingRead]) {
        guard let volume = opened.withLock({ $0 })?.volume else { return }
        for read in reads {
            var bytes = [UInt8](repeating: 0xEE, count: Int(read.size))
            switch bytes.withUnsafeMutableBytes({ volume.read(node: volume.tree.node(Int(read.node)), at: 0, into: $0) }) {
            case .bytes(let count): finish(read, .success(Array(bytes[..<count])))
            case .missing: volume.park(read)
            case .failed(let error): finish(read, .failure(error))
            }
        }
    }

    func fail(_ read: PendingRead, errno: Errno) { finish(read, .failure(errno)) }

    private func finish(_ read: PendingRead, _ result: Result<[UInt8], Errno>) { answers.update { $0[read.unique] = result } }
}
