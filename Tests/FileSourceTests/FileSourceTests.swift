import BlockLoading
import FileSource
import Glibc
import LinuxSystem
import Testing

@Suite struct FileSourceTests {
    /// A directory with an envelope, a pack and a file outside; removed at the end.
    final class Directory {
        let root: FilePath
        init() throws {
            var template = Array("/tmp/filesource-XXXXXX".utf8CString)
            root = template.withUnsafeMutableBufferPointer { FilePath(platformString: mkdtemp($0.baseAddress!)!) }
            try SystemCalls.makeDirectory(root.appending("base"))
            try SystemCalls.makeDirectory(root.appending("base/packs"))
            try write("base/app.incfs", Array("envelope".utf8))
            try write("base/packs/a\u{e9} b", (0..<100).map { UInt8($0) })
            try write("secret", Array("secret".utf8))
        }
        func write(_ path: String, _ bytes: [UInt8]) throws {
            let file = try SystemCalls.open(root.appending(path), flags: O_WRONLY | O_CREAT | O_TRUNC)
            try bytes.withUnsafeBytes { try SystemCalls.writeAll(file.rawValue, $0) }
        }
        var envelope: FilePath { root.appending("base/app.incfs") }
        deinit {
            for f in ["base/app.incfs", "base/packs/a\u{e9} b", "base/packs/new", "secret"] { try? SystemCalls.unlink(root.appending(f), missingIsFine: true) }
            for d in ["base/packs", "base", ""] { try? SystemCalls.removeDirectory(d.isEmpty ? root : root.appending(d)) }
        }
    }

    private func failure(_ body: () async throws -> [UInt8]) async -> SourceError? {
        do { _ = try await body(); return nil } catch { return error as? SourceError }
    }

    @Test func readsRangesOfTheEnvelopeAndOfFilesBesideIt() async throws {
        let directory = try Directory()
        let source = FileSource(envelope: directory.envelope)
        #expect(try await source.read(path: [], offset: 0, length: 8) == Array("envelope".utf8))
        #expect(try await source.read(path: Array("packs/a\u{e9} b".utf8), offset: 10, length: 3) == [10, 11, 12])
        #expect(try await source.readUpTo(path: [], offset: 4, length: 100) == Array("lope".utf8))
        #expect(try await source.readUpTo(path: [], offset: 800, length: 100) == [])
        #expect(try await source.readUpTo(path: [], offset: .max, length: 100) == [])
        await source.shutdown()
        #expect(await failure { try await source.readUpTo(path: [], offset: 0, length: 1) }?.kind == .final(errno: EIO))
    }

    @Test func readsADirectoryBesideTheEnvelopes() async throws {
        let directory = try Directory()
        let inner = directory.envelope.removingLastComponent().appending("inner")
        try SystemCalls.makeDirectory(inner)
        let source = FileSource(envelope: inner.appending("app.incfs"))
        let name = directory.envelope.lastComponent!.string
        #expect(try await source.read(path: Array("../\(name)".utf8), offset: 4, length: 4) == Array("lope".utf8))
        await source.shutdown()
    }

    @Test(arguments: ["..", "packs/../../secret", "/etc/passwd", "./app.incfs", "packs//x", "packs/", "a\0b"])
    func neverLeavesItsDirectory(_ path: String) async throws {
        let directory = try Directory()
        let source = FileSource(envelope: directory.envelope)
        let error = await failure { try await source.read(path: Array(path.utf8), offset: 0, length: 1) }
        #expect(error?.kind == .final(errno: EIO))
        #expect(error?.message.contains("outside") == true)
        await source.shutdown()
    }

    @Test func tellsWhatIsFinalFromWhatMayComeBack() async throws {
        let directory = try Directory()
        let source = FileSource(envelope: directory.envelope)
        let short = await failure { try await source.read(path: [], offset: 4, length: 10) }
        #expect(short?.kind == .final(errno: EIO))
        #expect(short?.message.contains("ends after 8 bytes") == true)
        let gone = await failure { try await source.read(path: Array("packs/none".utf8), offset: 0, length: 1) }
        #expect(gone?.kind == .final(errno: EIO))
        let folder = await failure { try await source.read(path: Array("packs".utf8), offset: 0, length: 1) }
        #expect(folder?.kind == .final(errno: EIO))
        await source.shutdown()
        let absent = FileSource(envelope: directory.root.appending("unplugged/app.incfs"))
        let away = await failure { try await absent.read(path: [], offset: 0, length: 1) }
        #expect(away?.kind == .unreachable)
        await absent.shutdown()
    }

    /// What a person named, not what a package needs.
    @Test func aWrongAddressIsExplainedAsOne() async throws {
        let directory = try Directory()
        for (path, words) in [("base/none.incfs", "does not exist: check the path"), ("base/packs", "is a directory and no package: name the .incfs file")] {
            let source = FileSource(envelope: directory.root.appending(path))
            let error = await failure { try await source.readUpTo(path: [], offset: 0, length: 1) }
            #expect(error?.kind == .final(errno: EIO) && error?.message.hasPrefix("\(directory.root)/\(path) \(words)") == true, "\(error?.message ?? "nothing")")
            await source.shutdown()
        }
    }

    @Test func keepsTheOldFileUntilToldOtherwise() async throws {
        let directory = try Directory()
        let source = FileSource(envelope: directory.envelope)
        #expect(try await source.read(path: [], offset: 0, length: 8) == Array("envelope".utf8))
        try directory.write("base/packs/new", Array("ENVELOPE".utf8))
        try SystemCalls.rename(directory.root.appending("base/packs/new"), to: directory.envelope)
        #expect(try await source.read(path: [], offset: 0, length: 8) == Array("envelope".utf8))
        #expect(try await source.read(path: [], offset: 0, length: 8, options: ReadOptions(bypassCaches: true)) == Array("ENVELOPE".utf8))
        await source.shutdown()
    }
}
