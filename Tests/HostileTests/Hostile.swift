import BlockLoading
import BlockStore
import Glibc
import Integrity
import LinuxSystem
import PackageFormat
import Synchronization
import Testing
import VolumeTesting
@testable import IncrementalFS
@testable import VolumeCore

/// An origin in memory: gives what the test put there.
struct MemorySource: RangeSource {
    let name = "memory"
    var files: [[UInt8]: [UInt8]]

    func read(path: [UInt8], offset: UInt64, length: Int, options: ReadOptions) async throws(SourceError) -> [UInt8] {
        let bytes = try await readUpTo(path: path, offset: offset, length: length)
        guard bytes.count == length else { throw SourceError(.final(errno: EIO), "too short") }
        return bytes
    }

    func readUpTo(path: [UInt8], offset: UInt64, length: Int) async throws(SourceError) -> [UInt8] {
        guard let file = files[path] else { throw SourceError(.final(errno: EIO), "there is no \(String(decoding: path, as: UTF8.self))") }
        guard offset < UInt64(file.count) else { return [] }
        return Array(file[Int(offset)..<min(file.count, Int(offset) + length)])
    }
    func shutdown() async {}
}

/// An envelope that is taken apart, changed, and put together with digests that are right again, so that the checks behind
/// them are reached.
struct Envelope {
    static let prefixLength = 128, treeSection = 104, digestsSection = 160, indexSection = 216

    var prefix: [UInt8]
    var manifest: [UInt8]
    /// Decoded.
    var tree: [UInt8]
    var index: [UInt8]

    init(_ bytes: [UInt8]) throws {
        prefix = Array(bytes[..<128])
        manifest = Array(bytes[128..<128 + Int(bytes.little32(16))])
        let body = 128 + manifest.count
        let stored = Array(bytes[body..<body + Int(manifest.little64(Self.treeSection + 8))])
        tree = try Codec.decompress(stored, count: Int(manifest.little64(Self.treeSection + 16)))
        let start = body + Int(manifest.little64(Self.indexSection))
        index = Array(bytes[start..<start + Int(manifest.little64(Self.indexSection + 8))])
    }

    /// `fixing` recomputes the manifest's records of the sections; without it only their digests.
    func encoded(fixingLengths: Bool = true) -> [UInt8] {
        let stored = Codec.compress(tree)
        var digests: [UInt8] = []
        for page in stride(from: 0, to: index.count, by: 65536) { digests += Codec.digest(Array(index[page..<min(index.count, page + 65536)])) }
        var manifest = manifest
        manifest.put(Codec.digest(stored), at: Self.treeSection + 24)
        manifest.put(Codec.digest(digests), at: Self.digestsSection + 24)
        manifest.put(Codec.digest(index), at: Self.indexSection + 24)
        if fixingLengths {
            for (section, values) in [
                (Self.treeSection, [0, stored.count, tree.count]), (Self.digestsSection, [stored.count, digests.count, digests.count]),
                (Self.indexSection, [stored.count + digests.count, index.count, index.count]),
            ] { for (i, value) in values.enumerated() { manifest.put(UInt64(value), at: section + i * 8) } }
        }
        var prefix = prefix
        prefix.put(UInt32(manifest.count), at: 16)
        return prefix + manifest + stored + digests + index
    }
}

extension [UInt8] {
    func little32(_ at: Int) -> UInt32 { withUnsafeBytes { $0.loadUnaligned(fromByteOffset: at, as: UInt32.self) } }
    func little64(_ at: Int) -> UInt64 { withUnsafeBytes { $0.loadUnaligned(fromByteOffset: at, as: UInt64.self) } }
    mutating func put<T: FixedWidthInteger>(_ value: T, at: Int) { Swift.withUnsafeBytes(of: value.littleEndian) { replaceSubrange(at..<at + $0.count, with: $0) } }
    mutating func put(_ bytes: [UInt8], at: Int) { replaceSubrange(at..<at + bytes.count, with: bytes) }
}

/// What became of a package that may be hostile.
enum Verdict {
    /// It was refused when it was opened.
    case refused(OpenError)
    /// It was opened; for each file what a reader got.
    case opened([String: FileVerdict])
}
enum FileVerdict: Equatable {
    case bytes([UInt8]), failed(Int32)
    /// It waits for bytes that the origin does not have right.
    case waits
}

/// Opens packages as the daemon does, brings everything that is asked for, and reads every file.
final class Victim {
    /// The store lies in a directory of its own inside; nothing else in there may change.
    private let outer = TemporaryDirectory()
    /// A refused package leaves nothing in the store: the next one may have it.
    private var store: PlainStore?

    static func meet(_ files: [[UInt8]: [UInt8]], pin: Digest? = nil) async throws -> Verdict { try await Victim().meet(files, pin: pin) }

