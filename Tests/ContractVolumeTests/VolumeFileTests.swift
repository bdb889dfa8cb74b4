import ContractVolume
import Glibc
import Integrity
import LinuxSystem
import Testing

/// Backing files, byte for byte where the format gives the bytes.
@Suite struct VolumeFileTests {
    static let id = FileID(text: Array("8c7dd922ad47494fc02c388e12c00eac".utf8))!

    /// A new backing file in /tmp that nobody else sees, and the object that opens it.
    private func make(size: UInt64, signature: [UInt8]? = nil) throws -> (file: VolumeFile, descriptor: CInt) {
        let descriptor = try SystemCalls.open("/tmp", flags: BackingDirectory.unnamedFlag | O_RDWR).take()
        try VolumeFile.initialize(descriptor, id: Self.id, size: size, signature: signature)
        return (try FileTable(index: descriptor).open(descriptor).file, descriptor)
    }

    private func bytes(_ descriptor: CInt) throws -> [UInt8] { try SystemCalls.contents(of: SystemCalls.path(ofDescriptor: descriptor)) }

    private func fill(_ file: VolumeFile, _ blocks: [(UInt32, [UInt8], UInt8, Bool)]) -> FillResult {
        var data: [UInt8] = [], batch: [FillBlock] = []
        for (index, bytes, compression, isHash) in blocks {
            batch.append(FillBlock(index: index, data: data.count..<data.count + bytes.count, compression: compression, isHash: isHash))
            data += bytes
        }
        return data.withUnsafeBytes { file.fill(batch, from: $0) }
    }

    private func read(_ file: VolumeFile, _ first: UInt32, _ count: Int) -> (BlockOutcome, [UInt8]) {
        var bytes = [UInt8](repeating: 0xee, count: count)
        let outcome = bytes.withUnsafeMutableBytes { file.read(from: first, into: $0) }
        return (outcome, bytes)
    }

    /// The worked example of the format: 5 bytes, one raw block, then the status.
    @Test func theWorkedExample() throws {
        let (file, descriptor) = try make(size: 5)
        defer { SystemCalls.close(descriptor) }
        #expect(try bytes(descriptor).count == 0x65)
        #expect(read(file, 0, 5).0 == .missing(0))
        #expect(fill(file, [(0, Array("hello".utf8), 0, false)]).stored == [0])
        let expected: [UInt8] = [
            0x49, 0x4e, 0x43, 0x46, 0x53, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
            0x38, 0, 0, 0x10, 0, 0, 0, 0, 0x42, 0, 0, 0, 0, 0, 0, 0,
            5, 0, 0, 0, 0, 0, 0, 0, 0x8c, 0x7d, 0xd9, 0x22, 0xad, 0x47, 0x49, 0x4f,
            0xc0, 0x2c, 0x38, 0x8e, 0x12, 0xc0, 0x0e, 0xac, 0x65, 0, 0, 0, 0, 0, 5, 0,
            0, 0, 1, 0x23, 0, 0, 0, 0, 0, 0x6a, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0x38, 0, 0, 0, 0, 0, 0,
            0, 1, 0, 0, 0, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 4, 0x37, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 1, 0, 0, 0,
        ]
        let found = try bytes(descriptor)
        #expect(found.count == 0xa1 && Array(found.prefix(expected.count)) == expected && found.dropFirst(expected.count).allSatisfy { $0 == 0 })
        #expect(read(file, 0, 5) == (.bytes, Array("hello".utf8)))
        // Again nothing happens, and it counts as done.
        let again = fill(file, [(0, Array("other".utf8), 0, false)])
        let same = try bytes(descriptor) == found
        #expect(again.processed == 1 && again.stored.isEmpty && again.error == nil && same)
        #expect(file.hasAllData && file.counts == (1, 0))
        // What another object makes of the bytes is the same.
        let other = try FileTable(index: descriptor).open(descriptor).file
        #expect(other.counts == (1, 0) && other.size == 5 && other.identity == Self.id && read(other, 0, 5) == (.bytes, Array("hello".utf8)))
    }

