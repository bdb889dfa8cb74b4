import ContractTesting
import ContractVolume
import Glibc
import LinuxSystem
import WriteRecorder

/// A change that was recorded.
struct RecordedWrite: CustomStringConvertible {
    var event: write_event
    var name: String
    var otherName: String
    var bytes: [UInt8]

    init(_ index: Int) {
        event = write_recorder_event(index).pointee
        name = withUnsafeBytes(of: event.name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        otherName = withUnsafeBytes(of: event.other_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        bytes = Array(UnsafeBufferPointer(start: write_recorder_bytes() + event.start, count: event.length))
    }

    var description: String {
        switch event.kind {
        case WRITE_DATA: "\(bytes.count) bytes at \(event.offset)"
        case WRITE_SIZE: "size \(event.offset)"
        case WRITE_SYNC: "sync"
        case WRITE_MODE: "mode \(event.offset)"
        case WRITE_ATTRIBUTE: "attribute \(name)"
        case WRITE_LINK: "link \(name)"
        case WRITE_UNLINK: "unlink \(name)"
        case WRITE_RENAME: "rename \(name) to \(otherName)"
        default: "mkdir \(name)"
        }
    }
}

/// A copy of a backing directory to which recorded changes are made one by one: at any moment it is what a process that died there left.
final class CrashReplica {
    let path: FilePath
    /// Directories and files of the original, by inode, as descriptors of the copy.
    private var known: [UInt64: CInt] = [:]

    init(of original: FilePath, at path: FilePath) throws {
        self.path = path
        try copy(original, path)
    }

    deinit { for descriptor in known.values { SystemCalls.close(descriptor) } }

    private func copy(_ from: FilePath, _ to: FilePath) throws {
        try SystemCalls.makeDirectories(to)
        let status = try SystemCalls.status(of: from)
        known[status.inode] = try SystemCalls.open(to, flags: SystemCalls.pathOnly | O_DIRECTORY).take()
        for name in try SystemCalls.list(from) {
            let source = from.appending(bytes: name), target = to.appending(bytes: name)
            let status = try SystemCalls.status(of: source, followSymbolicLinks: false)
            if status.kind == .directory { try copy(source, target); continue }
            if let other = known[status.inode] {
                try SystemCalls.link(other, as: name, in: known[try SystemCalls.status(of: from).inode]!)
                continue
            }
            let file = try SystemCalls.open(source, flags: O_RDONLY), made = try SystemCalls.open(target, flags: O_RDWR | O_CREAT, mode: 0o666)
            try SystemCalls.contents(of: source).withUnsafeBytes { try SystemCalls.pwriteAll(made.rawValue, $0, at: 0) }
            try SystemCalls.truncate(made.rawValue, to: status.size)
            for attribute in [BackingAttributes.id, BackingAttributes.size, BackingAttributes.metadata, BackingAttributes.verity, BackingAttributes.unlinked] {
                if let value = try SystemCalls.extendedAttribute(attribute, ofDescriptor: file.rawValue) { try BackingAttributes.set(attribute, value, ofDescriptor: made.rawValue) }
            }
            known[status.inode] = made.take()
        }
    }

    /// A file that was not there at the start begins without a name.
    private func file(_ inode: UInt64) throws -> CInt {
        if let found = known[inode] { return found }
        let made = try SystemCalls.open(path, flags: BackingDirectory.unnamedFlag | O_RDWR, mode: 0o666).take()
        known[inode] = made
        return made
    }

    /// Where a write may be cut in two: between pages; anywhere when it only makes the file longer, as nothing leads there yet.
    func cuts(_ write: RecordedWrite) throws -> [Int] {
        guard write.event.kind == WRITE_DATA, write.bytes.count > 1 else { return [] }
        let size = try SystemCalls.status(of: file(write.event.inode)).size
        var cuts = Set(write.bytes.indices.dropFirst().filter { (write.event.offset + UInt64($0)).isMultiple(of: 4096) }.prefix(2))
        if write.event.offset >= size { cuts.formUnion([1, write.bytes.count / 2, write.bytes.count - 1]) }
        return cuts.sorted()
    }

    /// Makes a change, or the first bytes of a write.
    func apply(_ write: RecordedWrite, cut: Int? = nil) throws {
        let event = write.event
        func directory(_ inode: UInt64) -> CInt? { known[inode] }
        switch event.kind {
        case WRITE_DATA:
            let bytes = cut.map { Array(write.bytes[..<$0]) } ?? write.bytes
            try bytes.withUnsafeBytes { try SystemCalls.pwriteAll(try file(event.inode), $0, at: event.offset) }
        case WRITE_SIZE: try SystemCalls.truncate(file(event.inode), to: event.offset)
        case WRITE_MODE: try SystemCalls.setMode(UInt32(event.offset), ofDescriptor: file(event.inode))
        case WRITE_ATTRIBUTE: try BackingAttributes.set(write.name, write.bytes, ofDescriptor: file(event.inode))
        case WRITE_LINK: if let parent = directory(event.parent) { try SystemCalls.link(file(event.inode), as: Array(write.name.utf8), in: parent) }
        case WRITE_UNLINK: if let parent = directory(event.parent) { try SystemCalls.remove(Array(write.name.utf8), in: parent, directory: event.offset != 0) }
        case WRITE_RENAME:
            if let parent = directory(event.parent), let target = directory(event.other_parent) {
                try SystemCalls.rename(Array(write.name.utf8), in: parent, to: Array(write.otherName.utf8), in: target, flags: UInt32(event.offset))
            }
        case WRITE_MKDIR:
            if let parent = directory(event.parent) {
                try SystemCalls.makeDirectory(Array(write.name.utf8), in: parent, mode: UInt32(event.offset))
                known[event.inode] = try SystemCalls.open(name: Array(write.name.utf8), in: parent, flags: SystemCalls.pathOnly | O_DIRECTORY).take()
            }
        default: break
        }
    }
}
