import Testing

@testable import PackageFormat

/// Records that break one rule each, in pages whose digest is right.
@Suite struct HostileIndexTests {
    @Test func objects() throws {
        let changes: [((inout ObjectRecord) -> Void, Bool)] = [
            ({ $0.size = PackageLimits.fileSize }, true), ({ $0.size = PackageLimits.fileSize + 1 }, false), ({ $0.size = 0 }, false),
            ({ $0.firstExtent = 3; $0.extentCount = 1 }, true), ({ $0.firstExtent = 4; $0.extentCount = 1 }, false), ({ $0.extentCount = .max }, false),
            ({ $0.firstExtent = .max; $0.extentCount = .max }, false), ({ $0.firstExtent = 0; $0.extentCount = 0 }, true),
        ]
        for (change, isFine) in changes {
            var sample = try SamplePackage()
            change(&sample.objects[0])
            let index = try sample.index()
            #expect(((try? index.object(0)) != nil) == isFine)
            #expect(try index.object(1) == sample.objects[1])
        }
    }

    @Test func extents() throws {
        let changes: [((inout ExtentRecord) -> Void, Bool)] = [
            ({ $0.fileOffset = 4096 }, true), ({ $0.fileOffset = 1 }, false), ({ $0.fileOffset = UInt64.max & ~4095 }, false),
            ({ $0.byteCount = 0 }, false), ({ $0.byteCount = .max }, false), ({ $0.byteCount = 5 * 4096 }, true), ({ $0.byteCount = 5 * 4096 + 1 }, false),
            ({ $0.offsetInChunk = 4091 }, true), ({ $0.offsetInChunk = 4092 }, false), ({ $0.offsetInChunk = 4096 }, false), ({ $0.offsetInChunk = .max }, false),
            ({ $0.firstChunk = 4 }, true), ({ $0.firstChunk = 5 }, false), ({ $0.firstChunk = .max }, false), ({ $0.object = 3 }, false), ({ $0.object = .max }, false),
        ]
        for (change, isFine) in changes {
            var sample = try SamplePackage()
            change(&sample.extents[0])
            let index = try sample.index()
            #expect(((try? index.extent(0)) != nil) == isFine, "\(sample.extents[0])")
        }
    }

    @Test func chunks() throws {
        let changes: [((inout ChunkRecord) -> Void, Bool)] = [
            ({ $0.offset = PackageLimits.fileSize }, true), ({ $0.offset = PackageLimits.fileSize + 1 }, false), ({ $0.offset = .max }, false),
            ({ $0.rawLength = 4096; $0.storedLength = 4096 }, true), ({ $0.rawLength = 4097; $0.storedLength = 4097 }, false),
            ({ $0.rawLength = 0; $0.storedLength = 0 }, false), ({ $0.storedLength = 104 }, false), ({ $0.storedLength = 106 }, false),
            ({ $0.codec = .zstd; $0.storedLength = 104 }, true), ({ $0.codec = .zstd }, false), ({ $0.codec = .zstd; $0.storedLength = 0 }, false),
            ({ $0.extentCount = 0 }, false), ({ $0.extentCount = 5 }, false), ({ $0.firstExtent = .max; $0.extentCount = .max }, false),
        ]
        for (change, isFine) in changes {
            var sample = try SamplePackage()
            change(&sample.chunks[0])
            let index = try sample.index()
            #expect(((try? index.chunk(0)) != nil) == isFine, "\(sample.chunks[0])")
        }
    }

    /// Extents that are right by themselves, but not with their object or chunk.
    @Test func disagreement() throws {
        let index = try SamplePackage().index()
        let big = try #require(try index.object(1)), extent = try #require(try index.extent(3)), chunk = try #require(try index.chunk(4))
        func check(_ change: (inout ExtentRecord) -> Void) -> Bool { var e = extent; change(&e); return (try? index.check(extent: 3, e, of: big)) != nil }
        #expect(check { _ in })
        #expect(!check { $0.byteCount += 1 })
        #expect(!check { $0.byteCount -= 1 })
        #expect(check { $0.byteCount = 4096 })
        #expect(throws: InvalidRecord.self) { try index.check(extent: 0, extent, of: big) }
        var short = chunk
        short.rawLength -= 1
        #expect(throws: InvalidRecord.self) { try index.placement(ofExtent: 3, extent, inChunk: 4, short) }
        var middle = try #require(try index.chunk(3))
        middle.rawLength -= 1
        #expect(throws: InvalidRecord.self) { try index.placement(ofExtent: 3, extent, inChunk: 3, middle) }
    }

    /// Every byte of the only page changed, with digests to match: records or errors, never a trap.
    @Test func everyByteChanged() throws {
        let sample = try SamplePackage()
        let layout = try sample.encoding().manifest.layout
        let file = try sample.bytes()
        let page = Array(file.suffix(Int(layout.length)))
        for position in page.indices {
            for value: UInt8 in [0, 0x7f, 0xff] {
                var bad = page
                bad[position] = value
                bad.withUnsafeBytes { raw in
                    for number in 0..<3 { _ = try? ObjectRecord(UnsafeRawBufferPointer(rebasing: raw[(number * 64)...]), number, layout) }
                    for number in 0..<4 {
                        guard let extent = try? ExtentRecord(UnsafeRawBufferPointer(rebasing: raw[(192 + number * 32)...]), number, layout, 4096) else { continue }
                        #expect(UInt64(extent.firstChunk) + extent.chunkCount(chunkSize: 4096) <= 5)
                    }
                    for number in 0..<5 { _ = try? ChunkRecord(UnsafeRawBufferPointer(rebasing: raw[(Int(layout.chunksOffset) + number * 64)...]), number, layout, 4096) }
                }
            }
        }
    }
}