    /// A signed file of two blocks: places of blob, tree, records; hashes decide what is read.
    @Test func aSignedFile() throws {
        let zeros = [UInt8](repeating: 0, count: 4096)
        let root = Digest(hex: "90b10db56173e2e7c847f6ff3ed85a3aebb140bc0064ec9a156ae5b2e71db988")!
        let blob = SignatureBlob.minimal(root: root)
        #expect(blob.count == 57 && SignatureBlob(blob)?.root == root)
        let (file, descriptor) = try make(size: 8192, signature: blob)
        defer { SystemCalls.close(descriptor) }
        var found = try bytes(descriptor)
        #expect(found.count == 0x10e1 && Array(found[0x18..<0x20]) == [0x71, 0x10, 0, 0, 0, 0, 0, 0] && Array(found[0x38..<0x71]) == blob)
        #expect(Array(found[0x1071..<0x1080]) == [3, 0x2f, 0, 0, 0, 0, 0, 0xbe, 0x10, 0, 0, 0, 0, 0, 0])
        #expect(file.dataBlocks == 2 && file.hashBlocks == 1)
        #expect(fill(file, [(0, zeros, 0, false), (1, zeros, 0, false)]).processed == 2)
        // Without its hashes a block is no block.
        #expect(read(file, 0, 4096).0 == .failed(0, .badMessage))
        let leaf = Digest(hex: "ad7facb2586fc6e966c004d7d1d16b024f5805ff7cb47c7a85dabd8b48892ca7")!.bytes
        var tree = leaf + leaf + [UInt8](repeating: 0, count: 4096 - 64)
        #expect(fill(file, [(0, tree, 0, true)]).processed == 1)
        found = try bytes(descriptor)
        #expect(Array(found[0x10b4..<0x10be]) == [0x71, 0, 0, 0, 0, 0, 0, 0x10, 0, 0])
        #expect(read(file, 0, 8192) == (.bytes, zeros + zeros) && file.counts == (2, 1))
        // A wrong hash block may be stored over it, and is seen at the next read.
        tree[33] ^= 1
        #expect(fill(file, [(0, tree, 0, true)]).processed == 1 && read(file, 0, 8192).0 == .failed(0, .badMessage) && file.counts == (2, 1))
        #expect(try file.signature() == blob && file.treeSize == 4096)
    }

    /// Batches in any order, with repetitions, close together and far apart: each block is stored once, and is what came first.
    @Test func batchesInAnyOrder() throws {
        for spread in [1, 7, 5000] as [UInt32] {
            let (file, descriptor) = try make(size: UInt64(spread) * 16 * 4096)
            defer { SystemCalls.close(descriptor) }
            func block(_ number: UInt32, _ salt: UInt8) -> [UInt8] { [UInt8](repeating: UInt8(truncatingIfNeeded: number) &+ salt, count: 4096) }
            let order: [UInt32] = [9, 3, 4, 5, 3, 15, 0, 9, 1]
            let result = fill(file, order.enumerated().map { ($1 * spread, block($1, $0 < 4 || ![3, 9].contains($1) ? 0 : 1), 0, false) })
            #expect(result.processed == order.count && result.error == nil && result.stored == [9, 3, 4, 5, 15, 0, 1].map { $0 * spread })
            let next = fill(file, (0..<16).map { (UInt32($0) * spread, block(UInt32($0), [2, 6].contains($0) ? 0 : 1), 0, false) })
            #expect(next.processed == 16 && next.stored == [2, 6, 7, 8, 10, 11, 12, 13, 14].map { $0 * spread })
            #expect(file.counts == (16, 0))
            for number in 0..<16 as Range<UInt32> {
                let isLate = [7, 8, 10, 11, 12, 13, 14].contains(number)
                #expect(read(file, number * spread, 4096) == (.bytes, block(number, isLate ? 1 : 0)), "block \(number) of \(spread)")
            }
        }
    }

