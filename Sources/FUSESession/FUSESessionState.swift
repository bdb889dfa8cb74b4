import FUSEProtocol

/// What a server that takes over a mount must know: the outcome of INIT, which the kernel says only once.
///
/// As bytes it is a record of fixed length, little-endian on every machine:
///
///     OFFSET SIZE MEANING
///          0    8 magic "INCFUSE1"
///          8    4 version of this record, 1
///         12    4 length of this record, 64
///         16    4 negotiated major
///         20    4 negotiated minor
///         24    8 negotiated flags, both words
///         32    4 max_readahead, bytes
///         36    4 max_write, bytes
///         40    2 max_background
///         42    2 congestion_threshold
///         44    2 max_pages
///         46    2 zero
///         48    4 time_gran, nanoseconds
///         52    4 max_stack_depth
///         56    8 zero
public struct FUSESessionState: Hashable, Sendable {
    /// The length of the record in bytes.
    public static let encodedSize = 64
    static let magic: UInt64 = 0x3145_5355_4643_4E49  // "INCFUSE1"
    static let version: UInt32 = 1

    /// What we answered to INIT.
    public var negotiated: FUSEInitReply

    public init(negotiated: FUSEInitReply) { self.negotiated = negotiated }

    /// True when the kernel sends unanswered requests again on demand.
    public var canResend: Bool { negotiated.flags.contains(.hasResend) }

    /// Why bytes are no session record.
    public enum DecodingError: Error, Hashable, Sendable {
        case tooShort
        case badMagic
        case unsupportedVersion(UInt32)
        /// A field has a value that no negotiation gives; named as in the table.
        case badField(String)
    }

    /// The record.
    public func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.encodedSize)
        func put<Value: FixedWidthInteger>(_ value: Value) { withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) } }
        put(Self.magic)
        put(Self.version)
        put(UInt32(Self.encodedSize))
        put(negotiated.major)
        put(negotiated.minor)
        put(negotiated.flags.rawValue)
        put(negotiated.maxReadahead)
        put(negotiated.maxWrite)
        put(negotiated.maxBackground)
        put(negotiated.congestionThreshold)
        put(negotiated.maxPages)
        put(UInt16(0))
        put(negotiated.timeGranularity)
        put(negotiated.maxStackDepth)
        put(UInt64(0))
        return bytes
    }

    /// Reads a record; bytes behind it are not looked at.
    public init(decoding bytes: UnsafeRawBufferPointer) throws(DecodingError) {
        guard bytes.count >= Self.encodedSize else { throw .tooShort }
        func get<Value: FixedWidthInteger>(_ offset: Int, _: Value.Type) -> Value {
            Value(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Value.self))
        }
        guard get(0, UInt64.self) == Self.magic else { throw .badMagic }
        guard get(8, UInt32.self) == Self.version else { throw .unsupportedVersion(get(8, UInt32.self)) }
        guard get(12, UInt32.self) == UInt32(Self.encodedSize) else { throw .badField("length") }
        let reply = FUSEInitReply(
            major: get(16, UInt32.self), minor: get(20, UInt32.self), maxReadahead: get(32, UInt32.self), flags: FUSEInitFlags(rawValue: get(24, UInt64.self)),
            maxBackground: get(40, UInt16.self), congestionThreshold: get(42, UInt16.self), maxWrite: get(36, UInt32.self),
            timeGranularity: get(48, UInt32.self), maxPages: get(44, UInt16.self), maxStackDepth: get(52, UInt32.self))
        guard reply.major == FUSEVersion.major else { throw .badField("major") }
        guard reply.minor >= FUSEVersion.minimumMinor, reply.minor <= FUSEVersion.minor else { throw .badField("minor") }
        guard reply.maxWrite >= 4096, reply.maxWrite <= 1 << 20 else { throw .badField("max_write") }
        guard reply.maxPages >= 1, reply.maxPages <= FUSELimits.maximumPages else { throw .badField("max_pages") }
        negotiated = reply
    }

    /// The same from an array.
    public init(decoding bytes: [UInt8]) throws(DecodingError) {
        let result = bytes.withUnsafeBytes { raw -> Result<FUSESessionState, DecodingError> in
            do throws(DecodingError) { return .success(try FUSESessionState(decoding: raw)) } catch { return .failure(error) }
        }
        self = try result.get()
    }
}
