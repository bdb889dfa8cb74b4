import Glibc
import Integrity
import LinuxSystem
import PackageFormat
import Testing

@testable import PackagePublisher

@Suite struct PublisherTests {
    /// A directory with one of everything, and more small files than a chunk holds.
    static func everything(_ shop: Workshop) throws -> FilePath {
        let source = try shop.directory("source")
        _ = try shop.directory("source/bin/deep/er")
        _ = try shop.directory("source/empty dir")
        try shop.write("source/bin/tool", Workshop.noise(300_001, seed: 1), mode: 0o755)
        try shop.write("source/bin/text", Workshop.text(300_000, seed: 1), mode: 0o400)
        try shop.write("source/bin/copy of text", Workshop.text(300_000, seed: 1))
        try shop.write("source/empty", [])
        for size in [1, 4095, 4096, 4097, 131_071, 131_072, 131_073, 262_144] { try shop.write("source/size \(size)", Workshop.text(size, seed: size)) }
        for number in 0..<60 { try shop.write("source/bin/deep/small \(number)", Workshop.text(number * 117, seed: number % 50)) }
        try shop.write("source/bin/deep/er/x", Workshop.noise(10, seed: 3))
        try shop.write(source.appending(bytes: [0xff, 0x01, 0x20, 0x5c, 0xc3]), Array("odd name".utf8))
        try shop.write(source.appending(bytes: Array(repeating: 0x78, count: 255)), Array("long name".utf8))
        symlink("../bin/tool", shop.path("source/bin/link").string)
        symlink("/nowhere at all", shop.path("source/dangling").string)
        link(shop.path("source/bin/tool").string, shop.path("source/bin/deep/hard").string)
        link(shop.path("source/empty").string, shop.path("source/empty too").string)
        chmod(shop.path("source/bin/deep").string, 0o1750)
        chmod(shop.path("source/bin/tool").string, 0o4755)
        shop.setTime(shop.path("source/bin/tool"), 1_500_000_000, 123_456_789)
        shop.setTime(shop.path("source/bin/text"), -1_000_000, 1)
        return source
    }

