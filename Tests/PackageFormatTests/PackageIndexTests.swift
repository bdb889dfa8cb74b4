import Integrity
import Testing

@testable import PackageFormat

@Suite struct PackageIndexTests {
    @Test func layoutIsAligned() {
        let layout = IndexLayout(objects: 3, extents: 5, chunks: 2)
        #expect(layout.extentsOffset == 192 && layout.chunksOffset == 384 && layout.length == 512 && layout.pageCount == 1)
        #expect(IndexLayout(objects: 0, extents: 0, chunks: 0).pageCount == 0)
        #expect(IndexLayout(objects: 1, extents: 0, chunks: 0).length == 64)
        #expect(IndexLayout(objects: 1024, extents: 0, chunks: 0).pageCount == 1)
        #expect(IndexLayout(objects: 1024, extents: 1, chunks: 0).pageCount == 2)
        #expect(IndexLayout(objects: 1024, extents: 1, chunks: 0).length(ofPage: 1) == 32)
    }

    @Test func recordsComeBack() throws {
        let sample = try SamplePackage()
        let index = try sample.index()
        for number in 0..<3 { #expect(try index.object(number) == sample.objects[number]) }
        for number in 0..<4 { #expect(try index.extent(number) == sample.extents[number]) }
        for number in 0..<5 { #expect(try index.chunk(number) == sample.chunks[number]) }
        #expect(index.installedCount == index.pageCount)
        for bad in [-1, 3, Int.max] { #expect(throws: InvalidRecord.self) { try index.object(bad) } }
        for bad in [-1, 4, Int.max] { #expect(throws: InvalidRecord.self) { try index.extent(bad) } }
        for bad in [-1, 5, Int.max] { #expect(throws: InvalidRecord.self) { try index.chunk(bad) } }
    }

    @Test func pagesAreCheckedBeforeTheyShow() throws {
        let file = try SamplePackage().bytes()
        let index = PackageIndex(head: try parse(file).get())
        #expect(try index.object(0) == nil && index.extent(0) == nil && index.chunk(0) == nil)
        #expect(!index.isInstalled(0) && index.bytes(ofPage: 0) == nil)
        let range = index.pageRange(0)
        let page = Array(file[Int(range.offset)...])
        #expect(page.count == range.length)
        for position in page.indices {
            var bad = page
            bad[position] ^= 4
            #expect(!bad.withUnsafeBytes { index.install(page: 0, bytes: $0) })
        }
        #expect(!page.dropLast().withUnsafeBytes { index.install(page: 0, bytes: $0) })
        #expect(!(page + [0]).withUnsafeBytes { index.install(page: 0, bytes: $0) })
        #expect(!index.isInstalled(0) && index.installedCount == 0)
        #expect(page.withUnsafeBytes { index.install(page: 0, bytes: $0) })
        #expect(page.withUnsafeBytes { index.install(page: 0, bytes: $0) })
        #expect(index.isInstalled(0) && index.installedCount == 1)
        #expect(Array(try #require(index.bytes(ofPage: 0))) == page)
    }

    /// Records next to each page boundary are found in the right page, and only there.
    @Test func recordsLieInTheirPages() throws {
        var sample = try SamplePackage()
        let template = sample.chunks[0]
        sample.extents += (4..<3001).map { _ in sample.extents[0] }
        sample.chunks += (5..<2500).map { number in var chunk = template; chunk.rawLength = 200; chunk.storedLength = 200; chunk.offset = UInt64(number); return chunk }
        let file = try sample.bytes()
        let index = PackageIndex(head: try parse(file).get())
        #expect(index.pageCount == Int(index.layout.pageCount) && index.pageCount >= 4)
        for page in 0..<index.pageCount {
            let range = index.pageRange(page)
            #expect(file[Int(range.offset)..<(Int(range.offset) + range.length)].withUnsafeBytes { index.install(page: page, bytes: $0) })
            for number in 0..<sample.extents.count {
                #expect((try index.extent(number) != nil) == (index.page(ofExtent: number) <= page))
            }
            for number in 0..<sample.chunks.count {
                let chunk = try index.chunk(number)
                #expect((chunk != nil) == (index.page(ofChunk: number) <= page))
                if let chunk { #expect(chunk == sample.chunks[number]) }
            }
        }
        let last = index.pageRange(index.pageCount - 1)
        #expect(last.offset + UInt64(last.length) == UInt64(file.count))
    }

    @Test func extentsAreFoundByOffset() throws {
        let index = try SamplePackage().index()
        let big = try #require(try index.object(1))
        func found(_ offset: UInt64) throws -> Int? { try index.extent(of: big, covering: offset)?.number }
        #expect(try found(0) == 2 && found(4095) == 2 && found(4096) == 3 && found(8192) == 3 && found(19_999) == 3 && found(20_000) == nil)
        let extent = try #require(try index.extent(3))
        #expect(index.chunk(of: extent, holding: 8192) == 2 && index.chunk(of: extent, holding: 12_287) == 2 && index.chunk(of: extent, holding: 12_288) == 3)
        #expect(index.chunk(of: extent, holding: 19_999) == 4)
        let small = try #require(try index.extent(1))
        #expect(index.chunk(of: small, holding: 99) == 0)
        let bare = PackageIndex(head: try parse(try SamplePackage().bytes()).get())
        #expect(throws: IndexStop.missing(page: 0)) { try bare.extent(of: big, covering: 0) }
    }

    @Test func placements() throws {
        let index = try SamplePackage().index()
        func place(_ extent: Int, _ chunk: Int) throws -> ChunkPlacement {
            try index.placement(ofExtent: extent, try #require(try index.extent(extent)), inChunk: chunk, try #require(try index.chunk(chunk)))
        }
        #expect(try place(0, 0) == ChunkPlacement(fileOffset: 0, offsetInChunk: 0, length: 5))
        #expect(try place(1, 0) == ChunkPlacement(fileOffset: 0, offsetInChunk: 5, length: 100))
        #expect(try place(3, 2) == ChunkPlacement(fileOffset: 8192, offsetInChunk: 0, length: 4096))
        #expect(try place(3, 4) == ChunkPlacement(fileOffset: 16_384, offsetInChunk: 0, length: 3616))
        #expect(throws: InvalidRecord.self) { try place(3, 1) }
        #expect(throws: InvalidRecord.self) { try place(0, 1) }
    }

    @Test func sourcePaths() throws {
        var sample = try SamplePackage()
        var head = try parse(try sample.bytes()).get()
        #expect(try head.sourcePath(ofChunk: 0, sample.chunks[0]) == Array("sample.pack".utf8))
        var chunk = sample.chunks[0]
        chunk.source = 1
        #expect(throws: InvalidRecord.self) { try head.sourcePath(ofChunk: 0, chunk) }
        chunk.source = ChunkRecord.inPlaceFlag
        #expect(throws: InvalidRecord.self) { try head.sourcePath(ofChunk: 0, chunk) }
        chunk = sample.chunks[0]
        chunk.offset = 20_000 - 105
        #expect(throws: Never.self) { try head.sourcePath(ofChunk: 0, chunk) }
        chunk.offset += 1
        #expect(throws: InvalidRecord.self) { try head.sourcePath(ofChunk: 0, chunk) }

        sample.manifest.source = .inPlace(basePath: Array("../app".utf8), note: "")
        head = try parse(try sample.bytes()).get()
        chunk = sample.chunks[2]
        chunk.source = ChunkRecord.inPlaceFlag | 5
        chunk.offset = 20_000 - 4096
        #expect(try head.sourcePath(ofChunk: 2, chunk) == Array("../app/dir/big".utf8))
        chunk.offset += 1
        #expect(throws: InvalidRecord.self) { try head.sourcePath(ofChunk: 2, chunk) }
        for node: UInt32 in [0, 4, 8, 0x7fff_ffff] {
            chunk.source = ChunkRecord.inPlaceFlag | node
            chunk.offset = 0
            #expect(throws: InvalidRecord.self) { try head.sourcePath(ofChunk: 2, chunk) }
        }
        chunk.source = 0
        #expect(throws: InvalidRecord.self) { try head.sourcePath(ofChunk: 2, chunk) }
    }
}
