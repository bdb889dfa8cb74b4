import BackingCheck
import FoundationEssentials
import Glibc
import LinuxSystem

/// A copy of the backing directory that the kernel implementation wrote, and what is known of it.
final class GoldenDirectory {
    let path: FilePath
    let golden: Golden
    let layout: [Layout]

    struct Golden: Decodable {
        var files: [File]
        struct File: Decodable {
            var path: String
            var mapped: Bool?
            var source: String?
            var offset: UInt64?
            var size: UInt64
            var content: String
            var seed: String
            /// Block, compression, stored length.
            var fill: [[UInt32]]?
            var readback: Readback
            var signature: String?
            var get_block_count: [UInt32]?
            var create_rc: Int?

            /// Names changed after the files had been filled.
            var finalPath: String? { path == "to_rename" ? "dir/renamed" : path == "to_delete" || create_rc == -1 ? nil : path }
            var isMapped: Bool { mapped ?? false }
        }
        struct Readback: Decodable {
            var ok: Int
            var bad: Int
            var errno_of_bad: Int32?
        }
    }

    struct Layout: Decodable {
        /// Absent for a file that had been deleted.
        var tar_name: String?
        /// Absent for mapped files.
        var md: [Record]?
        var first_md: UInt64?
        var file_size: UInt64?
        var uuid: String?
        struct Record: Decodable {
            var type: UInt8
            var at: UInt64
            var size: UInt16
            var next: UInt64
        }
    }

    static var data: FilePath { FilePath(#filePath).removingLastComponent().removingLastComponent().appending("Golden") }

    /// The id of a file, as text.
    func id(_ name: String) -> String { layout.first { $0.tar_name == name }!.uuid! }

    init() throws {
        path = try Scratch.directory("golden")
        golden = try JSONDecoder().decode(Golden.self, from: Data(SystemCalls.contents(of: Self.data.appending("golden.json"))))
        layout = try JSONDecoder().decode([Layout].self, from: Data(SystemCalls.contents(of: Self.data.appending("layout.json"))))
        let arguments = ["tar", "--xattrs", "--xattrs-include=user.*", "--no-same-owner", "-xJf", Self.data.appending("backing.tar.xz").string, "-C", path.string]
        try Scratch.run(arguments)
    }

    /// Where `.index` is: the archive may have a directory around everything.
    var root: FilePath {
        get throws {
            if (try? SystemCalls.status(of: path.appending(".index"))) != nil { return path }
            let directory = try SystemCalls.open(path, flags: O_RDONLY | O_DIRECTORY)
            let inner = try SystemCalls.entries(of: directory.rawValue).first { $0.name.first != UInt8(ascii: ".") }!
            return path.appending(String(decoding: inner.name, as: UTF8.self))
        }
    }

    deinit { try? Scratch.run(["rm", "-rf", path.string]) }

    /// The block of a file, as the generator makes it.
    static func block(_ file: Golden.File, _ index: UInt64, size: UInt64) -> [UInt8] {
        let seed = UInt64(file.seed.dropFirst(2), radix: 16)!
        let start = index * 4096
        func byte(_ offset: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: word(seed, offset / 8) >> (8 * (offset % 8))) }
        return (start..<min(start + 4096, size)).map { file.content == "rep8" ? byte(($0 & ~63) + ($0 & 7)) : byte($0) }
    }

    private static func word(_ seed: UInt64, _ index: UInt64) -> UInt64 {
        var value = seed &+ (index &+ 1) &* 0x9E37_79B9_7F4A_7C15
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

enum Scratch {
    struct Failure: Error { var arguments: [String]; var status: Int32 }

    /// On a file system with user attributes: /tmp may have none.
    static func directory(_ name: String) throws -> FilePath {
        var template = Array("/var/tmp/incfs-\(name)-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
        return FilePath(String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }

    static func run(_ arguments: [String]) throws {
        let pid = try SystemCalls.spawn("/usr/bin/env", ["env"] + arguments, descriptors: [0, 1, 2])
        guard let status = try SystemCalls.wait(for: pid)?.status, status == 0 else { throw Failure(arguments: arguments, status: -1) }
    }
}
