import LinuxSystem

/// A message with its id and descriptors, as it lies on the SOCK_SEQPACKET link. Little-endian:
///
///     OFFSET SIZE MEANING
///          0    4 magic "ICKL"
///          4    2 version, 1
///          6    2 kind
///          8    8 request id; 0 for what nobody asked for
///         16    4 payload length
///         20    4 number of descriptors in the message (SCM_RIGHTS)
///         24      payload: see `KeeperMessage+Coding`
public struct KeeperPacket: Sendable, Equatable {
    public var id: UInt64
    public var message: KeeperMessage
    /// The receiver owns them.
    public var descriptors: [CInt]

    public init(id: UInt64, _ message: KeeperMessage, descriptors: [CInt] = []) {
        self.id = id
        self.message = message
        self.descriptors = descriptors
    }

    static let magic: UInt32 = 0x4C4B_4349
    static let version: UInt16 = 1
    public static let headerSize = 24
    /// Header and payload together: a message fits any socket buffer.
    public static let maximumSize = 64 << 10

    /// The bytes to send along with `descriptors`.
    public func encoded() -> [UInt8] {
        let payload = message.encodedPayload()
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.headerSize + payload.count)
        bytes.append(littleEndian: Self.magic)
        bytes.append(littleEndian: Self.version)
        bytes.append(littleEndian: message.kind)
        bytes.append(littleEndian: id)
        bytes.append(littleEndian: UInt32(payload.count))
        bytes.append(littleEndian: UInt32(descriptors.count))
        return bytes + payload
    }

    /// Checks and reads a message. Throws `.malformed`; the caller closes the descriptors then.
    public init(decoding bytes: ArraySlice<UInt8>, descriptors: [CInt]) throws(KeeperLinkError) {
        guard bytes.count <= Self.maximumSize else { throw .malformed("longer than \(Self.maximumSize) bytes") }
        var cursor = ByteCursor(bytes)
        guard try cursor.integer(UInt32.self) == Self.magic else { throw .malformed("no magic number") }
        let version = try cursor.integer(UInt16.self)
        guard version == Self.version else { throw .malformed("version \(version)") }
        let kind = try cursor.integer(UInt16.self)
        id = try cursor.integer()
        let length = try cursor.integer(UInt32.self)
        let count = try cursor.integer(UInt32.self)
        guard Int(length) == cursor.remaining else { throw .malformed("payload of \(cursor.remaining) bytes, announced \(length)") }
        guard Int(count) == descriptors.count else { throw .malformed("\(descriptors.count) descriptors, announced \(count)") }
        message = try KeeperMessage(kind: kind, payload: &cursor)
        try cursor.finish()
        guard message.descriptorRange.contains(descriptors.count) else {
            throw .malformed("\(descriptors.count) descriptors with a message of kind \(kind)")
        }
        self.descriptors = descriptors
    }
}