    @Test func aBatchStopsWhereItCannotGoOn() throws {
        let (file, descriptor) = try make(size: 4 * 4096 + 7)
        defer { SystemCalls.close(descriptor) }
        let block = [UInt8](repeating: 7, count: 4096)
        let past = fill(file, [(0, block, 0, false), (5, block, 0, false), (1, block, 0, false)])
        #expect(past.processed == 1 && past.stored == [0] && past.error == .outOfRange)
        let unknown = fill(file, [(1, block, 3, false)])
        #expect(unknown.processed == 0 && unknown.error == .invalidArgument)
        #expect(fill(file, [(1, [], 0, false)]).error == .invalidArgument)
        #expect(fill(file, [(2, block, 0, false), (0, block, 0, true)]).error == .kernelNotSupported)
        #expect(file.counts == (2, 0))
        // The tail may be longer than the file's.
        #expect(fill(file, [(4, block, 0, false), (4, block, 0, false)]).stored == [4])
        #expect(read(file, 4, 7) == (.bytes, [UInt8](repeating: 7, count: 7)))
        #expect(read(file, 0, 4096 * 2).0 == .missing(1) && read(file, 5, 1).0 == .failed(5, .invalidArgument))
        // A short raw block is followed by zeros; what is no LZ4 is found at the read.
        #expect(fill(file, [(1, [1, 2], 0, false), (3, [0xff, 0xff], 1, false)]).processed == 2)
        #expect(read(file, 1, 4096) == (.bytes, [1, 2] + [UInt8](repeating: 0, count: 4094)))
        #expect(read(file, 3, 4096).0 == .failed(3, .badMessage))
    }

    /// Zstandard frames of 4096 zeros: the kernel implementation gives the decoder no window of more than a block.
    @Test func aFrameWithALargerWindowCannotBeRead() throws {
        let (file, descriptor) = try make(size: 3 * 4096)
        defer { SystemCalls.close(descriptor) }
        func frame(window: UInt8) -> [UInt8] { [0x28, 0xB5, 0x2F, 0xFD, 0, window, 0x03, 0x80, 0, 0] }
        #expect(fill(file, [(0, frame(window: 2 << 3), 2, false), (1, frame(window: 2 << 3 | 1), 2, false), (2, frame(window: 10 << 3), 2, false)]).processed == 3)
        #expect(read(file, 0, 4096) == (.bytes, [UInt8](repeating: 0, count: 4096)))
        #expect(read(file, 1, 4096).0 == .failed(1, .badMessage) && read(file, 2, 4096).0 == .failed(2, .badMessage))
    }

    /// A status record that says too much does not make the missing blocks present.
    @Test func countersThatAreTooHighProveNothing() throws {
        let (file, descriptor) = try make(size: 3 * 4096)
        defer { SystemCalls.close(descriptor) }
        #expect(fill(file, [(1, [1], 0, false)]).processed == 1)
        try [UInt8](repeating: 9, count: 4).withUnsafeBytes { try SystemCalls.pwriteAll(descriptor, $0, at: UInt64(try bytes(descriptor).count - 55) + 23) }
        let again = try FileTable(index: descriptor).open(descriptor).file
        var scan = FilledScan()
        #expect(try again.filledRanges(start: 0, end: 0, room: 9, scan: &scan).ranges.map { [$0.begin, $0.end] } == [[1, 2]])
    }

