import LinuxSystem
import Testing

@testable import ImageFormat

/// What can be in an image, at the limit and one past it; and the rules of names.
@Suite struct ImageTreeTests {
    private static let directory: UInt32 = 0o040555, regular: UInt32 = 0o100555

    @Test func aThousandInodesAndNotOneMore() throws {
        let place = try Scratch()
        let image = try place.open()
        // The root is one of them.
        for number in 0..<ImageLimits.mostInodes - 1 { #expect(try image.makeInode(size: 0, mode: Self.regular).number == UInt64(number + 3)) }
        #expect(throws: Errno.tooManyOpenFilesInSystem) { _ = try image.makeInode(size: 0, mode: Self.regular) }
        #expect(throws: Errno.tooManyOpenFilesInSystem) { _ = try image.makeInode(size: 0, mode: Self.directory) }
        let again = try place.open(.reading, "image")
        #expect(again.inodes.count == ImageLimits.mostInodes)
    }

    @Test func sizesAndModes() throws {
        let tree = ImageTree()
        try tree.checkInode(size: ImageLimits.largestFile, mode: Self.regular)
        #expect(throws: Errno.fileTooLarge) { try tree.checkInode(size: ImageLimits.largestFile + 1, mode: Self.regular) }
        #expect(throws: Errno.fileTooLarge) { try tree.checkInode(size: .max, mode: Self.regular) }
        // The size of a directory does not count.
        try tree.checkInode(size: .max, mode: Self.directory)
        for mode: UInt32 in [0, 0o555, 0o120777, 0o020666, 0o060666, 0o010666, 0o140777, 0o170000] {
            #expect(throws: Errno.invalidArgument, "\(mode)") { try tree.checkInode(size: 0, mode: mode) }
        }
        var last = tree
        last.add(ImageInode(number: ImageLimits.lastInode, size: 0, mode: Self.regular, map: nil))
        #expect(!last.canHave(inode: last.nextInode) && !last.canHave(inode: ImageLimits.lastInode) && last.canHave(inode: ImageLimits.lastInode - 1))
    }

    @Test func names() throws {
        try ImageTree.checkName([UInt8](repeating: 0x61, count: ImageLimits.longestName))
        #expect(throws: Errno.fileNameTooLong) { try ImageTree.checkName([UInt8](repeating: 0x61, count: ImageLimits.longestName + 1)) }
        for name in ["", ".", "..", "a/b", "/", "a\0"] { #expect(throws: Errno.invalidArgument, "\(name)") { try ImageTree.checkName(Array(name.utf8)) } }
        for name in ["...", "..a", ".a", " ", "\u{7f}"] { try ImageTree.checkName(Array(name.utf8)) }
        try ImageTree.checkName([0xFF, 0xFE])
    }

    @Test func asManyNamesAsThereMayBe() throws {
        var tree = ImageTree()
        tree.add(ImageInode(number: 3, size: 0, mode: Self.regular, map: nil))
        for number in 0..<ImageLimits.mostNames {
            let name = Array("\(number)".utf8)
            try tree.checkAdd(name, in: 2, to: 3)
            tree.add(name, in: 2, to: 3)
        }
        #expect(throws: Errno.noSpace) { try tree.checkAdd(Array("one more".utf8), in: 2, to: 3) }
        tree.remove(Array("7".utf8), in: 2)
        try tree.checkAdd(Array("one more".utf8), in: 2, to: 3)
    }

    @Test func asManyRecordsAsThereMayBe() throws {
        func image(records: Int) throws -> Scratch {
            let place = try Scratch()
            var bytes = ImageSuperblock.encoded(first: 32)
            for number in 0..<records {
                let at = UInt64(bytes.count)
                bytes += ImageRecord.none.encoded(previous: number == 0 ? 0 : at - 23, next: number + 1 < records ? at + 23 : 0)
            }
            try place.write(bytes)
            return place
        }
        let most = try image(records: ImageLimits.mostRecords)
        let full = try most.open()
        #expect(full.findings.isEmpty)
        #expect(throws: Errno.noSpace) { _ = try full.makeInode(size: 0, mode: Self.regular) }
        let past = try image(records: ImageLimits.mostRecords + 1)
        #expect { _ = try past.open() } throws: { ($0 as? ImageError)?.errno == .badMessage }
    }

    @Test func theRulesOfNames() throws {
        let place = try Scratch()
        let image = try place.open()
        let one = try image.makeInode(size: 0, mode: Self.directory).number, two = try image.makeInode(size: 0, mode: Self.directory).number
        let file = try image.makeInode(size: 0, mode: Self.regular).number
        let name = Array("n".utf8)
        #expect(throws: Errno.noSuchFileOrDirectory) { try image.addName(name, in: 99, to: file) }
        #expect(throws: Errno.noSuchFileOrDirectory) { try image.addName(name, in: 2, to: 99) }
        #expect(throws: Errno.noSuchFileOrDirectory) { try image.addName(name, in: 1, to: file) }
        #expect(throws: Errno.notDirectory) { try image.addName(name, in: file, to: one) }
        #expect(throws: Errno.invalidArgument) { try image.addName(name, in: one, to: one) }
        #expect(throws: Errno.invalidArgument) { try image.addName(name, in: one, to: 2) }
        #expect(throws: Errno.invalidArgument) { try image.addName(name, in: 2, to: 2) }
        #expect(throws: Errno.fileExists) { try image.addName(Array(".cmd".utf8), in: 2, to: file) }
        // Without a name yet, and all the same above.
        try image.addName(name, in: one, to: two)
        #expect(throws: Errno.invalidArgument) { try image.addName(name, in: two, to: one) }
        try image.addName(name, in: 2, to: one)
        #expect(throws: Errno.tooManyLinks) { try image.addName(Array("m".utf8), in: 2, to: one) }
        #expect(throws: Errno.tooManyLinks) { try image.addName(name, in: two, to: one) }
        #expect(throws: Errno.fileExists) { try image.addName(name, in: 2, to: file) }
        #expect(throws: Errno.directoryNotEmpty) { try image.removeName(name, in: 2) }
        #expect(throws: Errno.noSuchFileOrDirectory) { try image.removeName(Array("m".utf8), in: 2) }
        #expect(throws: Errno.notDirectory) { try image.removeName(name, in: file) }
        // Elsewhere it is a name like any other.
        try image.addName(Array(".cmd".utf8), in: two, to: file)
        try image.addName(name, in: two, to: file)
        let inode = try #require(image.inode(file))
        #expect(image.links(of: inode) == 2)
        try image.removeName(name, in: two)
        try image.removeName(Array(".cmd".utf8), in: two)
        #expect(image.links(of: inode) == 0 && image.inode(file) != nil)
        try image.removeName(name, in: one)
        try image.removeName(name, in: 2)
        // It can have a name again, and what is on the disk is what is in memory.
        try image.addName(Array("again".utf8), in: 2, to: one)
        let read = try place.open(.reading)
        #expect(read.entries(of: read.root).map(\.name) == [Array("again".utf8)])
        #expect(read.links(of: read.root) == 3 && read.inodes.map(\.number) == [2, one, two, file])
    }
}
