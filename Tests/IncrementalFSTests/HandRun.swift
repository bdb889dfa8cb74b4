import BlockStore
import LinuxSystem
import PackageFormat
import Synchronization
import VolumeTesting
@testable import IncrementalFS
@testable import VolumeCore

/// The same as `PackageRun` without threads: an open store, a volume, and an origin that gives at once what is asked for.
enum HandRun {
    private final class Events: Sendable {
        let list = Mutex<[String]>([])
    }

    /// Returns also the files that were asked for; the envelope is "".
    static func run(_ package: PublishedPackage, store directory: FilePath) throws -> (PackageRun.Outcome, Set<String>) {
        let store = try PlainStore(directory: directory)
        let cache = PackageCache(store: directory)
        var fetched: Set<String> = []
        var head = cache.head(root: package.summary.root)
        if head == nil {
            fetched.insert("")
            head = package.head
        }
        let events = Events()
        var configuration = VolumeConfiguration()
        configuration.indexCache = try cache.indexFile(root: package.summary.root)
        configuration.onEvent = { event in events.list.withLock { $0.append(event.message) } }
        let volume = PackageVolume(head: head!, store: store, configuration: configuration)
        let loader = HandLoader(package, volume)
        for page in 0..<volume.index.pageCount where !volume.index.isInstalled(page) {
            fetched.insert("")
            loader.deliver(LoadUnit(.indexPage, UInt64(page)))
        }
        var outcome = PackageRun.Outcome()
        for file in package.files where !file.bytes.isEmpty {
            let node = volume.tree.node(loader.node(file.path))
            var bytes = [UInt8](repeating: 0xEE, count: file.bytes.count + 10)
            // What is missing is fetched as for a waiting reader; each time may bring to light what the one before hid.
            for _ in 0..<6 {
                let result = bytes.withUnsafeMutableBytes { volume.read(node: node, at: 0, into: $0) }
                if case .bytes(let count) = result { outcome.files[file.path] = .success(Array(bytes[..<count])) }
                if case .failed(let error) = result { outcome.files[file.path] = .failure(error) }
                guard case .missing = result, case .ready(let object) = volume.resolve(node.objectNumber!) else { break }
                for chunk in object.chunks(in: 0..<node.size) where !object.ranges(ofChunk: chunk).allSatisfy({ object.stored.isPresent(bytes: $0) }) {
                    fetched.insert(String(decoding: volume.location(of: LoadUnit(.chunk, chunk))!.path, as: UTF8.self))
                    loader.deliver(LoadUnit(.chunk, chunk))
                }
            }
        }
        outcome.corruptDeliveries = volume.statistics.corruptDeliveries.load(ordering: .relaxed)
        outcome.corruptBlocks = volume.statistics.corruptBlocks.load(ordering: .relaxed)
        outcome.events = events.list.withLock { $0 }
        return (outcome, fetched)
    }
}
