/// A file, directory or symbolic link of a package, as stat(2) needs it. A trivial value.
///
///     OFFSET SIZE MEANING
///          0    1 kind: 1 regular, 2 directory, 3 symbolic link
///          1    1 reserved, 0
///          2    2 mode: the 12 permission bits
///          4    4 link count
///          8    8 size in bytes; 0 for a directory, the target's length for a symbolic link
///         16    8 data bytes: without holes
///         24    8 modification time, seconds since 1970 (signed)
///         32    4 modification time, nanoseconds
///         36    4 object, 0xFFFFFFFF for none
///         40    4 first entry of a directory, else 0
///         44    4 entry count of a directory, else 0
///         48    4 parent directory of the first name; 0 for the root
///         52    4 entry that gives the first name; 0xFFFFFFFF for the root
///         56    4 symbolic link target: offset in the string table, else 0
///         60    4 symbolic link target: length, else 0
public struct TreeNode: Sendable, Equatable {
    /// Bytes in the record.
    public static let length = 64
    /// "No object", "no entry".
    public static let none: UInt32 = 0xFFFF_FFFF

    public enum Kind: UInt8, Sendable { case regular = 1, directory = 2, symbolicLink = 3 }

    public var kind: Kind
    /// The 12 permission bits.
    public var mode: UInt16
    public var linkCount: UInt32
    /// Bytes.
    public var size: UInt64
    /// Bytes that are not holes.
    public var dataBytes: UInt64
    public var modifiedSeconds: Int64
    public var modifiedNanoseconds: UInt32
    /// The content's object, or `none`.
    public var object: UInt32 = none
    public var firstEntry: UInt32 = 0
    public var entryCount: UInt32 = 0
    public var parent: UInt32 = 0
    public var firstName: UInt32 = none
    public var targetOffset: UInt32 = 0
    public var targetLength: UInt32 = 0

    public init(kind: Kind, mode: UInt16, linkCount: UInt32, size: UInt64 = 0, dataBytes: UInt64 = 0, modifiedSeconds: Int64, modifiedNanoseconds: UInt32) {
        self.kind = kind
        self.mode = mode
        self.linkCount = linkCount
        self.size = size
        self.dataBytes = dataBytes
        self.modifiedSeconds = modifiedSeconds
        self.modifiedNanoseconds = modifiedNanoseconds
    }

    /// The object's number, nil for an empty file, a directory and a symbolic link.
    public var objectIndex: Int? { object == Self.none ? nil : Int(object) }

    /// Reads the record at `offset`; nil for an unknown kind. The caller has checked the bounds.
    @inline(__always)
    init?(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        guard let kind = Kind(rawValue: bytes[offset]) else { return nil }
        self.kind = kind
        mode = bytes.little(offset + 2)
        linkCount = bytes.little(offset + 4)
        size = bytes.little(offset + 8)
        dataBytes = bytes.little(offset + 16)
        modifiedSeconds = bytes.little(offset + 24)
        modifiedNanoseconds = bytes.little(offset + 32)
        object = bytes.little(offset + 36)
        firstEntry = bytes.little(offset + 40)
        entryCount = bytes.little(offset + 44)
        parent = bytes.little(offset + 48)
        firstName = bytes.little(offset + 52)
        targetOffset = bytes.little(offset + 56)
        targetLength = bytes.little(offset + 60)
    }

    func write(to writer: inout ByteWriter) {
        writer.integer(kind.rawValue)
        writer.zeros(1)
        writer.integer(mode)
        writer.integer(linkCount)
        writer.integer(size)
        writer.integer(dataBytes)
        writer.integer(modifiedSeconds)
        for word in [modifiedNanoseconds, object, firstEntry, entryCount, parent, firstName, targetOffset, targetLength] { writer.integer(word) }
    }
}
