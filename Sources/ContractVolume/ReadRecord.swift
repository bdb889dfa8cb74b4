/// One record of `.pending_reads` or `.log`:
///
///     OFFSET SIZE MEANING
///          0   16 file id
///         16    8 microseconds of CLOCK_MONOTONIC
///         24    4 block
///         28    4 serial number
///         32    4 the reader's user     only with `report_uid`
///         36    4 zero                  only with `report_uid`
public struct ReadRecord: Hashable, Sendable {
    public var file: FileID
    public var microseconds: UInt64
    public var block: UInt32
    public var serial: UInt32
    public var uid: UInt32

    public init(file: FileID, microseconds: UInt64, block: UInt32, serial: UInt32, uid: UInt32) {
        self.file = file
        self.microseconds = microseconds
        self.block = block
        self.serial = serial
        self.uid = uid
    }

    /// Bytes of a record.
    public static func size(withUser: Bool) -> Int { withUser ? 40 : 32 }

    /// Writes the record at `offset` of `buffer`, which must have the room.
    public func encode(into buffer: UnsafeMutableRawBufferPointer, at offset: Int, withUser: Bool) {
        buffer.storeBytes(of: file.low.littleEndian, toByteOffset: offset, as: UInt64.self)
        buffer.storeBytes(of: file.high.littleEndian, toByteOffset: offset + 8, as: UInt64.self)
        buffer.storeBytes(of: microseconds.littleEndian, toByteOffset: offset + 16, as: UInt64.self)
        buffer.storeBytes(of: block.littleEndian, toByteOffset: offset + 24, as: UInt32.self)
        buffer.storeBytes(of: serial.littleEndian, toByteOffset: offset + 28, as: UInt32.self)
        if withUser {
            buffer.storeBytes(of: uid.littleEndian, toByteOffset: offset + 32, as: UInt32.self)
            buffer.storeBytes(of: UInt32(0), toByteOffset: offset + 36, as: UInt32.self)
        }
    }
}
