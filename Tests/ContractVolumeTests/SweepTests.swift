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

    /// A backing file of its own in `.index`, with so many data blocks stored.
    private func made(_ name: String, in directory: BackingDirectory, place: FilePath, blocks: UInt32, stored: UInt32) throws {
        let file = try SystemCalls.open(place.pushing(FilePath(name)), flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o644)
        let identity = try #require(FileID(text: id.utf8))
        try BackingAttributes.set(BackingAttributes.id, Array(id.utf8), ofDescriptor: file.rawValue)
        try VolumeFile.initialize(file.rawValue, id: identity, size: UInt64(blocks) * 4096, signature: nil)
        if stored == 0 { return }
        let opened = try directory.files.open(file.rawValue).file
        let bytes = [UInt8](repeating: 1, count: 4096)
        let result = bytes.withUnsafeBytes { opened.fill((0..<stored).map { FillBlock(index: $0, data: 0..<4096, compression: 0, isHash: false) }, from: $0) }
        #expect(result.error == nil)
    }

    /// The kernel implementation leaves a file behind whose last name another one was renamed over, and shows it in `.index`. Ours goes on with its removal.
    @Test func whatHasDataAndNoNameStays() throws {
        // A mark of long ago is that of a removal which did not come to pass.
        for (stored, marked, stays) in [(0, nil, false), (1, nil, true), (2, nil, true), (2, 0, false), (2, 3600, true), (2, -3600, true)] as [(UInt32, Int?, Bool)] {
            try with([]) { place, directory in
                try made(".index/" + id, in: directory, place: place, blocks: 2, stored: stored)
                if let marked {
                    let file = try SystemCalls.open(place.appending(".index").appending(id), flags: O_RDWR)
                    try BackingAttributes.markUnlinked(file.rawValue)
                    if marked != 0 { try BackingAttributes.set(BackingAttributes.unlinked, Array("\(time(nil) - marked)".utf8), ofDescriptor: file.rawValue) }
                }
                directory.sweep()
                #expect(exists(place, ".index/" + id) == stays, "\(stored) \(String(describing: marked))")
            }
        }
    }

    /// Anybody may have written it.
    @Test(arguments: ["", "x", "-1", "\(Int64.min)", "\(Int64.max)", "99999999999999999999"]) func aMarkThatIsNoTimeMarksNothing(mark: String) throws {
        try with([]) { place, directory in
            try made(".index/" + id, in: directory, place: place, blocks: 2, stored: 2)
            let file = try SystemCalls.open(place.appending(".index").appending(id), flags: O_RDWR)
            try BackingAttributes.set(BackingAttributes.unlinked, Array(mark.utf8), ofDescriptor: file.rawValue)
            directory.sweep()
            #expect(exists(place, ".index/" + id))
        }
    }

    /// Its entry in `.incomplete` goes when it is complete, as that of any file.
    @Test func whatIsCompleteIsNotIncomplete() throws {
        try with([]) { place, directory in
            try made(".index/" + id, in: directory, place: place, blocks: 2, stored: 2)
            let file = try SystemCalls.open(place.appending(".index").appending(id), flags: O_RDWR)
            try SystemCalls.link(file.rawValue, as: Array(id.utf8), in: directory.incomplete)
            directory.sweep()
            #expect(exists(place, ".index/" + id) && !exists(place, ".incomplete/" + id))
        }
    }

    /// A name that is no id is nobody's creation; a header that cannot be read may be in front of data.
    @Test func whatIsNotOursStays() throws {
        let name = String(repeating: "g", count: 32)
        try with([".index/" + name]) { place, directory in
            try made(".index/" + id, in: directory, place: place, blocks: 2, stored: 2)
            let file = try SystemCalls.open(place.appending(".index").appending(id), flags: O_RDWR)
            try [UInt8(0xFF)].withUnsafeBytes { try SystemCalls.pwriteAll(file.rawValue, $0, at: 16) }
            directory.sweep()
            #expect(exists(place, ".index/" + name) && exists(place, ".index/" + id))
        }
    }

    /// A mapped file finds its source by the entry, whatever names that has and whatever is in it.
    @Test(arguments: [0, 2] as [UInt32]) func theSourceOfAMappedFileStays(stored: UInt32) throws {
        try with([]) { place, directory in
            try made(".index/" + id, in: directory, place: place, blocks: 2, stored: stored)
            let file = try SystemCalls.open(place.appending("sub").appending("window"), flags: O_RDWR | O_CREAT, mode: 0o644)
            try VolumeFile.initializeMapped(file.rawValue, source: try #require(FileID(text: id.utf8)), offset: 0, size: 4096)
            directory.sweep()
            #expect(exists(place, ".index/" + id))
            #expect(try directory.files.open(file.rawValue).isMapped)
        }
    }

    /// Counters that a death left behind, of a file whose map is looked at in several pieces: the last missing block decides, wherever it is.
    @Test func aLongMapIsLookedAtToItsEnd() throws {
        let blocks: UInt32 = 3 * 65536 + 17
        for missing in [nil, 0, 65535, 65536, blocks - 1] as [UInt32?] {
            try with([]) { place, directory in
                let name = ".incomplete/" + id
                try made(name, in: directory, place: place, blocks: blocks, stored: 1)
                let file = try SystemCalls.open(place.pushing(FilePath(name)), flags: O_RDWR)
                try SystemCalls.link(file.rawValue, as: Array("named".utf8), in: directory.root)
                let reader = try BackingReader(file.rawValue), base = try #require(reader.structure.mapBase), status = try #require(reader.structure.status)
                // Each leads to the one block that is stored, or nowhere.
                let bytes = try SystemCalls.contents(of: place.appending("named"))
                var map: [UInt8] = []
                for block in 0..<blocks { map += block == missing ? [UInt8](repeating: 0, count: 10) : Array(bytes[Int(base)..<Int(base) + 10]) }
                try map.withUnsafeBytes { try SystemCalls.pwriteAll(file.rawValue, $0, at: base) }
                try withUnsafeBytes(of: (blocks - 1).littleEndian) { try SystemCalls.pwriteAll(file.rawValue, $0, at: status.record + 23) }
                try BackingDirectory(place).sweep()
                #expect(exists(place, name) == (missing != nil), "\(String(describing: missing))")
            }
        }
    }
}
