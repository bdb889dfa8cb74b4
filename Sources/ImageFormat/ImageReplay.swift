import Glibc
import LinuxSystem

/// Reads an image from its start to its end: the records one after the other, then what the block maps lead to.
struct ImageReplay {
    private(set) var tree = ImageTree()
    /// The last record that counts; 0 is none.
    private(set) var last: UInt64 = 0
    private(set) var records = 0
    /// Behind everything that counts.
    private(set) var end = UInt64(ImageLayout.superblockSize)
    /// Where an entry stands whose data lies behind the end of the file.
    private(set) var lostEntries: [UInt64] = []
    private(set) var findings = ImageFindings()

    private let descriptor: CInt
    private let length: UInt64
    private var extents: [Range<UInt64>] = [0..<UInt64(ImageLayout.superblockSize)]

    init(_ descriptor: CInt) throws(ImageError) {
        self.descriptor = descriptor
        length = try ImageError.attempt("its size") { () throws(Errno) in try SystemCalls.status(of: descriptor) }.size
        var next = try ImageSuperblock.firstRecord(try read(0, ImageLayout.superblockSize))
        while next != 0 { next = try record(at: next) }
        try checkExtents()
        for inode in tree.inodes.values { try scan(inode) }
        findings.lostBlocks = UInt64(lostEntries.count)
        findings.looseBytes = length > end ? length - end : 0
    }

    /// At most `count` bytes; fewer at the end of the file.
    private func read(_ offset: UInt64, _ count: Int) throws(ImageError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        guard offset < UInt64(Int64.max) else { return [] }
        let got = try ImageError.attempt("reading it") { () throws(Errno) in try SystemCalls.preadAll(descriptor, bytes: &bytes, at: offset) }
        return Array(bytes.prefix(got))
    }

    // MARK: Records

    /// Takes the record at `offset`; where the next one is, 0 is nowhere.
    private mutating func record(at offset: UInt64) throws(ImageError) -> UInt64 {
        guard records < ImageLimits.mostRecords else { throw .damaged(offset, "there are more than \(ImageLimits.mostRecords) records") }
        guard offset <= length else { throw .damaged(offset, "a record lies behind the end of the file, which is cut off") }
        let (record, header) = try ImageRecord.parse(try read(offset, ImageLayout.longestRecord), at: offset)
        let behind = offset + UInt64(header.size)
        guard header.previous == last else { throw .damaged(offset + 15, "the record does not lead back to the one before it") }
        guard header.next == 0 || header.next >= behind else { throw .damaged(offset + 7, "the record leads backwards") }
        try apply(record, at: offset)
        extents.append(offset..<behind)
        end = max(end, behind)
        last = offset
        records += 1
        return header.next
    }

    private mutating func apply(_ record: ImageRecord, at offset: UInt64) throws(ImageError) {
        switch record {
        case .none: break
        case .inode(let number, let size, let mode):
            guard tree.canHave(inode: number) else { throw .damaged(offset + 23, "the inode \(number) cannot be or is there already") }
            let mode = UInt32(mode)
            do throws(Errno) { try tree.checkInode(size: size, mode: mode) } catch {
                throw .damaged(offset, error == .tooManyOpenFilesInSystem ? "there are more than \(ImageLimits.mostInodes) inodes" : "an inode of mode 0\(String(mode, radix: 8)) and \(size) bytes")
            }
            tree.add(ImageInode(number: number, size: mode & 0o170000 == UInt32(S_IFDIR) ? 0 : size, mode: mode, map: nil))
        case .blockMap(let number, let base, let count):
            guard let inode = tree.inodes[number], !inode.isDirectory else { throw .damaged(offset + 23, "a block map of inode \(number), which is no file") }
            guard inode.map == nil else { throw .damaged(offset + 23, "a second block map of inode \(number)") }
            guard UInt64(count) == inode.blocks else { throw .damaged(offset + 39, "a block map of \(count) entries for \(inode.blocks) blocks") }
            let (behind, overflow) = base.addingReportingOverflow(UInt64(count) * UInt64(ImageLayout.entrySize))
            guard !overflow, base >= UInt64(ImageLayout.superblockSize), behind <= length else { throw .damaged(offset + 31, "a block map that lies outside the file") }
            if count > 0 {
                tree.replace(ImageInode(number: number, size: inode.size, mode: inode.mode, map: base))
                extents.append(base..<behind)
                end = max(end, behind)
            }
        case .add(let directory, let child, let name):
            do throws(Errno) { try tree.checkAdd(name, in: directory, to: child) } catch {
                throw .damaged(offset, "inode \(child) cannot have the name “\(String(decoding: name, as: UTF8.self))” in inode \(directory): \(error)")
            }
            tree.add(name, in: directory, to: child)
        case .remove(let directory, _, let name):
            do throws(Errno) { _ = try tree.checkRemove(name, in: directory) } catch {
                throw .damaged(offset, "the name “\(String(decoding: name, as: UTF8.self))” cannot be removed from inode \(directory): \(error)")
            }
            tree.remove(name, in: directory)
        }
    }

