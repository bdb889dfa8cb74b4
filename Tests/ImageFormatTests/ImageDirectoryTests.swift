import Glibc
import LinuxSystem
import Testing

@testable import ImageFormat

/// Directory → image → directory.
@Suite struct ImageDirectoryTests {
    private func make(_ place: Scratch) throws -> FilePath {
        let source = place.file("in")
        for path in [source, source.appending("sub"), source.appending("sub/deep"), source.appending("empty-dir")] { try SystemCalls.makeDirectory(path, mode: 0o755) }
        for (name, count) in [("a", 100_000), ("sub/one", 1), ("sub/deep/page", 4096), ("none", 0), ("sub/more", 2_000_000)] {
            try place.write(ImageFileTests.content(count, seed: count), to: "in/\(name)")
        }
        link(source.appending("a").string, source.appending("sub/deep/same").string)
        chmod(source.appending("sub/one").string, 0o4555)
        chmod(source.appending("sub/deep").string, 0o500)
        return source
    }

    private func text(_ path: FilePath) throws -> [String] {
        var lines: [String] = []
        func walk(_ path: FilePath, _ prefix: String) throws {
            for name in try SystemCalls.list(path).map({ String(decoding: $0, as: UTF8.self) }).sorted() where name != "." && name != ".." {
                let status = try SystemCalls.status(of: path.appending(name), followSymbolicLinks: false)
                let kind = status.kind == .directory ? "d" : "f\(status.linkCount) \(try SystemCalls.contents(of: path.appending(name)).reduce(UInt64(7)) { $0 &* 31 &+ UInt64($1) })"
                lines.append("\(prefix)\(name) \(String(status.mode & 0o777, radix: 8)) \(status.mode & 0o7000) \(kind)")
                if status.kind == .directory { try walk(path.appending(name), "\(prefix)\(name)/") }
            }
        }
        try walk(path, "")
        return lines
    }

    @Test(arguments: [true, false]) func aDirectoryComesBack(compresses: Bool) throws {
        let place = try Scratch(), source = try make(place)
        let totals = try ImageBuilder.create(from: source, as: place.file(), compresses: compresses)
        #expect(totals.files == 5 && totals.directories == 3 && totals.bytes == 2_104_097)
        #expect(compresses ? totals.storedBytes < totals.bytes : totals.storedBytes == totals.bytes)
        let image = try place.open(.reading)
        #expect(image.findings.isEmpty)
        let out = try ImageExtraction.extract(image, into: place.file("out"))
        #expect(out.files == 5 && out.directories == 3 && out.bytes == totals.bytes)
        // Privileges stay behind.
        #expect(try text(place.file("out")) == text(source).map { $0.replacing("555 2048", with: "555 0") })
    }

    @Test func nothingIsOverwritten() throws {
        let place = try Scratch(), source = try make(place)
        try place.write([1], to: "image")
        #expect { _ = try ImageBuilder.create(from: source, as: place.file()) } throws: { ($0 as? ImageError)?.errno == .fileExists }
        #expect(try place.bytes() == [1])
        _ = try ImageBuilder.create(from: source, as: place.file("other"))
        let image = try place.open(.reading, "other")
        try SystemCalls.makeDirectory(place.file("out"))
        try place.write([2], to: "out/a")
        #expect { _ = try ImageExtraction.extract(image, into: place.file("out")) } throws: { ($0 as? ImageError)?.errno == .fileExists }
        #expect(try place.bytes("out/a") == [2])
        // A link that leads elsewhere is a name that is taken, and nothing goes through it.
        try SystemCalls.makeDirectory(place.file("third"))
        try SystemCalls.makeDirectory(place.file("elsewhere"))
        symlink(place.file("elsewhere").string, place.file("third").appending("sub").string)
        #expect { _ = try ImageExtraction.extract(image, into: place.file("third")) } throws: { ($0 as? ImageError)?.errno == .fileExists }
        #expect(try SystemCalls.list(place.file("elsewhere")).filter { $0 != Array(".".utf8) && $0 != Array("..".utf8) }.isEmpty)
    }

    @Test func whatAnImageCannotHaveIsRefusedAndNothingIsLeft() throws {
        let place = try Scratch()
        try SystemCalls.makeDirectory(place.file("in"))
        symlink("a", place.file("in/link").string)
        #expect { _ = try ImageBuilder.create(from: place.file("in"), as: place.file()) } throws: { ($0 as? ImageError)?.errno == .invalidArgument }
        unlink(place.file("in/link").string)
        try place.write([1], to: "in/.cmd")
        #expect { _ = try ImageBuilder.create(from: place.file("in"), as: place.file()) } throws: { ($0 as? ImageError)?.errno == .fileExists }
        unlink(place.file("in/.cmd").string)
        for number in 0..<ImageLimits.mostInodes - 1 { try place.write([], to: "in/\(number)") }
        _ = try ImageBuilder.create(from: place.file("in"), as: place.file("most"))
        try place.write([], to: "in/one-more")
        #expect { _ = try ImageBuilder.create(from: place.file("in"), as: place.file()) } throws: { ($0 as? ImageError)?.errno == .tooManyOpenFilesInSystem }
        #expect(try SystemCalls.list(place.path).map { String(decoding: $0, as: UTF8.self) }.filter { $0 != "." && $0 != ".." }.sorted() == ["in", "most"])
    }

    @Test func anImageOfTheDirectoryThatItLiesIn() throws {
        let place = try Scratch(), source = try make(place)
        _ = try ImageBuilder.create(from: source, as: source.appending("self"))
        #expect(try place.open(.reading, "in/self").child(Array("self".utf8), of: place.open(.reading, "in/self").root) == nil)
    }

    @Test func anIncompleteImageIsNotUnpackedInPart() throws {
        let place = try Scratch()
        _ = try ImageFileTests.volume(place)
        let image = try place.open(.reading)
        #expect { _ = try ImageExtraction.extract(image, into: place.file("out")) } throws: { ($0 as? ImageError)?.errno == .noData }
        #expect(throws: Errno.noSuchFileOrDirectory) { _ = try SystemCalls.status(of: place.file("out")) }
    }

    /// Wherever it ends: nothing is unpacked from it.
    @Test func anImageThatIsCutOffIsNotUnpackedInPart() throws {
        let place = try Scratch()
        for count in 1..<ImageBytesTests.fixture.count {
            try place.write(Array(ImageBytesTests.fixture[..<count]))
            guard let image = try? place.open(.reading) else { continue }
            #expect(throws: ImageError.self, "cut to \(count)") { _ = try ImageExtraction.extract(image, into: place.file("out")) }
            #expect(throws: Errno.noSuchFileOrDirectory) { _ = try SystemCalls.status(of: place.file("out")) }
        }
    }

    @Test func aDamagedBlockIsSaid() throws {
        let place = try Scratch()
        var bytes = ImageBytesTests.fixture
        bytes[bytes.count - 1] ^= 1
        try place.write(bytes)
        let image = try place.open(.reading)
        #expect { _ = try ImageExtraction.extract(image, into: place.file("out")) } throws: { ($0 as? ImageError)?.errno == .badMessage }
        #expect(throws: Errno.noSuchFileOrDirectory) { _ = try SystemCalls.status(of: place.file("out/a")) }
    }
}
