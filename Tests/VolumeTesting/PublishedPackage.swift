import Glibc
import Integrity
import LinuxSystem
import PackageFormat
import PackagePublisher
import VolumeCore

/// A directory that was really published, with its content and the bytes of its origin at hand.
public final class PublishedPackage: Sendable {
    public let directory = TemporaryDirectory()
    public let files: [SourceFile]
    public let summary: PublishSummary
    public let head: PackageHead
    /// The files at the origin by the path that units are located by; the envelope has the empty path.
    public let origin: [[UInt8]: [UInt8]]

    /// Publishes `files`, plus links (`path` to target).
    public init(_ files: [SourceFile], links: [(String, String)] = [], hardLinks: [(String, String)] = [], chunkSize: UInt32 = 131_072) throws {
        self.files = files
        let source = directory.appending("source")
        try SystemCalls.makeDirectories(source, mode: 0o755)
        for file in files {
            let path = source.pushing(FilePath(file.path))
            try SystemCalls.makeDirectories(path.removingLastComponent(), mode: 0o755)
            try Self.write(file, to: path)
        }
        for (path, target) in links { symlink(target, source.pushing(FilePath(path)).string) }
        for (path, target) in hardLinks { link(source.pushing(FilePath(target)).string, source.pushing(FilePath(path)).string) }
        var options = PublishOptions()
        options.name = "sample"
        options.chunkSize = chunkSize
        options.threads = 1
        options.time = 1_700_000_000
        summary = try Publisher.publish(directory: source, output: directory.appending("out"), options: options)
        let envelope = try TemporaryDirectory.contents(summary.envelope)
        head = try Self.head(envelope)
        var origin: [[UInt8]: [UInt8]] = [[]: envelope]
        for pack in summary.packs { origin[Array(pack.lastComponent!.string.utf8)] = try TemporaryDirectory.contents(pack) }
        self.origin = origin
    }

    public static func head(_ envelope: [UInt8]) throws(PackageError) -> PackageHead {
        let result = envelope.withUnsafeBytes { raw -> Result<PackageHead, PackageError> in
            do throws(PackageError) { return .success(try PackageHead(parsing: raw, expectedRoot: nil)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    /// The bytes of `unit` at the origin; nil while the volume does not know where it lies.
    public func bytes(of unit: LoadUnit, in volume: PackageVolume) -> [UInt8]? {
        guard let place = volume.location(of: unit), let file = origin[place.path] else { return nil }
        let end = Int(place.offset) + place.length
        return end <= file.count ? Array(file[Int(place.offset)..<end]) : nil
    }

    public func file(_ path: String) -> SourceFile { files.first { $0.path == path }! }

    private static func write(_ file: SourceFile, to path: FilePath) throws {
        let descriptor = try SystemCalls.open(path, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
        try SystemCalls.truncate(descriptor.rawValue, to: UInt64(file.bytes.count))
        var position = 0
        for hole in file.holes.sorted(by: { $0.lowerBound < $1.lowerBound }) + [file.bytes.count..<file.bytes.count] {
            let piece = file.bytes[position..<hole.lowerBound]
            try piece.withUnsafeBytes { try SystemCalls.pwriteAll(descriptor.rawValue, $0, at: UInt64(position)) }
            position = hole.upperBound
        }
    }
}
