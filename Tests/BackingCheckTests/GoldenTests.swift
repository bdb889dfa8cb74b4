import BackingCheck
import ContractVolume
import Glibc
import LinuxSystem
import Testing

/// What the kernel implementation wrote is read, continued and written again, byte for byte.
@Suite struct GoldenTests {
    private func open(_ path: FilePath) throws -> OwnedDescriptor { try SystemCalls.open(path, flags: O_RDONLY) }

    private func volumeFile(_ directory: BackingDirectory, _ path: String) throws -> OpenedFile {
        let descriptor = try SystemCalls.open(Array(path.utf8), beneath: directory.root, flags: SystemCalls.pathOnly)
        return try directory.files.open(descriptor.rawValue)
    }

    @Test func everyFileReadsAsTheKernelReadIt() throws {
        let data = try GoldenDirectory(), directory = try BackingDirectory(data.root)
        var files = 0
        for file in data.golden.files {
            guard let path = file.finalPath else { continue }
            let opened = try volumeFile(directory, path)
            #expect(opened.size == file.size && opened.isMapped == file.isMapped, "\(path)")
            let whole = file.isMapped ? opened.file.size : file.size
            let filled = file.fill.map { Set($0.map { UInt64($0[0]) }) }
            var good = 0, bad = 0
            for block in 0..<Geometry.dataBlocks(size: file.size) {
                let at = block + UInt64(opened.firstBlock)
                var buffer = [UInt8](repeating: 0xEE, count: Int(min(4096, opened.size - block * 4096)))
                let outcome = buffer.withUnsafeMutableBytes { opened.file.read(from: UInt32(at), into: $0) }
                switch outcome {
                case .bytes:
                    good += 1
                    if buffer != Array(GoldenDirectory.block(file, at, size: whole).prefix(buffer.count)) { Issue.record("\(path): block \(block) has other bytes") }
                case .failed(_, let error):
                    bad += 1
                    #expect(error.rawValue == file.readback.errno_of_bad, "\(path): block \(block)")
                case .missing: #expect(filled?.contains(block) == false, "\(path): block \(block)")
                }
            }
            #expect(good == file.readback.ok && bad == file.readback.bad, "\(path): \(good) good, \(bad) bad")
            if let counts = file.get_block_count {
                #expect(opened.file.dataBlocks == counts[0] && opened.file.counts.dataFilled == counts[1], "\(path)")
                #expect(opened.file.hashBlocks == counts[2] && opened.file.counts.hashFilled == counts[3], "\(path)")
            }
            files += 1
        }
        #expect(files >= 25)
    }

    @Test func everyRecordIsWhereTheLayoutSays() throws {
        let data = try GoldenDirectory()
        var files = 0
        for layout in data.layout {
            guard let name = layout.tar_name, let records = layout.md else { continue }
            let file = try open(data.root.pushing(FilePath(name)))
            let structure = try BackingReader(file.rawValue).structure
            #expect(structure.size == layout.file_size && structure.firstRecord == layout.first_md, "\(name)")
            #expect(structure.records.map(\.type) == records.map(\.type) && structure.records.map(\.offset) == records.map(\.at), "\(name)")
            #expect(structure.records.map(\.size) == records.map(\.size) && structure.records.map(\.next) == records.map(\.next), "\(name)")
            files += 1
        }
        #expect(files >= 20)
    }

