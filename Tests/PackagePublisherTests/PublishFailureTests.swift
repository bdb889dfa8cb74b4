import Glibc
import LinuxSystem
import PackageFormat
import Testing

@testable import PackagePublisher

@Suite struct PublishFailureTests {
    /// Publishes and returns the error; checks that the output directory holds what it held.
    func failure(_ shop: Workshop, _ source: FilePath, cancellation: PublishCancellation? = nil, _ change: (inout PublishOptions) -> Void = { _ in }, progress: ((PublishProgress) -> Void)? = nil) throws -> PublishError? {
        let out = try shop.directory("out")
        let before = try shop.names(out)
        var options = PublishOptions()
        change(&options)
        do throws(PublishError) {
            _ = try Publisher.publish(directory: source, output: out, options: options, cancellation: cancellation, progress: progress)
            return nil
        } catch {
            #expect(try shop.names(out) == before)
            #expect(!error.description.isEmpty && !error.description.contains("PublishError"))
            return error
        }
    }

    static func scanned(_ path: FilePath) throws -> ScannedFile {
        let status = try SystemCalls.status(of: path)
        return ScannedFile(
            node: 1, path: path, device: status.device, inode: status.inode, size: status.size, modifiedSeconds: status.modifiedSeconds, modifiedNanoseconds: status.modifiedNanoseconds)
    }

    @Test func pipesSocketsAndDevices() throws {
        let shop = try Workshop()
        let source = try shop.directory("s")
        try shop.write("s/a", Workshop.noise(1000, seed: 1))
        mkfifo(shop.path("s/pipe").string, 0o600)
        let path = try SystemCalls.realPath(source).appending("pipe")
        #expect(try failure(shop, source) == .unsupportedFile(path))
        #expect(PublishError.unsupportedFile(path).description.contains("pipe"))
    }

    @Test func theEntryIsAProgramInside() throws {
        let shop = try Workshop()
        let source = try shop.directory("s")
        _ = try shop.directory("s/bin")
        try shop.write("s/bin/app", Workshop.text(100, seed: 1), mode: 0o755)
        try shop.write("s/bin/text", Workshop.text(100, seed: 2))
        try shop.write("outside", Workshop.text(100, seed: 3), mode: 0o755)
        symlink("/bin/app", shop.path("s/link").string)
        symlink("../outside", shop.path("s/out").string)
        for bad in ["", "/", "bin", "bin/text", "none", "bin/app/x", "../outside", "bin/../bin/app", "out"] {
            guard case .invalidOption = try failure(shop, source, { $0.entry = Array(bad.utf8) }) else { Issue.record("accepted \(bad)"); continue }
        }
        for (good, stored) in [("bin/app", "bin/app"), ("./bin//app", "bin/app"), ("/bin/app", "bin/app"), ("link", "link")] {
            var options = PublishOptions()
            options.entry = Array(good.utf8)
            let summary = try Publisher.publish(directory: source, output: try shop.directory("good"), options: options)
            let bytes = try shop.read(summary.envelope)
            let head = try bytes.withUnsafeBytes { try PackageHead(parsing: $0, expectedRoot: summary.root) }
            #expect(head.manifest.entry == Array(stored.utf8))
        }
    }

    @Test func badOptions() throws {
        let shop = try Workshop()
        let source = try shop.directory("s")
        let changes: [(inout PublishOptions) -> Void] = [
            { $0.level = 0 }, { $0.level = 20 }, { $0.chunkSize = 0 }, { $0.chunkSize = 100_000 }, { $0.chunkSize = 8 << 20 }, { $0.threads = 0 }, { $0.name = "" },
            { $0.name = "a/b" }, { $0.name = ".hidden" }, { $0.name = "a\u{1b}" }, { $0.name = String(repeating: "x", count: 201) },
        ]
        for change in changes {
            guard case .invalidOption = try failure(shop, source, change) else { Issue.record("accepted"); continue }
        }
        #expect(try failure(shop, source) { $0.name = String(repeating: "x", count: 200) } == nil)
        guard case .format = try failure(shop, source, { $0.release = "a/b" }) else { Issue.record("accepted"); return }
        guard case .format = try failure(shop, source, { $0.inPlace = true; $0.base = Array("/absolute".utf8) }) else { Issue.record("accepted"); return }
    }

    @Test func missingAndOtherThanDirectories() throws {
        let shop = try Workshop()
        #expect(try failure(shop, shop.path("none")) == .system(.noSuchFileOrDirectory, doing: "find", shop.path("none")))
        try shop.write("file", [1])
        guard case .system(.notDirectory, _, _) = try failure(shop, shop.path("file")) else { Issue.record("accepted"); return }
    }

