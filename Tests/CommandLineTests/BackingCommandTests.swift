import LinuxSystem
import Testing

/// `incfs fsck` and `incfs dump`: what they print, and their exit status.
@Suite struct BackingCommandTests {
    /// A file of five bytes of which the only block is there, byte for byte as the format's worked example has it, without the status.
    private static let file: [UInt8] =
        Array("INCFS".utf8) + [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 56, 0, 0, 0x10, 0, 0, 0, 0, 0x42, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]
        + [UInt8](repeating: 7, count: 16) + [0x65, 0, 0, 0, 0, 0, 5, 0, 0, 0] + [1, 35] + [UInt8](repeating: 0, count: 21) + [56, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0] + Array("hello".utf8)

    private func write(_ bytes: [UInt8], to path: FilePath) throws {
        let file = try SystemCalls.open(path, flags: 0o101 /* O_WRONLY | O_CREAT */, mode: 0o644)
        try bytes.withUnsafeBytes { try SystemCalls.pwriteAll(file.rawValue, $0, at: 0) }
    }

    @Test func aCheckFindsRepairsAndIsContent() async throws {
        let directory = TemporaryDirectory()
        try write(Self.file, to: directory.path.appending("file"))
        let found = try await Executable.incfs.run(["fsck", directory.path.string])
        #expect(found.status == 1 && found.output.contains("file: warning: 1 data blocks and 0 hash blocks are stored, and no status record counts them. [--repair: append one]"), "\(found)")
        #expect(found.output.contains("1 file checked") && found.error.contains("fsck --repair"), "\(found)")
        let repaired = try await Executable.incfs.run(["fsck", directory.path.string, "--repair"])
        #expect(repaired.status == 0 && repaired.output.contains("[repaired: append one]") && repaired.output.contains("All is well"), "\(repaired)")
        let again = try await Executable.incfs.run(["fsck", directory.path.string, "--data", "--quiet"])
        #expect(again.status == 0 && again.output == "All is well: 1 file checked.\n", "\(again)")
        let none = try await Executable.incfs.run(["fsck", directory.path.appending("nothing").string])
        #expect(none.status == 2, "\(none)")
    }

    @Test func aDumpShowsTheStructure() async throws {
        let directory = TemporaryDirectory()
        let path = directory.path.appending("file")
        try write(Self.file, to: path)
        let whole = try await Executable.incfs.run(["dump", path.string])
        for line in ["0x0  header: version 1, file of 5 bytes (1 blocks), flags 0", "id: 07070707070707070707070707070707", "0x42  block map record (type 1), 35 bytes, the last", "0x65  block 0, raw, 5 bytes", "0x6a  end of the file"] {
            #expect(whole.output.contains(line), "\(whole)")
        }
        #expect(whole.status == 0)
        try write([9], to: directory.path.appending("other"))
        let damaged = try await Executable.incfs.run(["dump", directory.path.appending("other").string])
        #expect(damaged.status == 1 && damaged.output.contains("ends inside its header"), "\(damaged)")
    }
}
