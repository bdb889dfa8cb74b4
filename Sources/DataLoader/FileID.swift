import CIncrementalFS

/// A file's identity on a contract mount: 16 bytes that whoever creates the file chooses. No two files of a mount share one.
public struct FileID: Hashable, Sendable {
    /// Exactly 16.
    public let bytes: [UInt8]

    /// Nil unless there are 16 bytes.
    public init?(bytes: [UInt8]) {
        guard bytes.count == INCFS_ID_SIZE else { return nil }
        self.bytes = bytes
    }

    /// From 32 hexadecimal digits, as `.index` names files. Nil for anything else.
    public init?(_ text: String) {
        let length = text.utf8.count
        let raw = text.withCString { incfs_id_from_text($0, length) }
        guard length == 32, incfs_id_is_valid(raw) else { return nil }
        self.init(raw)
    }

    /// The identity that loaders derive from a file's metadata: the bytes themselves, or of more than 16 the head of their SHA-1.
    public init(metadata: [UInt8]) { self.init(metadata.withUnsafeBytes { incfs_id_from_metadata($0.baseAddress, $0.count) }) }

    init(_ raw: incfs_id) { bytes = withUnsafeBytes(of: raw) { Array($0) } }

    var raw: incfs_id {
        var raw = incfs_id()
        withUnsafeMutableBytes(of: &raw) { $0.copyBytes(from: bytes) }
        return raw
    }
}

extension FileID: CustomStringConvertible {
    /// 32 lower-case hexadecimal digits.
    public var description: String {
        var text = [CChar](repeating: 0, count: INCFS_ID_TEXT_SIZE)
        incfs_id_to_text(raw, &text)
        return String(decoding: text.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