    func meet(_ files: [[UInt8]: [UInt8]], pin: Digest? = nil) async throws -> Verdict {
        let directory = outer.appending("store")
        let store = try self.store ?? PlainStore(directory: directory)
        self.store = store
        let package: OpenedPackage
        do throws(OpenError) {
            package = try await OpenedPackage.open(address: "memory", pin: pin, source: MemorySource(files: files), store: store, options: OpenOptions())
        } catch {
            #expect(!error.message.isEmpty && error.message.utf8.count < 1000)
            return .refused(error)
        }
        defer {
            self.store = nil
            let names = (try? SystemCalls.list(outer.path)) ?? []
            #expect(names.map { String(decoding: $0, as: UTF8.self) } == ["store"], "something was written outside of the store")
            try? SystemCalls.removeTree(directory)
        }
        return .opened(Self.read(package.volume, files))
    }

    private final class Answers: VolumeDelegate {
        let failed = Mutex<[UInt64: Int32]>([:])
        let ready = Mutex<Set<UInt64>>([])
        func answer(_ reads: [PendingRead]) { ready.withLock { for read in reads { $0.insert(read.unique) } } }
        func fail(_ read: PendingRead, errno: Errno) { failed.withLock { $0[read.unique] = errno.rawValue } }
    }

    /// What the loader would bring: every request is answered from `files`, wrong bytes fail for good.
    private static func read(_ volume: PackageVolume, _ files: [[UInt8]: [UInt8]]) -> [String: FileVerdict] {
        func serve(_ unit: LoadUnit) {
            guard let place = volume.location(of: unit) else { return volume.fail(unit, errno: EIO, reason: "nobody knows where it lies") }
            guard let file = files[place.path], place.offset <= UInt64(file.count), place.length <= file.count - Int(place.offset) else {
                return volume.fail(unit, errno: EIO, reason: "the origin does not have it")
            }
            let bytes = Array(file[Int(place.offset)..<Int(place.offset) + place.length])
            if bytes.withUnsafeBytes({ volume.deliver(unit, $0, source: "memory") }) == .corrupt { volume.fail(unit, errno: EIO, reason: "wrong three times") }
        }
        let answers = Answers()
        volume.setDelegate(answers)
        defer { volume.setDelegate(nil) }
        for page in 0..<min(volume.index.pageCount, 8) { serve(LoadUnit(.indexPage, UInt64(page))) }
        var result: [String: FileVerdict] = [:]
        for number in 0..<min(volume.tree.nodeCount, 64) {
            let node = volume.tree.node(number)
            guard node.kind == .regular, let object = node.objectNumber else { continue }
            let path = String(decoding: volume.tree.path(of: number), as: UTF8.self)
            let unique = UInt64(number) * 2 + 2
            let size = Int(min(node.size, 100_000))
            // Both ends: a hostile size is mostly one that nobody can hold.
            var stuck = false
            for offset in [0, node.size > UInt64(size) ? (node.size - 4096) & ~4095 : 0] {
                volume.park(
                    PendingRead(
                        unique: unique, descriptor: -1, processID: 0, node: UInt32(number), object: object, offset: offset, size: UInt32(size), isDirect: true,
                        since: .now, deadline: nil))
                for _ in 0..<64 {
                    let demands = Set(volume.requests.drain().filter { $0.priority == .demand }.map(\.unit))
                    if demands.isEmpty { break }
                    for unit in demands { serve(unit) }
                }
                // Nothing is asked for any more, and it still waits: it would wait for ever.
                if volume.interrupt(unique: unique) { stuck = true }
            }
            var bytes = [UInt8](repeating: 0xEE, count: size)
            switch bytes.withUnsafeMutableBytes({ volume.read(node: node, at: 0, into: $0) }) {
            case .bytes(let count): result[path] = .bytes(Array(bytes[..<count]))
            case .failed(let error): result[path] = .failed(error.rawValue)
            case .missing: result[path] = answers.failed.withLock { $0[unique] }.map { .failed($0) } ?? .waits
            }
            if stuck { result[path] = .waits }
            _ = volume.seek(node: node, from: 0, whence: 4)
            _ = volume.seek(node: node, from: node.size - 1, whence: 3)
        }
        // What the background fill, a person and the check of a whole store would do.
        var cursor: UInt64 = 0
        for _ in 0..<64 {
            let units = volume.nextMissing(after: &cursor, limit: 64)
            if units.isEmpty { break }
            for unit in units { serve(unit) }
        }
        _ = volume.status()
        // Each fifth, for time's sake; and nobody waits for a terabyte of zeros to be hashed.
        if Int.random(in: 0..<5) == 0, (0..<volume.tree.nodeCount).allSatisfy({ volume.tree.node($0).size < 1 << 24 }) {
            for number in 0..<volume.objectCount {
                if case .ready(let object) = volume.resolve(UInt32(number)) { _ = try? object.stored.completeIfFull() }
            }
            _ = volume.files()
            _ = volume.verify { _, _ in true }
        }
        return result
    }
}
