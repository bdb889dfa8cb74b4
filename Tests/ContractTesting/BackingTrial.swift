import BackingCheck
import ContractVolume
import Glibc
import Integrity
import LinuxSystem

/// Bytes as a backing file, given to the volume and to the strict reader: neither crashes, and they agree.
///
/// What the reader finds no damage in, the volume opens, and reads every stored block of. (Not the other way round: the reader also
/// calls damage what the volume has no need to look at, as bytes that belong to two things.) A fill that fails changes nothing; one that succeeds
/// can be read and leaves no damage; a repair loses no block.
public final class BackingTrial: Trial {
    public static var name: String { "backing" }
    private let place: FilePath
    private let directory: BackingDirectory
    static let source = FileID(low: 0x1111, high: 0x2222), own = FileID(low: 0x3333, high: 0x4444)
    /// Blocks looked at from the start of a file, and from its end.
    private static let looked: UInt32 = 48

    public init(scratch: FilePath) throws {
        place = scratch.appending("backing")
        try SystemCalls.makeDirectories(place)
        directory = try BackingDirectory(place)
        try Scratch.write([], to: place.appending("source"))
        let file = try SystemCalls.open(place.appending("source"), flags: O_RDWR)
        try VolumeFile.initialize(file.rawValue, id: Self.source, size: 20_000, signature: nil)
        try Self.label(file.rawValue, Self.source, 20_000)
        let opened = try directory.files.open(file.rawValue).file
        _ = Self.fill(opened, [(0, Self.noise(4096, 1), 0, false), (3, Self.noise(4096, 2), 0, false)])
        try SystemCalls.link(file.rawValue, as: Self.source.text, in: directory.index)
        try SystemCalls.link(file.rawValue, as: Self.source.text, in: directory.incomplete)
    }

    static func label(_ descriptor: CInt, _ id: FileID, _ size: UInt64) throws {
        try BackingAttributes.set(BackingAttributes.id, id.text, ofDescriptor: descriptor)
        try BackingAttributes.set(BackingAttributes.size, bytes(size), ofDescriptor: descriptor)
    }

    static func noise(_ count: Int, _ seed: UInt64) -> [UInt8] {
        var mutator = Mutator(seed: seed)
        return Array((0..<(count + 7) / 8).flatMap { _ in ContractTesting.bytes(mutator.next()) }.prefix(count))
    }

    static func fill(_ file: VolumeFile, _ blocks: [(index: UInt32, bytes: [UInt8], compression: UInt8, isHash: Bool)]) -> FillResult {
        var data: [UInt8] = [], batch: [FillBlock] = []
        for block in blocks {
            batch.append(FillBlock(index: block.index, data: data.count..<data.count + block.bytes.count, compression: block.compression, isHash: block.isHash))
            data += block.bytes
        }
        return data.withUnsafeBytes { file.fill(batch, from: $0) }
    }

    // MARK: Inputs