    @Test func rangesAndTheRepairOfCounters() throws {
        let (file, descriptor) = try make(size: 10 * 4096)
        defer { SystemCalls.close(descriptor) }
        let block = [UInt8](repeating: 1, count: 16)
        #expect(fill(file, [0, 1, 3, 5, 6, 9].map { ($0, block, 0, false) }).processed == 6)
        var scan = FilledScan()
        let all = try file.filledRanges(start: 0, end: 0, room: 10, scan: &scan)
        #expect(all.ranges.map { [$0.begin, $0.end] } == [[0, 2], [3, 4], [5, 7], [9, 10]] && all.reached == 10 && !all.isCut)
        let part = try file.filledRanges(start: 1, end: 6, room: 10, scan: &scan)
        #expect(part.ranges.map { [$0.begin, $0.end] } == [[1, 2], [3, 4], [5, 6]] && part.reached == 6)
        let cut = try file.filledRanges(start: 0, end: 0, room: 2, scan: &scan)
        #expect(cut.ranges.count == 2 && cut.isCut && cut.reached == 5)
        let none = try file.filledRanges(start: 10, end: 0, room: 2, scan: &scan)
        #expect(none.ranges.isEmpty && none.reached == 10)
        // The status says nothing any more: a whole series of calls finds out.
        let found = try bytes(descriptor)
        let status = found.count - 55
        #expect(found[status] == 4 && found[status + 23] == 6)
        try [UInt8](repeating: 0, count: 8).withUnsafeBytes { try SystemCalls.pwriteAll(descriptor, $0, at: UInt64(status) + 23) }
        let again = try FileTable(index: descriptor).open(descriptor).file
        #expect(again.counts == (0, 0))
        var series = FilledScan(), reached: UInt32 = 0, start: UInt32 = 0
        while reached < 10 {
            reached = try again.filledRanges(start: start, end: 0, room: 1, scan: &series).reached
            start = reached + 1
        }
        #expect(again.counts == (6, 0))
    }

    /// What this thread has read so far, in bytes (proc_pid_io(5)).
    private func bytesRead() throws -> Int {
        let text = String(decoding: try SystemCalls.contents(of: "/proc/thread-self/io"), as: UTF8.self)
        return try #require(text.split(separator: "\n").first { $0.hasPrefix("rchar: ") }.flatMap { Int($0.dropFirst(7)) })
    }

    /// The map of 8 TiB has 20 GiB, almost all of them a hole.
    @Test func aHoleOfTheMapIsNotRead() throws {
        let count = UInt32(Geometry.mostDataBlocks)
        let (file, descriptor) = try make(size: UInt64(count) * 4096)
        defer { SystemCalls.close(descriptor) }
        let block = [UInt8](repeating: 1, count: 16)
        let places: [UInt32] = [0, 65535, 65536, 1_000_000, 1_000_001, count - 1]
        #expect(fill(file, places.map { ($0, block, 0, false) }).processed == places.count)
        var scan = FilledScan()
        let before = try bytesRead()
        let all = try file.filledRanges(start: 0, end: 0, room: 10, scan: &scan)
        #expect(try bytesRead() - before < 8 << 20)
        #expect(all.ranges.map { [$0.begin, $0.end] } == [[0, 1], [65535, 65537], [1_000_000, 1_000_002], [count - 1, count]] && all.reached == count)
        #expect(file.counts == (6, 0))
        #expect(try file.filledRanges(start: 2_000_000, end: count - 1, room: 10, scan: &scan).reached == count - 1)
        // Interrupted after one piece, and gone on with.
        var rounds = 0
        let some = try file.filledRanges(start: 0, end: 0, room: 10, scan: &scan) { rounds += 1; return rounds > 1 }
        #expect(some.isInterrupted && !some.isCut && some.ranges.map { [$0.begin, $0.end] } == [[0, 1], [65535, 65536]] && some.reached == 65536)
        let rest = try file.filledRanges(start: some.reached, end: 0, room: 10, scan: &scan)
        #expect(rest.ranges.map { [$0.begin, $0.end] } == [[65536, 65537], [1_000_000, 1_000_002], [count - 1, count]] && !rest.isInterrupted)
    }