    /// The kernel implementation's files, made again by our writer with the same operations, are the same bytes.
    @Test func whatIsWrittenIsTheSameBytes() throws {
        let data = try GoldenDirectory(), place = try Scratch.directory("again")
        defer { try? Scratch.run(["rm", "-rf", place.string]) }
        let directory = try BackingDirectory(place)
        var compared = 0
        for file in data.golden.files {
            // Enabling verity comes before the counters are written there, and after it here: the same records in another order.
            guard let path = file.finalPath, path != "verity_enabled" else { continue }
            let source = try open(data.root.pushing(FilePath(path)))
            let original = try SystemCalls.contents(of: data.root.pushing(FilePath(path)))
            let structure = try BackingReader(source.rawValue).structure
            let name = "file\(compared)"
            let made = try SystemCalls.open(place.appending(name), flags: O_RDWR | O_CREAT, mode: 0o644)
            let id = structure.identity.withUnsafeBytes { FileID($0) }
            if file.isMapped {
                try VolumeFile.initializeMapped(made.rawValue, source: id, offset: structure.firstRecord, size: structure.size)
            } else {
                let signature = structure.signature.map { Array(original[Int($0.blobOffset)..<Int($0.blobOffset) + Int($0.blobSize)]) }
                try VolumeFile.initialize(made.rawValue, id: id, size: structure.size, signature: signature)
                let fill = blocks(of: structure, original)
                let again = try volumeFile(directory, name).file
                let result = original.withUnsafeBytes { again.fill(fill, from: $0) }
                #expect(result.error == nil && result.processed == fill.count, "\(path)")
            }
            #expect(try SystemCalls.contents(of: place.appending(name)) == original, "\(path)")
            compared += 1
        }
        #expect(compared >= 24)
    }

    /// The stored blocks, in the order in which they lie there.
    private func blocks(of structure: BackingStructure, _ bytes: [UInt8]) -> [FillBlock] {
        guard let base = structure.mapBase else { return [] }
        func number(_ at: Int, _ size: Int) -> Int { (0..<size).reversed().reduce(0) { $0 << 8 | Int(bytes[at + $1]) } }
        var found: [(Int, FillBlock)] = []
        for index in 0..<Int(structure.mapEntries) {
            let at = Int(base) + index * 10, offset = number(at, 6), stored = number(at + 6, 2)
            if offset == 0 { continue }
            let isHash = index >= Int(structure.dataBlocks)
            let block = FillBlock(index: UInt32(isHash ? index - Int(structure.dataBlocks) : index), data: offset..<offset + stored, compression: bytes[at + 8], isHash: isHash)
            found.append((offset, block))
        }
        return found.sorted { $0.0 < $1.0 }.map(\.1)
    }

    @Test func partlyFilledFilesGoOn() throws {
        let data = try GoldenDirectory(), directory = try BackingDirectory(data.root)
        for file in data.golden.files {
            guard let path = file.finalPath, let fill = file.fill, path == "partial_20m" || path == "unfilled" else { continue }
            let opened = try volumeFile(directory, path).file
            let present = Set(fill.map { $0[0] })
            for block in 0..<opened.dataBlocks where !present.contains(block) {
                let bytes = GoldenDirectory.block(file, UInt64(block), size: file.size)
                let result = bytes.withUnsafeBytes { opened.fill([FillBlock(index: block, data: 0..<bytes.count, compression: 0, isHash: false)], from: $0) }
                #expect(result.error == nil && result.stored == [block])
            }
            #expect(opened.hasAllData)
            for block in 0..<opened.dataBlocks {
                let expected = GoldenDirectory.block(file, UInt64(block), size: file.size)
                var buffer = [UInt8](repeating: 0, count: expected.count)
                let outcome = buffer.withUnsafeMutableBytes { opened.read(from: block, into: $0) }
                if outcome != .bytes || buffer != expected { Issue.record("\(path): block \(block)") }
            }
        }
        // Complete now, and nobody has told the names: that is all there is to say, and it can be put right.
        let check = try BackingDirectoryCheck(data.root, readsData: false)
        #expect(check.damage == 0 && check.findings.filter { $0.severity == .warning }.map(\.path).sorted() == ["partial_20m", "unfilled"])
        try check.repair()
        let again = try BackingDirectoryCheck(data.root, readsData: false)
        #expect(check.warnings == 0 && again.damage == 0 && again.warnings == 0)
    }
}