    /// Block maps are written in place: one that lies over something else would destroy it.
    private mutating func checkExtents() throws(ImageError) {
        extents.sort { $0.lowerBound < $1.lowerBound }
        for (one, other) in zip(extents, extents.dropFirst()) where one.upperBound > other.lowerBound {
            throw .damaged(other.lowerBound, "a block map lies over something else")
        }
        extents = []
    }

    // MARK: Blocks

    private static let entriesAtOnce = 4096

    /// Where the file's data ends, and which of it cannot be there. Holes of the map are skipped.
    private mutating func scan(_ inode: ImageInode) throws(ImageError) {
        guard let base = inode.map else { return }
        let entrySize = UInt64(ImageLayout.entrySize), behind = base + inode.blocks * entrySize
        var position = base
        while position < behind {
            position = nextEntry(at: position, base: base)
            guard position < behind else { return }
            let count = Int(min(UInt64(Self.entriesAtOnce), (behind - position) / entrySize))
            let bytes = try read(position, count * ImageLayout.entrySize)
            guard bytes.count == count * ImageLayout.entrySize else { throw .damaged(position, "a block map that is cut off") }
            bytes.withUnsafeBytes { raw in
                for index in 0..<count {
                    let entry = ImageEntry(raw, index)
                    guard entry.isPresent else { continue }
                    if entry.end <= length { end = max(end, entry.end) } else { lostEntries.append(position + UInt64(index) * entrySize) }
                }
            }
            position += UInt64(count) * entrySize
        }
    }

    /// The entry at `position`, or the first one behind it that is not wholly a hole of the file.
    private func nextEntry(at position: UInt64, base: UInt64) -> UInt64 {
        let entrySize = UInt64(ImageLayout.entrySize)
        do throws(Errno) {
            let data = try SystemCalls.seek(descriptor, position, whence: 3 /* SEEK_DATA */)
            return max(position, base + (data - base) / entrySize * entrySize)
        } catch { return error == .noSuchAddressOrDevice ? .max : position }
    }
}

extension SystemCalls {
    /// `preadAll` into an array.
    static func preadAll(_ descriptor: CInt, bytes: inout [UInt8], at offset: UInt64) throws(Errno) -> Int {
        var failure: Errno?
        let count = bytes.withUnsafeMutableBytes { buffer -> Int in
            do throws(Errno) { return try preadAll(descriptor, into: buffer, at: offset) } catch { failure = error; return 0 }
        }
        if let failure { throw failure }
        return count
    }

    /// `pwriteAll` of an array.
    static func pwriteAll(_ descriptor: CInt, bytes: [UInt8], at offset: UInt64) throws(Errno) {
        var failure: Errno?
        bytes.withUnsafeBytes { raw in do throws(Errno) { try pwriteAll(descriptor, raw, at: offset) } catch { failure = error } }
        if let failure { throw failure }
    }
}