    @Test(arguments: [false, true]) func roundTrip(inPlace: Bool) throws {
        let shop = try Workshop()
        let source = try Self.everything(shop)
        var options = PublishOptions()
        options.name = "app"
        options.release = "2.1"
        options.inPlace = inPlace
        options.note = inPlace ? "hello" : ""
        let summary = try Publisher.publish(directory: source, output: shop.path("out"), options: options)
        #expect(summary.envelope == (try SystemCalls.realPath(shop.path("out"))).appending("app.incfs"))
        #expect(try shop.names(shop.path("out")) == (summary.packs.map { $0.lastComponent!.string } + ["app.incfs"]).sorted())
        #expect(summary.packs.count == (inPlace ? 0 : 1))
        let package = try UnpackedPackage(summary.envelope, root: summary.root, workshop: shop)
        try package.expectEquals(source, workshop: shop)
        let manifest = package.head.manifest
        #expect(manifest.name == "app" && manifest.release == "2.1" && manifest.chunkSize == 131_072)
        #expect(manifest.files == summary.files && manifest.bytes == summary.bytes && manifest.storedBytes == summary.storedBytes)
        #expect(UInt64(try shop.read(summary.envelope).count) == summary.envelopeBytes)
        #expect(try package.node("bin/tool") == package.node("bin/deep/hard"))
        let same = try package.head.tree.node(package.node("bin/text")).object
        #expect(try package.head.tree.node(package.node("bin/copy of text")).object == same)
        if inPlace {
            #expect(manifest.source == .inPlace(basePath: Array("../source".utf8), note: "hello"))
            // No chunk is shared, none is packed.
            for number in 0..<summary.chunks { #expect(try package.index.chunk(number)?.codec == .stored && package.index.chunk(number)?.extentCount == 1) }
        } else {
            #expect(UInt64(try shop.read(summary.packs[0]).count) == summary.storedBytes)
            #expect(summary.storedBytes < summary.bytes / 2)
        }
    }

    @Test func sameInputSameBytesWhateverTheThreads() throws {
        let shop = try Workshop()
        let source = try Self.everything(shop)
        var results: [PublishSummary] = []
        for threads in [1, 2, 7] {
            var options = PublishOptions()
            options.threads = threads
            results.append(try Publisher.publish(directory: source, output: shop.path("out \(threads)"), options: options))
        }
        for result in results.dropFirst() {
            #expect(result.root == results[0].root)
            #expect(try shop.read(result.envelope) == shop.read(results[0].envelope))
            #expect(try shop.read(result.packs[0]) == shop.read(results[0].packs[0]))
            #expect(result.packs[0].lastComponent == results[0].packs[0].lastComponent)
        }
        #expect(try UnpackedPackage(results[0].envelope, workshop: shop).head.manifest.name == "source")
    }

    @Test(arguments: [UInt32(4096), 16_384, 4 << 20]) func everyChunkSize(size: UInt32) throws {
        let shop = try Workshop()
        let source = try Self.everything(shop)
        var options = PublishOptions()
        options.chunkSize = size
        options.level = 1
        let summary = try Publisher.publish(directory: source, output: shop.path("out"), options: options)
        try UnpackedPackage(summary.envelope, root: summary.root, workshop: shop).expectEquals(source, workshop: shop)
    }

    @Test func identityComesFromOptions() throws {
        let shop = try Workshop()
        let source = try shop.directory("s")
        try shop.write("s/a", [1])
        shop.setTime(shop.path("s/a"), 2_000_000_000)
        func manifest(_ change: (inout PublishOptions) -> Void) throws -> PackageManifest {
            var options = PublishOptions()
            change(&options)
            let summary = try Publisher.publish(directory: source, output: shop.path("out"), options: options)
            return try UnpackedPackage(summary.envelope, workshop: shop).head.manifest
        }
        let plain = try manifest { _ in }
        #expect(plain.time == 2_000_000_000 && plain.sequence == 2_000_000_000 && plain.release.isEmpty)
        let chosen = try manifest { $0.time = 5; $0.sequence = 9; $0.name = "n" }
        #expect(chosen.time == 5 && chosen.sequence == 9 && chosen.name == "n")
    }

    @Test func nothingToPack() throws {
        let shop = try Workshop()
        let source = try shop.directory("s")
        try shop.write("s/a", [])
        let summary = try Publisher.publish(directory: source, output: shop.path("out"))
        #expect(summary.packs.isEmpty && summary.chunks == 0 && summary.storedBytes == 0 && summary.files == 1)
        try UnpackedPackage(summary.envelope, workshop: shop).expectEquals(source, workshop: shop)
    }

    @Test func incompressibleChunksAreStored() throws {
        let shop = try Workshop()
        let source = try shop.directory("s")
        try shop.write("s/noise", Workshop.noise(400_000, seed: 5))
        let summary = try Publisher.publish(directory: source, output: shop.path("out"))
        #expect(summary.storedBytes == 400_000)
        let package = try UnpackedPackage(summary.envelope, workshop: shop)
        for number in 0..<summary.chunks { #expect(try package.index.chunk(number)?.codec == .stored) }
    }

    @Test func progressEndsAtAll() throws {
        let shop = try Workshop()
        let source = try Self.everything(shop)
        var last = PublishProgress()
        var calls = 0
        let summary = try Publisher.publish(directory: source, output: shop.path("out")) { progress in
            #expect(progress.bytesDone >= last.bytesDone && progress.bytesDone <= max(progress.bytesTotal, progress.bytesDone))
            last = progress
            calls += 1
        }
        #expect(calls >= 1 && last.bytesDone == summary.bytes && last.bytesTotal == summary.bytes && last.storedBytes == summary.storedBytes)
    }
}
