import BackingCheck
import ContractVolume
import Glibc
import LinuxSystem
import Testing

/// What a mount takes away before it begins, and what it must not.
@Suite struct SweepTests {
    private let id = String(repeating: "ab", count: 16)

    /// A directory in which every name is a file of its own.
    private func with(_ names: [String], hasIdentity: Bool = true, _ body: (FilePath, BackingDirectory) throws -> Void) throws {
        let place = FilePath("/tmp/incfs-sweep-\(getpid())-\(UInt32.random(in: 0 ... .max))")
        try SystemCalls.makeDirectory(place, mode: 0o755)
        defer { try? SystemCalls.removeTree(place) }
        let directory = try BackingDirectory(place)
        try SystemCalls.makeDirectory(place.appending("sub"), mode: 0o755)
        for name in names {
            let file = try SystemCalls.open(place.pushing(FilePath(name)), flags: O_RDWR | O_CREAT, mode: 0o644)
            if hasIdentity { try BackingAttributes.set(BackingAttributes.id, Array(id.utf8), ofDescriptor: file.rawValue) }
        }
        try body(place, directory)
    }

    private func exists(_ place: FilePath, _ name: String) -> Bool { (try? SystemCalls.status(of: place.pushing(FilePath(name)))) != nil }

    @Test func entriesWithoutANameGo() throws {
        try with([".index/" + id, ".incomplete/" + id]) { place, directory in
            directory.sweep()
            #expect(!exists(place, ".index/" + id) && !exists(place, ".incomplete/" + id))
        }
    }

    /// A copy without its hard links: the files are there under their names, and loaders and mapped files find them by their ids.
    @Test(arguments: ["file", "sub/file"]) func aCopyWithoutHardLinksKeepsItsIndex(name: String) throws {
        try with([".index/" + id, ".incomplete/" + id, name]) { place, directory in
            directory.sweep()
            #expect(exists(place, ".index/" + id) && exists(place, ".incomplete/" + id) && exists(place, name))
        }
    }

    /// Somebody else's file is no name of it.
    @Test func anotherFileDoesNotKeepThem() throws {
        try with([".index/" + id]) { place, directory in
            let other = try SystemCalls.open(place.appending("other"), flags: O_RDWR | O_CREAT, mode: 0o644)
            try BackingAttributes.set(BackingAttributes.id, Array(String(repeating: "cd", count: 16).utf8), ofDescriptor: other.rawValue)
            directory.sweep()
            #expect(!exists(place, ".index/" + id) && exists(place, "other"))
        }
    }
}
