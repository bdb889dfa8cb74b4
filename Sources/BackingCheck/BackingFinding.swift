/// Something that a check found, in words for a person.
public struct BackingFinding: Hashable, Sendable, Codable {
    public enum Severity: String, Hashable, Sendable, Codable {
        /// The file, or part of it, cannot be used.
        case damage
        /// It can be used, and is not as it should be.
        case warning
        /// Worth knowing; nothing is wrong.
        case note
    }

    /// The path relative to the backing directory; readable, where it is not UTF-8.
    public internal(set) var path: String
    /// The bytes of a path that is not UTF-8, in hexadecimal.
    public internal(set) var pathBytes: String?
    /// The place in the backing file, in bytes; nil where it is none of the file's contents.
    public var offset: UInt64?
    public var severity: Severity
    public var message: String
    /// What `--repair` can do about it, in words; nil: nothing.
    public var remedy: String?
    public var isRepaired = false
    /// What is to be done.
    var repair: BackingRepair?
    /// The path by which a repair opens the file.
    var handle: [UInt8] = []

    init(_ severity: Severity, at offset: UInt64? = nil, _ message: String, remedy: String? = nil, repair: BackingRepair? = nil, path: String = "") {
        self.path = path
        self.offset = offset
        self.severity = severity
        self.message = message
        self.remedy = remedy
        self.repair = repair
    }

    /// The same, of a file.
    func of(_ file: BackingInventory.File) -> BackingFinding {
        var finding = self
        finding.path = file.title
        finding.pathBytes = Array(file.title.utf8) == file.name ? nil : String(hex: file.name)
        finding.handle = file.handle
        return finding
    }

    private enum CodingKeys: String, CodingKey { case path, pathBytes, offset, severity, message, remedy, isRepaired = "repaired" }
}

/// A change that loses nothing which could be read before.
enum BackingRepair: Hashable, Sendable {
    /// Writes bytes over others.
    case write([UInt8], at: UInt64)
    /// Appends a record and links it from a place.
    case append([UInt8], linkedFrom: UInt64)
    /// Cuts what belongs to nothing off the end.
    case truncate(UInt64)
    case setAttribute(String, [UInt8])
    /// Makes another name of the file in one of the two special directories, or removes one.
    case link(String, in: String)
    case unlink(String, in: String)

    /// Whether bytes go that records may lie in, or the way to them.
    var dropsRecords: Bool {
        switch self {
        case .truncate, .append: true
        case .write(let bytes, _): bytes == [UInt8](repeating: 0, count: 8)
        default: false
        }
    }
}
