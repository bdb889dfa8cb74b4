import LinuxSystem

/// Reads a backing file record by record, believes nothing, and says all that is not as the format has it. It shares no code with
/// what writes backing files: a mistake there is not made here again.
///
///     HEADER, 56 bytes                          RECORD, 23 bytes and its body
///     OFFSET SIZE MEANING                       OFFSET SIZE MEANING
///          0    8 magic "INCFS\0\0\0"                0    1 type
///          8    8 version, 1                         1    2 size of the whole record
///         16    2 header size, 56                    3    4 checksum in old files, else 0
///         18    2 block size, 4096                   7    8 offset of the next record, 0 is none
///         20    4 flags, 2 is a mapped file         15    8 offset of the previous one in old files, else 0
///         24    8 first record, or source offset
///         32    8 file size
///         40   16 file id, or that of the source
public struct BackingReader {
    public internal(set) var structure = BackingStructure()
    public internal(set) var findings: [BackingFinding] = []
    let bytes: BackingBytes
    /// Where the list of records cannot be followed: the place of the link that leads there, and the finding that says so.
    var broken: BrokenLink?

    /// The runs that are kept at most, so that memory has a bound.
    let mostRuns: Int
    /// Bytes may have been cut off the list of records that cannot be had from anything else.
    var mayHaveLost = false

    /// What is listed of one file at most: a map of two thousand million entries may be wrong in each.
    public static let mostFindings = 10_000
    /// The longest record, and what each type has.
    static let longestRecord = 55
    static let sizes: [UInt8: Int] = [1: 35, 2: 37, 3: 47, 4: 55, 5: 35]
    static let names: [UInt8: String] = [0: "empty", 1: "block map", 2: "file attribute", 3: "signature", 4: "status", 5: "verity signature"]

    /// Reads everything but the stored blocks. Throws only what reading the file throws.
    public init(_ descriptor: CInt) throws(Errno) { try self.init(try BackingBytes(descriptor), isTrial: false) }

    /// `isTrial`: looks for nothing that is lost.
    init(_ bytes: BackingBytes, isTrial: Bool, mostRuns: Int = 1 << 20) throws(Errno) {
        self.bytes = bytes
        self.mostRuns = mostRuns
        structure.length = bytes.length
        guard try readHeader() else { return }
        if structure.isMapped { checkMapped(); return }
        try readRecords()
        checkWhole()
        try readMap()
        try checkRegions(isTrial: isTrial)
        checkStatus()
    }

    /// Whether anything keeps the file, or a part of it, from being used.
    public var isDamaged: Bool { findings.contains { $0.severity == .damage } }

    mutating func find(_ severity: BackingFinding.Severity, at offset: UInt64?, _ message: String, remedy: String? = nil, repair: BackingRepair? = nil) {
        if findings.count < Self.mostFindings { return findings.append(BackingFinding(severity, at: offset, message, remedy: remedy, repair: repair)) }
        // One more stands for all others, with the gravest severity of them.
        let others = findings[Self.mostFindings...].map(\.severity) + [severity]
        findings[Self.mostFindings...] = [
            BackingFinding(others.contains(.damage) ? .damage : others.contains(.warning) ? .warning : .note, at: offset, "The file has more than \(Self.mostFindings) findings; what follows, up to here, is not listed.")
        ]
    }

    /// False when nothing behind the header can be looked at.
    private mutating func readHeader() throws(Errno) -> Bool {
        let head = try bytes.read(0, 56)
        guard head.count == 56 else {
            find(.damage, at: 0, "The file has \(head.count) bytes and ends inside its header of 56: its creation was interrupted.")
            return false
        }
        func number(_ at: Int, _ size: Int) -> UInt64 { BackingBytes.number(head, at, size) }
        structure.version = number(8, 8)
        structure.flags = UInt32(number(20, 4))
        structure.firstRecord = number(24, 8)
        structure.size = number(32, 8)
        structure.identity = Array(head[40...])
        structure.regions.append((0..<56, "the header"))
        guard number(0, 8) == 0x53_4643_4E49 else { find(.damage, at: 0, "This is no backing file: it does not begin with “INCFS”."); return false }
        guard structure.version <= 1 else { find(.damage, at: 8, "The format is of version \(structure.version); only version 1 is known."); return false }
        guard number(18, 2) == 4096 else { find(.damage, at: 18, "The block size is \(number(18, 2)) instead of 4096."); return false }
        guard number(16, 2) == 56 else { find(.damage, at: 16, "The header says that it has \(number(16, 2)) bytes instead of 56."); return false }
        if structure.version == 0 { find(.warning, at: 8, "The version is 0 instead of 1.") }
        if structure.flags & 1 != 0 { find(.note, at: 20, "The header has a flag by which the first kernels marked a complete file; nothing reads it.") }
        if structure.flags & ~3 != 0 { find(.warning, at: 20, "The header has unknown flags (\(String(place: UInt64(structure.flags)))).") }
        guard structure.dataBlocks <= UInt64(Int32.max) else { find(.damage, at: 32, "The size of \(structure.size) bytes is more than 2147483647 blocks."); return false }
        return true
    }