    /// 4096 zeros as a block of LZ4, and as one of Zstandard.
    private static let lz4Zeros: [UInt8] = [0x1F, 0, 1, 0] + [UInt8](repeating: 0xFF, count: 15) + [0xF6, 0x50, 0, 0, 0, 0, 0]
    private static let zstdZeros: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x60, 0, 0x0F, 3, 0x80, 0, 0]

    public func seeds() throws -> [[UInt8]] {
        func made(_ size: UInt64, signature: [UInt8]? = nil, _ change: (VolumeFile) throws -> Void = { _ in }) throws -> [UInt8] {
            let descriptor = try SystemCalls.open(place, flags: BackingDirectory.unnamedFlag | O_RDWR)
            try VolumeFile.initialize(descriptor.rawValue, id: Self.own, size: size, signature: signature)
            try change(try directory.files.open(descriptor.rawValue).file)
            return try SystemCalls.contents(of: SystemCalls.path(ofDescriptor: descriptor.rawValue))
        }
        let zeros = [UInt8](repeating: 0, count: 4096)
        // Two blocks of zeros: the root, and its only hash block.
        let root = Digest(hex: "90b10db56173e2e7c847f6ff3ed85a3aebb140bc0064ec9a156ae5b2e71db988")!
        let leaf = Digest(hex: "ad7facb2586fc6e966c004d7d1d16b024f5805ff7cb47c7a85dabd8b48892ca7")!.bytes
        let hash = leaf + leaf + [UInt8](repeating: 0, count: 4096 - 64)
        func put(_ blocks: (index: UInt32, bytes: [UInt8], compression: UInt8, isHash: Bool)...) -> (VolumeFile) -> Void { { _ = Self.fill($0, blocks) } }
        let mapped = try SystemCalls.open(place, flags: BackingDirectory.unnamedFlag | O_RDWR)
        try VolumeFile.initializeMapped(mapped.rawValue, source: Self.source, offset: 4096, size: 9000)
        return [
            try made(0), try made(5, put((0, Array("hello".utf8), 0, false))),
            try made(5 * 4096 + 7, put((0, Self.noise(4096, 3), 0, false), (4, Self.noise(4096, 4), 0, false), (5, Self.noise(7, 5), 0, false))),
            try made(3 * 4096, put((1, Self.lz4Zeros, 1, false), (2, Self.zstdZeros, 2, false))),
            try made(8192, signature: SignatureBlob.minimal(root: root)),
            try made(8192, signature: SignatureBlob.minimal(root: root), put((0, zeros, 0, false), (1, Self.zstdZeros, 2, false), (0, hash, 0, true))),
            try made(777, signature: SignatureBlob.minimal(root: root), put((0, Self.noise(777, 6), 0, false))),
            try made(300 * 4096, put((299, Self.noise(4096, 7), 0, false))),
            try made(8192) { file in
                _ = Self.fill(file, [(0, zeros, 0, false), (1, zeros, 0, false)])
                if case .built(let tree) = file.buildTree() { try file.seal(tree, signature: Self.noise(40, 8)) }
            },
            try SystemCalls.contents(of: SystemCalls.path(ofDescriptor: mapped.rawValue)),
        ]
    }

    public func mutate(_ input: [UInt8], other: [UInt8], _ mutator: inout Mutator) -> [UInt8] {
        switch mutator.below(8) {
        case 0: return mutator.mutate(input, other: other)
        case 1: return mutator.overwrite(input, within: 56)
        case 2: return mutator.overwrite(input, within: input.count)
        default:
            // Where a record is: the list is followed as far as it goes.
            var places: [Int] = [], offset = input.number(24, UInt64.self)
            while offset != 0, offset < UInt64(input.count), places.count < 8, places.last.map({ UInt64($0) < offset }) ?? true {
                places.append(Int(offset))
                if input[Int(offset)] == 1 { places.append(Int(clamping: input.number(Int(offset) + 23, UInt64.self))) }
                offset = input.number(Int(offset) + 7, UInt64.self)
            }
            places = places.filter { $0 < input.count }
            guard !places.isEmpty else { return mutator.overwrite(input, within: input.count) }
            let at = places[mutator.below(places.count)], end = min(input.count, at + 55)
            return Array(input[..<at]) + mutator.overwrite(Array(input[at..<end]), within: 55) + Array(input[end...])
        }
    }

    // MARK: A trial

    /// What the volume makes of the blocks that are looked at.
    private struct Blocks: Equatable {
        var outcomes: [UInt32: BlockOutcome] = [:]
        var contents: [UInt32: [UInt8]] = [:]
    }

    public func complaint(_ input: [UInt8]) throws -> String? {
        let path = place.appending("f")
        try SystemCalls.unlink(path, missingIsFine: true)
        try Scratch.write(input, to: path)
        let file = try SystemCalls.open(path, flags: O_RDWR)
        let id = input.count >= 56 ? input[40..<56].withUnsafeBytes { FileID($0) } : Self.own
        try Self.label(file.rawValue, id, input.number(32, UInt64.self))
        let isIndexed = id != Self.source && (try? SystemCalls.link(file.rawValue, as: id.text, in: directory.index)) != nil
        defer {
            if isIndexed { try? SystemCalls.remove(id.text, in: directory.index) }
            try? SystemCalls.remove(id.text == Self.source.text ? [0x78] : id.text, in: directory.incomplete)
        }
        var reader = try BackingReader(file.rawValue)
        try reader.checkData()
        if reader.structure.lines.isEmpty { return "nothing is printed" }

        var before: Blocks?
        do throws(Errno) {
            let opened = try directory.files.open(file.rawValue)
            if opened.isMapped {
                // What lies behind the end of the source is not there: the check of the directory says so, the reader of a file cannot.
                _ = blocks(opened)
                return nil
            }
            let found = blocks(opened)
            before = found
            if !reader.isDamaged, let bad = found.outcomes.sorted(by: { $0.key < $1.key }).first(where: { if case .failed = $0.value { true } else { false } }) {
                return "block \(bad.key) cannot be read (\(bad.value)), and the strict reader finds nothing"
            }
            if let complaint = questions(opened.file) { return complaint }
        } catch {
            // A mapped file's source is not in it.
            if !reader.isDamaged, !reader.structure.isMapped { return "it cannot be opened (\(error)), and the strict reader finds nothing" }
        }
        if let complaint = try repair(file.rawValue, couldBeOpened: before != nil) { return complaint }
        return try fills(path, file.rawValue)
    }

    private func blocks(_ opened: OpenedFile) -> Blocks {
        var found = Blocks()
        let file = opened.file
        func look(_ block: UInt32) {
            var plain = [UInt8](repeating: 0xEE, count: Int(min(4096, file.size - UInt64(block) * 4096)))
            let outcome = plain.withUnsafeMutableBytes { file.read(from: block, into: $0) }
            found.outcomes[block] = outcome
            if outcome == .bytes { found.contents[block] = plain }
        }
        for block in 0..<min(file.dataBlocks, Self.looked) { look(block) }
        if file.dataBlocks > Self.looked { for block in max(Self.looked, file.dataBlocks - 8)..<file.dataBlocks { look(block) } }
        // A window is its blocks.
        var window = [UInt8](repeating: 0xEE, count: Int(min(8 * 4096, file.size)))
        let whole = (window.count + 4095) / 4096
        if window.withUnsafeMutableBytes({ file.read(from: 0, into: $0) }) == .bytes {
            let parts = (0..<UInt32(whole)).flatMap { found.contents[$0] ?? [] }
            precondition(parts == window, "a window of blocks is not what its blocks are")
        }
        return found
    }

    private func questions(_ file: VolumeFile) -> String? {
        var scan = FilledScan()
        let room = 16
        if let ranges = try? file.filledRanges(start: 0, end: 0, room: room, scan: &scan) {
            if ranges.ranges.count > room || ranges.ranges.contains(where: { $0.begin >= $0.end || $0.end > file.totalBlocks }) { return "ranges \(ranges)" }
        }
        _ = try? file.filledRanges(start: file.totalBlocks &+ 1, end: .max, room: 0, scan: &scan)
        if let blob = try? file.signature(), blob.count > Geometry.longestSignature { return "a signature of \(blob.count) bytes" }
        if let size = file.treeSize {
            for offset in [0, size / 2, size, size + 1] { if let part = try? file.treeBytes(at: offset, count: 5000), part.count > 5000 { return "\(part.count) bytes of the tree" } }
        }
        _ = (file.verityDescriptor(), file.verityDigest(), try? file.builtInSignature(), file.counts, file.hasAllData)
        return nil
    }

    /// A repair is content with itself and loses nothing.
    private func repair(_ descriptor: CInt, couldBeOpened: Bool) throws -> String? {
        // Read once more: the first opening may have added a record, and a damaged entry may say that its block lies there.
        let before = couldBeOpened ? (try? directory.files.open(descriptor)).map { blocks($0) } : nil
        let check = try BackingDirectoryCheck(place, readsData: false)
        let damage = check.damage
        try check.repair()
        let again = try BackingDirectoryCheck(place, readsData: false)
        if again.damage > damage { return "a repair made \(again.damage) damages of \(damage): \(check.findings.map { ($0.message, $0.isRepaired) }) and then \(again.findings.map(\.message))" }
        guard let before else { return nil }
        do throws(Errno) {
            let after = blocks(try directory.files.open(descriptor))
            for (block, content) in before.contents where after.contents[block] != content { return "a repair lost block \(block): \(check.findings)" }
        } catch { return "a repair made it impossible to open (\(error)): \(check.findings)" }
        return nil
    }

    private func fills(_ path: FilePath, _ descriptor: CInt) throws -> String? {
        guard let opened = try? directory.files.open(descriptor), !opened.isMapped else { return nil }
        let file = opened.file
        let wasDamaged = try BackingReader(descriptor).isDamaged
        var before = try SystemCalls.contents(of: path)
        let refused = Self.fill(file, [(file.dataBlocks, [1], 0, false)])
        if refused.error == nil || refused.processed != 0 { return "a block behind the end was stored" }
        if try SystemCalls.contents(of: path) != before { return "a fill that failed changed the file" }
        for (block, compression) in [(UInt32(0), UInt8(0)), (1, 1), (2, 2), (file.dataBlocks &- 1, 0)] where block < file.dataBlocks {
            before = try SystemCalls.contents(of: path)
            let whole = Int(min(4096, file.size - UInt64(block) * 4096)), plain = Self.noise(whole, UInt64(block))
            let result = Self.fill(file, [(block, plain, compression, false)])
            if result.error != nil, try SystemCalls.contents(of: path) != before { return "a fill of block \(block) that failed (\(result.error!)) changed the file" }
            guard result.stored == [block], compression == 0, !file.hasTree else { continue }
            var now = [UInt8](repeating: 0, count: whole)
            let outcome = now.withUnsafeMutableBytes { file.read(from: block, into: $0) }
            if outcome != .bytes || now != plain, !wasDamaged { return "block \(block) was stored and is \(outcome)" }
        }
        before = try SystemCalls.contents(of: path)
        let hash = Self.fill(file, [(0, Self.noise(4096, 9), 2, true)])
        if hash.error != nil, try SystemCalls.contents(of: path) != before { return "a hash block that was refused (\(hash.error!)) changed the file" }
        before = try SystemCalls.contents(of: path)
        switch file.buildTree() {
        case .built(let tree): try? file.seal(tree, signature: [1, 2, 3])
        case .known: break
        case .failed: if try SystemCalls.contents(of: path) != before { return "a tree that could not be built changed the file" }
        }
        if !wasDamaged {
            let reader = try BackingReader(descriptor)
            if let finding = reader.findings.first(where: { $0.severity == .damage }) { return "fills left damage: \(finding.message)" }
        }
        return nil
    }
}