    @Test func damagedFilesAreRefused() throws {
        func opening(_ change: (inout [UInt8]) -> Void) throws -> Errno? {
            let (file, descriptor) = try make(size: 5)
            defer { SystemCalls.close(descriptor) }
            _ = file
            var all = try bytes(descriptor)
            change(&all)
            try SystemCalls.truncate(descriptor, to: UInt64(all.count))
            try all.withUnsafeBytes { try SystemCalls.pwriteAll(descriptor, $0, at: 0) }
            do throws(Errno) { _ = try FileTable(index: descriptor).open(descriptor) } catch { return error }
            return nil
        }
        #expect(try opening { _ in } == nil)
        #expect(try opening { $0 = Array($0.prefix(55)) } == .badMessage)
        for (place, value) in [(0, 0x48), (8, 2), (16, 57), (19, 0x20)] as [(Int, UInt8)] { #expect(try opening { $0[place] = value } == .illegalByteSequence, "\(place)") }
        // The record: unknown, too long, leading back, cut off, with fewer entries than blocks.
        #expect(try opening { $0[0x42] = 9 } == .kernelNotSupported)
        #expect(try opening { $0[0x43] = 56 } == .badMessage)
        #expect(try opening { $0[0x49] = 0x42 } == .badMessage)
        #expect(try opening { $0 = Array($0.prefix(0x50)) } == .badMessage)
        #expect(try opening { $0[0x61] = 0 } == .badMessage)
    }
}

extension VolumeFileTests {
    /// Memory of this very thread, as if a request had come from it.
    @Test func theMemoryOfACaller() throws {
        let copiers = CallerMemory.threads(limit: 1)
        defer { copiers.stop() }
        let memory = CallerMemory(thread: SystemCalls.threadID(), copier: .waiting(copiers))
        let base = mmap(nil, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
        defer { munmap(base, 8192) }
        mprotect(base + 4096, 4096, PROT_NONE)
        let end = UInt64(UInt(bitPattern: base)) + 4096
        memcpy(base + 4090, "hello", 6)
        #expect(try memory.string(end - 6) == Array("hello".utf8) && memory.bytes(end - 6, count: 5) == Array("hello".utf8))
        // Without its NUL in front of what is not readable.
        memset(base + 4095, 1, 1)
        for body in [{ try memory.string(end - 6) as Any }, { try memory.bytes(end - 6, count: 7) as Any }, { try memory.string(0) as Any }, { try memory.bytes(.max - 3, count: 4) as Any }] {
            #expect(throws: Errno.badAddress) { _ = try body() }
        }
        memset(base, 1, 4096)
        #expect(try memory.string(end - 4096, limit: 4096) == nil)
        try memory.write([9, 8], to: end - 2)
        #expect(try memory.bytes(end - 2, count: 2) == [9, 8])
        #expect(throws: Errno.badAddress) { try memory.write([9, 8], to: end - 1) }
        #expect(throws: Errno.notPermitted) { try CallerMemory(thread: 0, copier: .waiting(copiers)).bytes(end - 2, count: 1) }
    }

    /// Where nothing may be faulted in: EAGAIN, and nothing is copied, unless every page is there.
    @Test func memoryThatIsPresent() throws {
        let pages = 400, base = mmap(nil, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
        defer { munmap(base, pages * 4096) }
        madvise(base, pages * 4096, MADV_NOHUGEPAGE)
        let start = UInt64(UInt(bitPattern: base)), memory = CallerMemory(thread: SystemCalls.threadID(), copier: .present(PresentPages()))
        func read(_ ranges: [(page: Int, offset: Int, count: Int)]) throws(Errno) -> [UInt8] {
            var bytes = [UInt8](repeating: 7, count: ranges.map(\.count).reduce(0, +)), failure: Errno?
            bytes.withUnsafeMutableBytes { buffer in
                do throws(Errno) { try memory.read(ranges: ranges.map { (start + UInt64($0.page * 4096 + $0.offset), $0.count) }, into: buffer) } catch { failure = error }
            }
            if let failure {
                #expect(bytes.allSatisfy { $0 == 7 })
                throw failure
            }
            return bytes
        }
        for page in 0..<pages where page != 3 && page != 399 { memset(base + page * 4096, CInt(page % 200), 4096) }
        #expect(try read([(2, 0, 4096)]) == [UInt8](repeating: 2, count: 4096))
        // Into the next page by one byte, and up to it.
        #expect(throws: Errno.wouldBlock) { try read([(2, 1, 4096)]) }
        #expect(throws: Errno.wouldBlock) { try read([(3, 4095, 1)]) }
        #expect(try read([(4, 0, 2), (1, 4095, 1), (5, 9, 1)]) == [4, 4, 1, 5])
        #expect(throws: Errno.wouldBlock) { try read([(4, 0, 2), (3, 0, 1)]) }
        // As many pages as are looked at together, and one more; as many places as are looked at, and one more.
        #expect(try read([(10, 0, 192 * 4096)]).count == 192 * 4096)
        #expect(throws: Errno.wouldBlock) { try read([(10, 0, 192 * 4096 + 1)]) }
        #expect(try read((0..<8).map { ($0 % 2 == 0 ? 390 : 10, 0, 1) }) == [190, 10, 190, 10, 190, 10, 190, 10])
        #expect(throws: Errno.wouldBlock) { try read((0..<9).map { ($0 % 2 == 0 ? 390 : 10, 0, 1) }) }
        // It comes, and goes.
        memset(base + 3 * 4096, 9, 4096)
        #expect(try read([(3, 4095, 1)]) == [9])
        madvise(base + 3 * 4096, 4096, MADV_DONTNEED)
        #expect(throws: Errno.wouldBlock) { try read([(3, 4095, 1)]) }
        #expect(throws: Errno.wouldBlock) { try CallerMemory(thread: 1 << 22, copier: .present(PresentPages())).bytes(start, count: 1) }
    }

    /// What is known of a process is not believed of the program that it becomes.
    @Test func theMemoryOfAProgramThatBecomesAnother() throws {
        let pages = PresentPages(), pipe = try SystemCalls.pipe()
        defer { SystemCalls.close(pipe.write) }
        let null = try SystemCalls.open("/dev/null", flags: O_RDWR)
        let child = try SystemCalls.spawn("/bin/sh", ["sh", "-c", "read line; exec sleep 1000"], descriptors: [pipe.read, null.rawValue, null.rawValue])
        SystemCalls.close(pipe.read)
        defer {
            kill(child, SIGKILL)
            _ = try? SystemCalls.wait(for: child)
        }
        /// The last page of the stack, with the environment in it, once this program runs.
        func stack(of program: String) throws -> UInt64 {
            while try SystemCalls.contents(of: FilePath("/proc/\(child)/comm")) != Array("\(program)\n".utf8) { usleep(1000) }
            let maps = String(decoding: try SystemCalls.contents(of: FilePath("/proc/\(child)/maps")), as: UTF8.self).split(separator: "\n")
            let range = try #require(maps.first { $0.hasSuffix("[stack]") }).prefix { $0 != " " }
            return try #require(UInt64(range.drop { $0 != "-" }.dropFirst(), radix: 16)) - 4096
        }
        let memory = CallerMemory(thread: child, copier: .present(pages))
        let before = try stack(of: "sh")
        #expect(try memory.bytes(before, count: 8).count == 8)
        _ = try Array("\n".utf8).withUnsafeBytes { try SystemCalls.write(pipe.write, $0) }
        let after = try stack(of: "sleep")
        #expect(try memory.bytes(after, count: 8).count == 8)
        if before != after { #expect(throws: Errno.self) { try memory.bytes(before, count: 8) } }
    }
}