    @Test(arguments: [100, 400_000]) func filesThatChange(size: Int) throws {
        let shop = try Workshop()
        _ = try shop.directory("s")
        try shop.write("s/a", Workshop.noise(size, seed: 1))
        let path = shop.path("s/a")
        let scanned = try Self.scanned(path)
        // As if it had been written between the listing and the reading.
        for change in [{ try shop.write("s/a", Workshop.noise(size + 1, seed: 1)) }, { shop.setTime(path, 1) }, { try SystemCalls.unlink(path); try shop.write("s/a", Workshop.noise(size, seed: 1)) }, { try SystemCalls.unlink(path) }] as [() throws -> Void] {
            try change()
            let pool = WorkPool(threads: 2, level: 1, chunkSize: 131_072)
            defer { pool.close() }
            let writer = ContentWriter(options: PublishOptions(), pool: pool, output: nil) { (_, _) in }
            #expect(throws: PublishError.changed(path)) { try writer.write(count: 1) { _ in scanned } }
        }
    }

    /// A file that shrinks while its chunks are being read.
    @Test func filesThatShrinkWhileTheyAreRead() throws {
        let shop = try Workshop()
        _ = try shop.directory("s")
        try shop.write("s/a", Workshop.noise(300_000, seed: 1))
        let path = shop.path("s/a")
        let file = try LargeFile(Self.scanned(path))
        try shop.write("s/a", [1])
        let work = ChunkWork(file: file, segments: [DataSegment(offset: 131_072, length: 131_072)], buffers: BufferPool(size: 131_072), rawLength: 131_072, number: 0, compresses: true)
        work.run(WorkerTools(level: 1, chunkSize: 131_072))
        #expect(work.failure == .changed(path))
        #expect(throws: PublishError.changed(path)) { try file.finish() }
    }

    @Test func unreadableFiles() throws {
        let shop = try Workshop()
        let source = try shop.directory("s")
        // A name that is there for lstat and gone for open: a symbolic link loop cannot be opened.
        try shop.write("s/a", [1])
        var scanned = try Self.scanned(source)
        scanned.path = shop.path("s/a/b")
        scanned.size = 1
        let pool = WorkPool(threads: 1, level: 1, chunkSize: 4096)
        defer { pool.close() }
        let writer = ContentWriter(options: PublishOptions(), pool: pool, output: nil) { (_, _) in }
        #expect(throws: PublishError.system(.notDirectory, doing: "open", shop.path("s/a/b"))) { try writer.write(count: 1) { _ in scanned } }
    }

    @Test func cancelledAtOnceAndMidway() throws {
        let shop = try Workshop()
        let source = try shop.directory("s")
        for number in 0..<8 { try shop.write("s/\(number)", Workshop.noise(200_000, seed: UInt64(number))) }
        let early = PublishCancellation()
        early.cancel()
        #expect(try failure(shop, source, cancellation: early) == .cancelled)
        let midway = PublishCancellation()
        let outcome = try failure(shop, source, cancellation: midway, { $0.level = 19; $0.threads = 1 }, progress: { if $0.storedBytes > 0 || $0.bytesTotal > 0 { midway.cancel() } })
        #expect(outcome == .cancelled)
        // The old package stays what it was when a new one is stopped.
        let first = try Publisher.publish(directory: source, output: shop.path("out"))
        let envelope = try shop.read(first.envelope)
        try shop.write("s/new", [1])
        #expect(try failure(shop, source, cancellation: early, { $0.name = "s" }) == .cancelled)
        #expect(try shop.read(first.envelope) == envelope)
    }

    @Test func oneAtATime() throws {
        let shop = try Workshop()
        let source = try shop.directory("s")
        let out = try shop.directory("out")
        try shop.write("s/a", [1])
        let final = try SystemCalls.realPath(out).appending("s.incfs")
        do {
            let holder = try UnfinishedFile(SystemCalls.realPath(out).appending(".s.incfs.part"), final: final)
            #expect(throws: PublishError.busy(final)) { try Publisher.publish(directory: source, output: out) }
            #expect(try shop.names(out) == [".s.incfs.part"])
            #expect(holder.descriptor >= 0)
        }
        #expect(try shop.names(out).isEmpty)
        // What a killed publish left is taken over.
        try shop.write("out/.s.incfs.part", Workshop.noise(5000, seed: 1))
        try shop.write("out/.s.pack.part", Workshop.noise(5000, seed: 1))
        let summary = try Publisher.publish(directory: source, output: out)
        #expect(try shop.names(out).count == 2)
        try UnpackedPackage(summary.envelope, root: summary.root, workshop: shop).expectEquals(source, workshop: shop)
    }
}
