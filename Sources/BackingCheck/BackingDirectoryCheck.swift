import Glibc
import LinuxSystem

/// Checks a backing directory: every file in it, and that the names fit each other. Looks at nothing outside the directory and
/// follows no symbolic link.
public final class BackingDirectoryCheck {
    public private(set) var findings: [BackingFinding] = []
    public private(set) var filesChecked: UInt64 = 0
    private let root: CInt
    private let readsData: Bool

    /// Checks the directory at `path`. `readsData`: decode each block and compare it with the hash tree as well.
    ///
    /// Throws what opening and listing the directory throws, and what reading a file throws for reasons of the disk.
    public init(_ path: FilePath, readsData: Bool) throws(Errno) {
        root = try SystemCalls.open(path, flags: O_RDONLY | O_DIRECTORY).take()
        self.readsData = readsData
        var inventory = BackingInventory()
        try inventory.walk(root)
        findings += inventory.findings
        // A mapped file's window is held against the size of its source.
        var sizes: [String: UInt64] = [:]
        var mapped: [(file: BackingInventory.File, structure: BackingStructure)] = []
        var nameless: [(file: BackingInventory.File, id: String)] = []
        for file in inventory.sorted {
            filesChecked += 1
            guard let descriptor = try open(file) else { continue }
            var reader = try BackingReader(descriptor.rawValue)
            let isSound = !reader.isDamaged
            if readsData { try reader.checkData() }
            var found = reader.findings
            if reader.structure.length >= 56, !reader.structure.identity.isEmpty {
                found += BackingNames.findings(file, reader.structure, descriptor.rawValue, isSound: isSound, isDamaged: reader.isDamaged)
                if let lost = BackingNames.lostSeal(reader.structure, descriptor.rawValue) {
                    for index in found.indices where found[index].repair?.dropsRecords ?? false { (found[index].remedy, found[index].repair) = (nil, nil) }
                    found.append(lost)
                }
                if file.paths.isEmpty, let name = file.indexName, !reader.structure.isMapped { nameless.append((file, name)) }
                if reader.structure.isMapped { mapped.append((file, reader.structure)) } else if let name = file.indexName { sizes[name] = reader.structure.size }
            } else if file.paths.isEmpty, let name = file.indexName {
                found.append(BackingFinding(.warning, "Nothing shows this file, whose creation was interrupted.", remedy: "remove it", repair: .unlink(name, in: ".index")))
            }
            findings += found.map { $0.of(file) }
        }
        let sources = Set(mapped.map { String(hex: $0.structure.identity) })
        for (file, id) in nameless where !sources.contains(id) {
            findings.append(BackingFinding(.warning, "No name shows this file; only the special file .index does.").of(file))
        }
        for (file, structure) in mapped {
            let source = String(hex: structure.identity)
            guard let size = sizes[source] else {
                findings.append(BackingFinding(.damage, at: 40, "The source of the mapped file, .index/\(source), is not there: it cannot be opened (ENOENT).").of(file))
                continue
            }
            if structure.firstRecord > size || structure.size > size - structure.firstRecord {
                findings.append(BackingFinding(.warning, at: 24, "The window of \(structure.size) bytes from \(structure.firstRecord) on ends behind its source, which has \(size) bytes.").of(file))
            }
        }
    }

    deinit { SystemCalls.close(root) }

    /// nil when the file is gone or cannot be opened, which is a finding.
    private func open(_ file: BackingInventory.File) throws(Errno) -> OwnedDescriptor? {
        do throws(Errno) { return try SystemCalls.open(file.handle, beneath: root, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK) } catch {
            findings.append(BackingFinding(.damage, "The file cannot be opened: \(error).").of(file))
            return nil
        }
    }

    public var damage: Int { findings.count { $0.severity == .damage && !$0.isRepaired } }
    public var warnings: Int { findings.count { $0.severity == .warning && !$0.isRepaired } }

    /// Does what can be done, once, and marks what has been done. Nobody may use the directory meanwhile. After it, check again:
    /// what a repair uncovers is found then.
    public func repair() throws(Errno) {
        var start = 0
        while start < findings.count {
            let file = findings[start].handle
            let end = findings[start...].firstIndex { $0.handle != file } ?? findings.count
            if findings[start..<end].contains(where: { $0.repair != nil }) { try repair(start..<end, of: file) }
            start = end
        }
    }

    /// What was found of one file; it is on the disk when this returns.
    private func repair(_ indices: Range<Int>, of path: [UInt8]) throws(Errno) {
        let unlinks = indices.filter { if case .unlink = findings[$0].repair { true } else { false } }
        if unlinks.count < indices.count(where: { findings[$0].repair != nil }) {
            let file = try SystemCalls.open(path, beneath: root, flags: O_RDWR | O_NOFOLLOW)
            var isCut = false
            for index in indices {
                guard let repair = findings[index].repair else { continue }
                switch repair {
                case .unlink: continue
                // Offsets count only as long as nothing has been cut off or appended.
                case .append where isCut: continue
                case .truncate: isCut = true
                default: break
                }
                do throws(Errno) { try apply(repair, to: file.rawValue) } catch {
                    // Two files of one id: which is the right one is not for us to say.
                    if case .link = repair, error == .fileExists { continue }
                    throw error
                }
                findings[index].isRepaired = true
            }
            try SystemCalls.fsync(file.rawValue)
        }
        // The file may have no other name.
        for index in unlinks {
            guard case .unlink(let name, let directory) = findings[index].repair else { continue }
            let special = try SystemCalls.open(name: Array(directory.utf8), in: root, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            try SystemCalls.remove(Array(name.utf8), in: special.rawValue)
            findings[index].isRepaired = true
        }
    }

    private func apply(_ repair: BackingRepair, to file: CInt) throws(Errno) {
        switch repair {
        case .write(let bytes, let offset): try write(bytes, offset, file)
        case .append(let record, let link):
            let end = try SystemCalls.status(of: file).size
            try write(record, end, file)
            try SystemCalls.fdatasync(file)
            try write(BackingBytes.bytes(end, 8), link, file)
        case .truncate(let end): try SystemCalls.truncate(file, to: end)
        case .setAttribute(let name, let value):
            var failure: Errno?
            value.withUnsafeBytes { raw in do throws(Errno) { try SystemCalls.setExtendedAttribute(name, raw, ofDescriptor: file) } catch { failure = error } }
            if let failure { throw failure }
        case .link(let name, let directory):
            do throws(Errno) { try SystemCalls.makeDirectory(Array(directory.utf8), in: root, mode: 0o777) } catch { guard error == .fileExists else { throw error } }
            let special = try SystemCalls.open(name: Array(directory.utf8), in: root, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            try SystemCalls.link(file, as: Array(name.utf8), in: special.rawValue)
        case .unlink: break
        }
    }

    private func write(_ bytes: [UInt8], _ offset: UInt64, _ descriptor: CInt) throws(Errno) {
        var failure: Errno?
        bytes.withUnsafeBytes { raw in do throws(Errno) { try SystemCalls.pwriteAll(descriptor, raw, at: offset) } catch { failure = error } }
        if let failure { throw failure }
    }
}
