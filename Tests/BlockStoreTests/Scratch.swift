import BlockStore
import Glibc
import Integrity
import LinuxSystem
import PageCacheTesting

/// A store directory that ends with the test, and ways to treat it badly.
final class Scratch: Sendable {
    let directory: FilePath

    /// In memory where there is such a file system, because syncing a disk thousands of times takes minutes; on the disk for
    /// tests that drop pages from the page cache or write below it.
    init(onDisk: Bool = false) {
        let parent = !onDisk && access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/var/tmp"
        var template = Array("\(parent)/incfs-store-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!) != nil }
        precondition(made, "mkdtemp failed in \(parent): errno \(errno)")
        directory = template.withUnsafeBufferPointer { FilePath(platformString: $0.baseAddress!) }
    }

    deinit { try? SystemCalls.removeTree(directory) }

    static let bootA = BootID(high: 1, low: 2)
    static let bootB = BootID(high: 3, low: 4)

    func open(boot: BootID = Scratch.bootA, verify: Bool = true, change: (inout StoreOptions) -> Void = { _ in }) throws -> PlainStore {
        var options = StoreOptions()
        options.boot = boot
        options.verify = verify
        change(&options)
        return try PlainStore(directory: directory, options: options)
    }

    func path(_ relative: String) -> FilePath { directory.pushing(FilePath(relative)) }

    func complete(_ id: Digest) -> FilePath { path("objects/\(id.description.prefix(2))/\(id)") }
    func leaves(_ id: Digest) -> FilePath { path("objects/\(id.description.prefix(2))/\(id).leaves") }
    func data(_ id: Digest) -> FilePath { path("partial/\(id.description.prefix(2))/\(id)") }
    func side(_ id: Digest) -> FilePath { path("partial/\(id.description.prefix(2))/\(id).side") }

    static func exists(_ path: FilePath) -> Bool { (try? SystemCalls.status(of: path, followSymbolicLinks: false)) != nil }

    /// Every regular file of the store.
    func files() throws -> [FilePath] {
        var found: [FilePath] = []
        func visit(_ path: FilePath) throws {
            for name in try SystemCalls.list(path).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
                let child = path.appending(bytes: name)
                if try SystemCalls.status(of: child, followSymbolicLinks: false).kind == .directory { try visit(child) } else { found.append(child) }
            }
        }
        try visit(directory)
        return found
    }

    static func contents(_ path: FilePath) throws -> [UInt8] {
        let file = try SystemCalls.open(path, flags: O_RDONLY)
        var bytes = [UInt8](repeating: 0, count: Int(try SystemCalls.status(of: file.rawValue).size))
        _ = try bytes.withUnsafeMutableBytes { try SystemCalls.preadAll(file.rawValue, into: $0, at: 0) }
        return bytes
    }

    static func write(_ bytes: [UInt8], to path: FilePath) throws {
        let file = try SystemCalls.open(path, flags: O_RDWR | O_CREAT | O_TRUNC)
        try bytes.withUnsafeBytes { try SystemCalls.pwriteAll(file.rawValue, $0, at: 0) }
    }

    static func overwrite(_ path: FilePath, _ bytes: [UInt8], at offset: UInt64) throws {
        let file = try SystemCalls.open(path, flags: O_RDWR)
        try bytes.withUnsafeBytes { try SystemCalls.pwriteAll(file.rawValue, $0, at: offset) }
    }

    static func flip(_ path: FilePath, at offset: UInt64, mask: UInt8 = 0x40) throws {
        let file = try SystemCalls.open(path, flags: O_RDWR)
        var byte: [UInt8] = [0]
        _ = try byte.withUnsafeMutableBytes { try SystemCalls.preadAll(file.rawValue, into: $0, at: offset) }
        byte[0] ^= mask
        try byte.withUnsafeBytes { try SystemCalls.pwriteAll(file.rawValue, $0, at: offset) }
    }

    static func truncate(_ path: FilePath, to size: UInt64) throws {
        let file = try SystemCalls.open(path, flags: O_RDWR)
        try SystemCalls.truncate(file.rawValue, to: size)
    }

    /// Writes the file back and drops its pages.
    static func dropCache(_ path: FilePath) throws {
        let file = try SystemCalls.open(path, flags: O_RDWR)
        try PageCache.drop(file.rawValue)
    }
}

/// Content with its name.
struct Sample: Sendable {
    let bytes: [UInt8]
    let id: Digest
    var size: UInt64 { UInt64(bytes.count) }
    var blocks: Int { (bytes.count + 4095) / 4096 }

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        id = bytes.withUnsafeBytes { VerityDigest.contentDigest(of: $0) }
    }

    /// Bytes that differ from block to block and from seed to seed.
    init(count: Int, seed: UInt64) {
        var random = Generator(seed: seed)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 8)
        while bytes.count < count { withUnsafeBytes(of: random.next()) { bytes.append(contentsOf: $0) } }
        bytes.removeLast(bytes.count - count)
        self.init(bytes)
    }

    func slice(_ blocks: Range<Int>) -> ArraySlice<UInt8> { bytes[(blocks.lowerBound * 4096)..<min(bytes.count, blocks.upperBound * 4096)] }

    @discardableResult
    func fill(_ object: StoredObject, _ blocks: Range<Int>) throws -> Int {
        try slice(blocks).withUnsafeBytes { try object.fill($0, at: UInt64(blocks.lowerBound) * 4096) }
    }

    @discardableResult
    func fillAll(_ object: StoredObject) throws -> Int { try fill(object, 0..<blocks) }
}

extension StoredObject {
    /// Reads into an array.
    func read(_ range: Range<Int>) -> (StoreRead, [UInt8]) {
        var bytes = [UInt8](repeating: 0xee, count: range.count)
        let result = bytes.withUnsafeMutableBytes { read(into: $0, at: UInt64(range.lowerBound)) }
        if case .bytes(let count) = result { bytes.removeLast(bytes.count - count) }
        return (result, bytes)
    }
}

/// SplitMix64: the same numbers from the same seed everywhere.
struct Generator: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}