    private mutating func checkMapped() {
        if structure.firstRecord % 4096 != 0 { find(.damage, at: 24, "The window into the source starts at \(structure.firstRecord), which is no multiple of 4096.") }
        if structure.length > 56 { find(.warning, at: 56, "A mapped file ends with its header; \(structure.length - 56) bytes follow.", remedy: "cut them off", repair: .truncate(56)) }
    }

    private mutating func readRecords() throws(Errno) {
        var offset = structure.firstRecord, previous: UInt64 = 0
        while offset != 0 {
            let link = structure.lastLink
            let found = try bytes.read(offset, Self.longestRecord)
            let declared = found.count < 23 ? 23 : Int(BackingBytes.number(found, 1, 2))
            guard found.count >= 23, declared <= max(found.count, 23) || declared > Self.longestRecord else {
                // With its block map the file is whole without what should follow.
                return breakOff(at: link, mayEnd: structure.mapBase != nil, offset, "A link at \(String(place: link)) leads to a record that is not there in full: the file ends at \(String(place: structure.length)).")
            }
            let record = BackingStructure.Record(
                offset: offset, type: found[0], size: UInt16(declared), checksum: UInt32(BackingBytes.number(found, 3, 4)), next: BackingBytes.number(found, 7, 8),
                previous: BackingBytes.number(found, 15, 8), bytes: Array(found.prefix(declared)))
            guard declared >= 23, declared <= Self.longestRecord else { return breakOff(at: link, offset, "A record says that it has \(declared) bytes; 23 to \(Self.longestRecord) are possible.") }
            guard let name = Self.names[record.type] else { return breakOff(at: link, offset, "A record has the unknown type \(record.type).") }
            structure.records.append(record)
            structure.regions.append((offset..<offset + UInt64(declared), "the \(name) record"))
            if let size = Self.sizes[record.type], declared != size {
                find(declared < size ? .damage : .warning, at: offset + 1, "The \(name) record has \(declared) bytes instead of \(size).")
            }
            checkOldFields(record, previous: previous)
            if declared >= Self.sizes[record.type] ?? 23 { try consider(record) }
            structure.lastLink = offset + 7
            guard record.next == 0 || record.next > offset else {
                return breakOff(at: offset + 7, mayEnd: structure.mapBase != nil, offset + 7, "The next record is said to be at \(String(place: record.next)), which is not behind this one.")
            }
            previous = offset
            offset = record.next
        }
    }

    /// `mayEnd`: where no other record is found that the link could lead to, the list may end there.
    private mutating func breakOff(at link: UInt64, mayEnd: Bool = false, _ place: UInt64, _ message: String) {
        if findings.count < Self.mostFindings { broken = BrokenLink(place: link, finding: findings.count, mayEnd: mayEnd) }
        find(.damage, at: place, message)
    }

    /// Files of old kernels have a checksum and a link back in each record; others have zeros there.
    private mutating func checkOldFields(_ record: BackingStructure.Record, previous: UInt64) {
        if record.checksum == 0 {
            if record.previous != 0 { find(.warning, at: record.offset + 15, "A field that is not used has the value \(record.previous) instead of 0.") }
            return
        }
        var covered = record.bytes
        for index in Array(3..<7) + Array(7..<15) { covered[index] = 0 }
        let right = BackingChecksum.of(covered)
        if right != record.checksum { find(.warning, at: record.offset + 3, "The record's checksum is \(String(place: UInt64(record.checksum))), its contents give \(String(place: UInt64(right))).") }
        if record.previous != previous { find(.warning, at: record.offset + 15, "The record says that the one before it is at \(String(place: record.previous)); it is at \(String(place: previous)).") }
    }
}
