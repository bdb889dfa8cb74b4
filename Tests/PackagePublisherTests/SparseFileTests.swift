import Integrity
import LinuxSystem
import PackageFormat
import Testing

@testable import PackagePublisher

@Suite struct SparseFileTests {
    @Test(arguments: [false, true]) func holesStayHoles(inPlace: Bool) throws {
        let shop = try Workshop()
        let source = try shop.directory("s")
        let data = Workshop.text(300_000, seed: 4)
        try shop.writeSparse("s/all hole", size: 1_000_003, [])
        try shop.writeSparse("s/small hole", size: 50_000, [])
        try shop.writeSparse("s/small", size: 60_000, [(0, [1, 2, 3]), (40_000, [9])])
        try shop.writeSparse("s/one block in much", size: 24 << 20, [(12 << 20, [7])])
        try shop.writeSparse("s/at the end", size: 5_000_005, [(5_000_000, [1, 2, 3, 4, 5])])
        try shop.writeSparse("s/large pieces", size: 3_000_000, [(4096, data), (1_000_000, Array(data.prefix(140_000))), (2_500_000, [1])])
        try shop.writeSparse("s/many pieces", size: 4_000_000, (0..<100).map { (UInt64($0) * 40_000, [UInt8](repeating: UInt8($0 + 1), count: 5000)) })
        var options = PublishOptions()
        options.inPlace = inPlace
        let summary = try Publisher.publish(directory: source, output: shop.path("out"), options: options)
        let package = try UnpackedPackage(summary.envelope, workshop: shop)
        try package.expectEquals(source, workshop: shop)
        func dataBytes(_ name: String) throws -> UInt64 { package.head.tree.node(try package.node(name)).dataBytes }
        #expect(try dataBytes("all hole") == 0 && dataBytes("small hole") == 0)
        #expect(try dataBytes("one block in much") == 4096)
        #expect(try dataBytes("at the end") <= 8192)
        #expect(try dataBytes("large pieces") <= 460_000)
        #expect(try dataBytes("many pieces") <= 100 * 12_288)
        #expect(summary.dataBytes < 3_000_000 && summary.bytes > 24 << 20)
    }

    /// The same content with other holes is one object.
    @Test func copiesWithOtherHolesAreFound() throws {
        let shop = try Workshop()
        let source = try shop.directory("s")
        var bytes = [UInt8](repeating: 0, count: 500_000)
        bytes.replaceSubrange(200_000..<200_100, with: Workshop.noise(100, seed: 2))
        try shop.writeSparse("s/a sparse", size: 500_000, [(200_000, Array(bytes[200_000..<200_100]))])
        try shop.write("s/b full", bytes)
        try shop.writeSparse("s/c sparse", size: 500_000, [(200_000, Array(bytes[200_000..<200_100]))])
        let summary = try Publisher.publish(directory: source, output: shop.path("out"))
        #expect(summary.objects == 1 && summary.files == 3 && summary.dataBytes == 3 * 4096)
        try UnpackedPackage(summary.envelope, workshop: shop).expectEquals(source, workshop: shop)
    }

    /// Files of equal size and first block, but other content, are kept apart; true copies of large files are stored once.
    @Test func largeCopiesAreStoredOnce() throws {
        let shop = try Workshop()
        let source = try shop.directory("s")
        let bytes = Workshop.noise(600_000, seed: 8)
        var other = bytes
        other[599_999] ^= 1
        for (name, content) in [("a", bytes), ("b", other), ("c", bytes), ("d", other), ("e", Array(bytes.dropLast()))] { try shop.write("s/" + name, content) }
        let summary = try Publisher.publish(directory: source, output: shop.path("out"))
        #expect(summary.objects == 3 && summary.storedBytes == 1_799_999)
        try UnpackedPackage(summary.envelope, workshop: shop).expectEquals(source, workshop: shop)
    }

    /// A hole is free for who publishes and not for who mounts: there is a limit, and the message names the file.
    @Test func holesHaveALimit() throws {
        let shop = try Workshop()
        let source = try shop.directory("s")
        try shop.writeSparse("s/just", size: PackageLimits.holeSize + 4096, [(0, [1])])
        let summary = try Publisher.publish(directory: source, output: shop.path("out"))
        #expect(summary.bytes == PackageLimits.holeSize + 4096 && summary.dataBytes == 4096)
        try shop.writeSparse("s/too much", size: PackageLimits.holeSize + 4097, [(0, [1])])
        let path = try SystemCalls.realPath(source).appending("too much")
        let expected = PackageError.limitExceeded("the number of bytes in holes of \(path)", value: PackageLimits.holeSize + 1, limit: PackageLimits.holeSize)
        #expect(throws: PublishError.format(expected)) { _ = try Publisher.publish(directory: source, output: shop.path("out")) }
    }
}
